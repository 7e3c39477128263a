//! `duologue logs report`

use std::path::PathBuf;

use clap::Args;

use super::super::SUCCESS;
use super::super::output::{print, say};
use super::place::open_log;
use crate::error::{Error, ErrorKind, Result};
use crate::report;
use crate::text::counted;

#[derive(Debug, Args)]
pub(in crate::cli) struct Report {
    /// The run's directory.
    directory: PathBuf,
    /// Where the page goes; `report.html` in the run's directory by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
}

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
        Ok(SUCCESS)
    }
}
