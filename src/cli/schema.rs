//! `duologue schema`

use clap::{Args, ValueEnum};

use super::{SUCCESS, output};
use crate::call_log::{Record, Summary};
use crate::error::Result;
use crate::job::JobFile;

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// The format.
    #[arg(value_enum)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Job files.
    Job,
    /// Records of calls.
    Record,
    /// Summaries of runs.
    Summary,
}

impl Schema {
    pub(super) fn execute(self) -> Result<u8> {
        let schema = match self.format {
            Format::Job => schemars::schema_for!(JobFile),
            Format::Record => schemars::schema_for!(Record),
            Format::Summary => schemars::schema_for!(Summary),
        };
        output::print_json(&schema)?;
        Ok(SUCCESS)
    }
}
