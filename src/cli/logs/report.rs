//! `duologue logs report`

use std::path::PathBuf;

use clap::Args;

use super::super::output::{print, say};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::open_log;
use crate::error::{Error, ErrorKind, Result};
use crate::report;
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Report {
    /// The run's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where the page goes; `report.html` in the run's directory by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs report artifacts/run_20261121_031158_9433ab --open
  duologue logs report artifacts/run_20261121_031158_9433ab -o monday.html

Exit code: 0 when all of the run is in the page, 1 when some of it could not be read.";

impl Report {
    pub(super) fn execute(&self) -> Result<u8> {
        let run = open_log(&self.directory)?;
        let path = match &self.output {
            Some(path) => path.clone(),
            None => self.directory.join("report.html"),
        };
        report::write(&run, &path)?;
        say(&format!(
            "a page of {}, for any browser:",
            counted(run.records().len(), "call")
        ));
        print(&format!("{}\n", path.display()))?;
        if self.open {
            opener::open(&path).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("cannot open `{}`", path.display()),
                )
                .with_source(error)
                .with_hint("the page is written; open it in a browser by hand")
            })?;
        }
        Ok(if run.problems().is_empty() {
            SUCCESS
        } else {
            SOME_FAILED
        })
    }
}
