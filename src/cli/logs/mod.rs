//! `duologue logs`: one file per subcommand, and here what they share.

mod diff;
mod document;
mod export;
mod grep;
mod ls;
mod place;
mod recover;
mod replay;
mod report;
mod show;
mod stats;
mod tail;
mod units;
mod verify;

use clap::Subcommand;

pub(super) use place::since;
pub(super) use units::{moment, time};

use super::output::{escaped_json, print};
use crate::call_log::{LogFormat, render};
use crate::error::{Error, ErrorKind, Result};

#[derive(Debug, Subcommand)]
pub(super) enum Logs {
    /// List the runs of an output directory, or the calls of a run.
    Ls(ls::Ls),
    /// Show one call whole, or all that happened to a document.
    Show(show::Show),
    /// The last calls of a run, and those that come.
    Tail(tail::Tail),
    /// Find a text in prompts, answers and errors.
    Grep(grep::Grep),
    /// How two runs differ, call by call.
    Diff(diff::Diff),
    /// Totals of runs: calls, tokens, cost, times, errors; by agent and by model.
    Stats(stats::StatsArguments),
    /// Run a job with the records of a run in place of its provider.
    Replay(replay::Replay),
    /// Look for damage: checksums, gaps, the schema, call files and summary against the journal.
    Verify(verify::Verify),
    /// Write calls for other tools: JSON lines, a table, or traces.
    Export(export::Export),
    /// After a crash: end the calls that never ended, and write the call files that are missing.
    Recover(recover::Recover),
    /// Write a run as one HTML page, to read and to pass on.
    Report(report::Report),
}

impl Logs {
    pub(super) fn execute(self) -> Result<u8> {
        match self {
            Self::Ls(ls) => ls.execute(),
            Self::Show(show) => show.execute(),
            Self::Tail(tail) => tail.execute(),
            Self::Grep(grep) => grep.execute(),
            Self::Diff(diff) => diff.execute(),
            Self::Stats(stats) => stats.execute(),
            Self::Replay(replay) => replay.execute(),
            Self::Verify(verify) => verify.execute(),
            Self::Export(export) => export.execute(),
            Self::Recover(recover) => recover.execute(),
            Self::Report(report) => report.execute(),
        }
    }
}

pub(super) fn print_document(document: &impl serde::Serialize, format: LogFormat) -> Result<()> {
    let bytes = render(document, format).map_err(|error| {
        Error::new(ErrorKind::Internal, "the record cannot be printed").with_source(error)
    })?;
    let text = String::from_utf8_lossy(&bytes);
    match format {
        LogFormat::Json => print(&escaped_json(&text)),
        LogFormat::Yaml => print(&text),
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.into_iter().map(str::to_owned).collect()
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
