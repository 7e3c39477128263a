//! The arguments that the subcommands of `logs` share, and the runs that they lead to.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::Timestamp;

use super::super::output::{clean_line, complain, say, warning};
use super::super::{SOME_FAILED, SUCCESS};
use crate::call_log::{Problem, RunLog, find_runs, no_run};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Filter, Run};
use crate::text::counted;

/// How many unreadable lines of a run are named; a file of garbage has thousands.
const MOST_PROBLEMS: usize = 10;

/// The one run that a command is about.
#[derive(Debug, Args)]
pub(in crate::cli) struct OneRun {
    /// The run's directory.
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which calls a command is about.
#[derive(Debug, Args)]
pub(super) struct Filters {
    /// Only calls of this agent; may be given several times.
    #[arg(long, value_name = "NAME")]
    agent: Vec<String>,
    /// Only calls that asked for this model; may be given several times.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only calls of this status; may be given several times.
    #[arg(long, value_name = "STATUS", value_parser = STATUSES)]
    status: Vec<String>,
    /// Only calls made for this document; may be given several times.
    #[arg(long, value_name = "ID")]
    document: Vec<String>,
    /// Only calls made in this stage of a flow; may be given several times.
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
    /// Only calls that began since then: `90s`, `2h`, `3days`, or a time such as 2026-11-21T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<SystemTime>,
}

const STATUSES: [&str; 10] = [
    "succeeded",
    "invalid",
    "truncated",
    "refused",
    "failed",
    "timed_out",
    "cancelled",
    "interrupted",
    "running",
    // A word of a newer version.
    "unknown",
];

impl Filters {
    /// Says on stderr that a filter left nothing, lest an empty answer look like an empty run.
    pub(super) fn warn_of_nothing(&self) {
        let hint = if self.to_filter().is_empty() {
            "no calls"
        } else {
            "no calls pass the filter"
        };
        say(hint);
    }

    pub(super) fn to_filter(&self) -> Filter {
        let mut filter = Filter::default();
        for agent in &self.agent {
            filter = filter.agent(agent);
        }
        for model in &self.model {
            filter = filter.model(model);
        }
        for status in &self.status {
            filter = filter.status(status);
        }
        for document in &self.document {
            filter = filter.document(document);
        }
        for stage in &self.stage {
            filter = filter.stage(stage);
        }
        match self.since {
            Some(time) => filter.since(time),
            None => filter,
        }
    }
}

/// A moment, or a span of time before now.
pub(in crate::cli) fn since(text: &str) -> std::result::Result<SystemTime, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.into());
    }
    let ago: Duration = humantime::parse_duration(text).map_err(|_| {
        "neither a time such as 2026-11-21T08:00:00Z nor a span such as 90s, 2h or 3days".to_owned()
    })?;
    SystemTime::now()
        .checked_sub(ago)
        .ok_or_else(|| "so long ago that there was no time yet".to_owned())
}

/// Whether `directory` is a run's own.
pub(super) fn is_run(directory: &Path) -> bool {
    directory.join("journal").is_dir()
}

/// The directories of runs that these lead to: themselves, or the runs below them.
pub(super) fn run_directories(places: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for place in places {
        if is_run(place) {
            found.push(place.clone());
            continue;
        }
        let below = find_runs(place)?;
        if below.is_empty() {
            let missing = "no directory in it has a `journal/`";
            return Err(no_run(
                place,
                io::Error::new(io::ErrorKind::NotFound, missing),
            ));
        }
        found.extend(below);
    }
    Ok(found)
}

/// All runs that these directories lead to, with what cannot be read said on stderr.
///
/// One bad run hides none of the others; when all are bad, the last one's error is that of the command.
pub(super) fn open_runs(places: &[PathBuf]) -> Result<Opened> {
    let mut opened = Opened {
        runs: Vec::new(),
        unopened: SUCCESS,
    };
    let mut last_error = None;
    for directory in run_directories(places)? {
        match open_run(&directory) {
            Ok(run) => opened.runs.push(run),
            Err(error) => {
                if let Some(earlier) = last_error.replace(error) {
                    complain(&earlier);
                }
            }
        }
    }
    match last_error {
        Some(error) if opened.runs.is_empty() => return Err(error),
        Some(error) => {
            complain(&error);
            opened.unopened = SOME_FAILED;
        }
        None => {}
    }
    Ok(opened)
}

/// The runs that could be opened.
pub(super) struct Opened {
    pub(super) runs: Vec<Run>,
    /// Whether there were others, as an exit code.
    unopened: u8,
}

impl Opened {
    /// Whether everything could be read, as an exit code; to be asked when all of it has been.
    pub(super) fn completeness(&self) -> u8 {
        completeness(&self.runs).max(self.unopened)
    }
}

/// The one run in `directory`, with what cannot be read said on stderr.
pub(super) fn open_run(directory: &Path) -> Result<Run> {
    refuse_parent(directory)?;
    let run = Run::open(directory)?;
    warn_of(run.problems(), run.unreadable(), directory);
    Ok(run)
}

/// Whether all of these runs could be read, as an exit code, with what reading them brought up said
/// on stderr.
pub(super) fn completeness<'a>(runs: impl IntoIterator<Item = &'a Run>) -> u8 {
    let mut code = SUCCESS;
    for run in runs {
        let late = run.late_problems();
        warn_of(late.iter().copied(), late.len() as u64, run.directory());
        let half_known = run.half_known();
        for (place, what) in half_known.iter().take(MOST_PROBLEMS) {
            let call = clean_line(&format!("call #{place} of run {}: {what}", run.run_id()));
            warning(&call);
        }
        if run.unreadable() > 0 || !half_known.is_empty() {
            code = SOME_FAILED;
        }
    }
    code
}

/// [`open_run`] for commands that want every record.
pub(super) fn open_log(directory: &Path) -> Result<RunLog> {
    refuse_parent(directory)?;
    let run = RunLog::open(directory)?;
    warn_of(run.problems(), run.problems().len() as u64, directory);
    Ok(run)
}

/// A directory of runs gets the way to their list.
pub(super) fn refuse_parent(directory: &Path) -> Result<()> {
    let has_runs = || find_runs(directory).is_ok_and(|runs| !runs.is_empty());
    if is_run(directory) || !has_runs() {
        return Ok(());
    }
    let directory = directory.display();
    Err(Error::new(
        ErrorKind::Log,
        format!("`{directory}` holds runs, and is none itself"),
    )
    .with_hint(format!("`duologue logs ls {directory}` lists them")))
}

/// Refuses what has no `journal/`, with what is wrong about it.
pub(super) fn refuse_other_than_run(directory: &Path) -> Result<()> {
    refuse_parent(directory)?;
    std::fs::read_dir(directory.join("journal"))
        .map(drop)
        .map_err(|error| no_run(directory, error))
}

/// Names the first of `count` unreadable lines.
fn warn_of<'a>(problems: impl IntoIterator<Item = &'a Problem>, count: u64, directory: &Path) {
    for problem in problems.into_iter().take(MOST_PROBLEMS) {
        let problem = clean_line(&problem.to_string());
        warning(&problem);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if let Some(more) = count.checked_sub(MOST_PROBLEMS + 1) {
        warning(&format!(
            "{} more in `{}`",
            counted(more + 1, "unreadable line"),
            directory.display()
        ));
    }
}
