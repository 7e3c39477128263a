//! `duologue logs`

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::output::{complain, print, print_json, say, table};
use super::{SOME_FAILED, SUCCESS};
use crate::call_log::{LogFormat, Record, RunLog, Summary, find_runs, render};
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
    Show(Show),
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

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The run's directory.
    directory: PathBuf,
    /// The call: its place in `logs ls` from 1, or the beginning of its id.
    call: String,
    /// Print JSON in place of YAML.
    #[arg(long)]
    json: bool,
}

impl Logs {
    pub(super) fn execute(self) -> Result<u8> {
        match self {
            Self::Ls(place) if place.directory.join("journal").is_dir() => place.list_calls(),
            Self::Ls(place) => place.list_runs(),
            Self::Show(show) => show.execute(),
            Self::Stats(place) => place.stats(),
            Self::Recover(place) => place.recover(),
        }
    }
}

impl Place {
    fn list_runs(&self) -> Result<u8> {
        let mut summaries = Vec::new();
        let mut code = SUCCESS;
        for directory in find_runs(&self.directory)? {
            match open(&directory) {
                Ok(run) => summaries.push((directory, summary_of(&run))),
                // One bad run hides none of the others.
                Err(error) => {
                    complain(&error);
                    code = SOME_FAILED;
                }
            }
        }
        if self.json {
            let summaries: Vec<&Summary> = summaries.iter().map(|(_, summary)| summary).collect();
            print_json(&summaries)?;
            return Ok(code);
        }
        if summaries.is_empty() && code == SUCCESS {
            say(&format!("no runs in `{}`", self.directory.display()));
            return Ok(code);
        }
        let mut rows = vec![row([
            "RUN",
            "STATUS",
            "CALLS",
            "FAILED",
            "TOKENS",
            "DIRECTORY",
        ])];
        for (directory, summary) in &summaries {
            rows.push(vec![
                summary.run_id.clone(),
                format!("{:?}", summary.status).to_lowercase(),
                summary.calls.to_string(),
                summary.failed_executions.to_string(),
                number(summary.usage.total_tokens()),
                directory.display().to_string(),
            ]);
        }
        print(&table(&rows))?;
        Ok(code)
    }

    fn list_calls(&self) -> Result<u8> {
        let run = open(&self.directory)?;
        if self.json {
            print_json(&run.records())?;
            return Ok(SUCCESS);
        }
        let mut rows = vec![row([
            "#", "CALL", "AGENT", "MODEL", "STATUS", "MS", "TOKENS", "STARTED",
        ])];
        for (index, record) in run.records().iter().enumerate() {
            rows.push(vec![
                (index + 1).to_string(),
                record.call_id.clone(),
                record.agent.clone(),
                record.model.clone(),
                record
                    .status
                    .map_or("running", |status| status.as_str())
                    .to_owned(),
                number(record.duration_ms),
                number(record.usage.total_tokens()),
                record.started_at.clone(),
            ]);
        }
        print(&table(&rows))?;
        Ok(SUCCESS)
    }

    fn stats(&self) -> Result<u8> {
        let summary = summary_of(&open_one(&self.directory)?);
        let format = if self.json {
            LogFormat::Json
        } else {
            LogFormat::Yaml
        };
        print_document(&summary, format)?;
        Ok(SUCCESS)
    }

    fn recover(&self) -> Result<u8> {
        let mut run = open_one(&self.directory)?;
        let recovery = run.recover()?;
        if self.json {
            print_json(&recovery)?;
        } else {
            say(&format!(
                "{}, {} written, {}",
                counted(recovery.interrupted, "interrupted call"),
                counted(recovery.rendered, "call file"),
                counted(recovery.unreadable, "unreadable line")
            ));
        }
        Ok(if recovery.unreadable == 0 {
            SUCCESS
        } else {
            SOME_FAILED
        })
    }
}

impl Show {
    fn execute(&self) -> Result<u8> {
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
        say(&format!(
            "\x1b[1;33mwarning\x1b[0m: `{}` line {}: {}",
            problem.file.display(),
            problem.line,
            problem.message
        ));
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
