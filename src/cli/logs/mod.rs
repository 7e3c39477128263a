//! `duologue logs`: one file per subcommand, and here what they share.

mod ls;
mod recover;
mod show;
mod stats;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::output::{print, say};
use super::{SOME_FAILED, SUCCESS};
use crate::call_log::{LogFormat, RunLog, Summary, find_runs, render};
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::text::counted;

/// How many unreadable lines of a run are named; a file of garbage has thousands.
const MOST_PROBLEMS: usize = 10;

#[derive(Debug, Subcommand)]
pub(super) enum Logs {
    /// List the runs of an output directory, or the calls of a run.
    Ls(Place),
    /// Show one call whole.
    Show(show::Show),
    /// Totals of a run: calls, tokens, times, by agent.
    Stats(Place),
    /// After a crash: end the calls that never ended, and write the call files that are missing.
    Recover(Place),
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// A run's directory; for `ls` also the directory of all runs.
    directory: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

impl Logs {
    pub(super) fn execute(self) -> Result<u8> {
        match self {
            Self::Ls(place) => place.list(),
            Self::Show(show) => show.execute(),
            Self::Stats(place) => place.stats(),
            Self::Recover(place) => place.recover(),
        }
    }
}

/// [`open`] for commands that want one run: a directory of runs gets the way to their list.
fn open_one(directory: &Path) -> Result<RunLog> {
    let has_runs = || find_runs(directory).is_ok_and(|runs| !runs.is_empty());
    if !directory.join("journal").is_dir() && has_runs() {
        let directory = directory.display();
        return Err(Error::new(
            ErrorKind::Log,
            format!("`{directory}` holds runs, and is none itself"),
        )
        .with_hint(format!("`duologue logs ls {directory}` lists them")));
    }
    open(directory)
}

/// The run, with what cannot be read said on stderr.
fn open(directory: &Path) -> Result<RunLog> {
    let run = RunLog::open(directory)?;
    for problem in run.problems().iter().take(MOST_PROBLEMS) {
        say(&format!("\x1b[1;33mwarning\x1b[0m: {problem}"));
    }
    if let Some(more) = run.problems().len().checked_sub(MOST_PROBLEMS + 1) {
        say(&format!(
            "\x1b[1;33mwarning\x1b[0m: {} more in `{}`",
            counted(more + 1, "unreadable line"),
            directory.display()
        ));
    }
    Ok(run)
}

/// Whether all of the run could be read, as an exit code.
fn completeness(run: &RunLog) -> u8 {
    if run.problems().is_empty() {
        SUCCESS
    } else {
        SOME_FAILED
    }
}

/// The totals as of now.
fn summary_of(run: &RunLog) -> Summary {
    let mut summary = run.summary();
    summary.updated_at = rfc3339(SystemTime::now());
    summary
}

fn print_document(document: &impl serde::Serialize, format: LogFormat) -> Result<()> {
    let bytes = render(document, format).map_err(|error| {
        Error::new(ErrorKind::Internal, "the record cannot be printed").with_source(error)
    })?;
    print(&String::from_utf8_lossy(&bytes))
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.into_iter().map(str::to_owned).collect()
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
