//! `duologue logs show`

use std::path::PathBuf;

use clap::Args;

use super::super::SUCCESS;
use super::{open_one, print_document};
use crate::call_log::{LogFormat, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::text::counted;

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The run's directory.
    directory: PathBuf,
    /// The call: its place in `logs ls` from 1, or the beginning of its id.
    call: String,
    /// Print JSON in place of YAML.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn execute(&self) -> Result<u8> {
        let run = open_one(&self.directory)?;
        let record = self.find(run.records())?;
        print_document(
            record,
            if self.json {
                LogFormat::Json
            } else {
                LogFormat::Yaml
            },
        )?;
        Ok(SUCCESS)
    }

    fn find<'a>(&self, records: &'a [Record]) -> Result<&'a Record> {
        let by_place = self
            .call
            .parse::<usize>()
            .ok()
            .and_then(|place| records.get(place.checked_sub(1)?));
        if let Some(record) = by_place {
            return Ok(record);
        }
        let by_id: Vec<&Record> = records
            .iter()
            .filter(|record| record.call_id.starts_with(&self.call))
            .collect();
        match by_id[..] {
            [record] => Ok(record),
            [] => Err(self.wrong_call(&format!("no call `{}`", self.call), records.len())),
            _ => Err(self.wrong_call(
                &format!("{} calls begin with `{}`", by_id.len(), self.call),
                records.len(),
            )),
        }
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
