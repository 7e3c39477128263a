//! `duologue schema`

use clap::{Args, ValueEnum};

use super::{SUCCESS, output};
use crate::call_log::PublishedFormat;
use crate::error::Result;
use crate::flow::envelope::Envelope;
use crate::job::JobFile;
use crate::provider::EndpointProfile;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  duologue schema job > job.schema.json")]
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
    /// Lines of a journal.
    JournalEvent,
    /// Profiles of endpoints.
    Profile,
    /// Records of tool calls.
    ToolRecord,
    /// Envelopes, as flows give them.
    Envelope,
}

impl Schema {
    pub(super) fn execute(self) -> Result<u8> {
        let published = match self.format {
            Format::Job => {
                output::print_json(&schemars::schema_for!(JobFile))?;
                return Ok(SUCCESS);
            }
            Format::Profile => {
                output::print_json(&schemars::schema_for!(EndpointProfile))?;
                return Ok(SUCCESS);
            }
            Format::Envelope => {
                output::print_json(&schemars::schema_for!(Envelope))?;
                return Ok(SUCCESS);
            }
            Format::Record => PublishedFormat::Record,
            Format::Summary => PublishedFormat::Summary,
            Format::JournalEvent => PublishedFormat::JournalEvent,
            Format::ToolRecord => PublishedFormat::ToolRecord,
        };
        output::print_json(&published.json_schema())?;
        Ok(SUCCESS)
    }
}
