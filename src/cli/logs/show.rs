//! `duologue logs show`

use std::path::PathBuf;

use clap::Args;

use super::super::SUCCESS;
use super::place::open_run;
use super::print_document;
use crate::call_log::{LogFormat, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::query::Run;
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Show {
    /// The run's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The call: its place in `logs ls` from 1, or the beginning of its id.
    call: String,
    /// Print JSON in place of YAML.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs show artifacts/run_20261121_031158_9433ab 4
  duologue logs show artifacts/run_20261121_031158_9433ab call_7317 --json | jq .messages";

impl Show {
    pub(super) fn execute(&self) -> Result<u8> {
        let run = open_run(&self.directory)?;
        let record = self.find(&run)?;
        print_document(
            &record,
            if self.json {
                LogFormat::Json
            } else {
                LogFormat::Yaml
            },
        )?;
        Ok(SUCCESS)
    }

    fn find(&self, run: &Run) -> Result<Record> {
        let found = run.find(&self.call);
        let record = match found[..] {
            [place] => run.record(place),
            _ => None,
        };
        record.unwrap_or_else(|| {
            let what = match found.len() {
                0 | 1 => format!("no call `{}`", self.call),
                many => format!("{many} calls begin with `{}`", self.call),
            };
            Err(self.wrong_call(&what, run.len()))
        })
    }

    fn wrong_call(&self, what: &str, calls: usize) -> Error {
        let directory = self.directory.display();
        Error::new(
            ErrorKind::Config,
            format!(
                "{what} in `{directory}`, which has {}",
                counted(calls, "call")
            ),
        )
        .with_hint(format!("`duologue logs ls {directory}` lists them"))
    }
}
