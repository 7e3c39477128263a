//! Reading runs back: journals of any process, whole or torn, and what a crash left unfinished.

mod recover;
mod scan;
mod tail;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::LogFormat;
use super::paths::RunPaths;
use super::record::{CallError, CallStatus, Record};
use super::summary::Summary;
use crate::error::{Error, ErrorKind, Result};
use scan::{is_abandoned, scan};

pub use recover::Recovery;
pub(crate) use tail::Tail;

/// A place in a journal that could not be read; the rest was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The journal.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// All calls of one run, read from its journals.
///
/// ```
/// use duologue::call_log::{create_llm_logger, LoggerConfig, RunLog};
///
/// let folder = tempfile::tempdir()?;
/// let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("r1".into()), ..Default::default() };
/// drop(create_llm_logger(&config)?);
///
/// let run = RunLog::open(folder.path().join("r1"))?;
/// assert_eq!(run.summary().calls, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RunLog {
    paths: RunPaths,
    run_id: String,
    log_level: String,
    format: LogFormat,
    records: Vec<Record>,
    rendered: HashMap<String, String>,
    problems: Vec<Problem>,
}

impl RunLog {
    /// Reads the run in `directory`. Lines that cannot be read are listed in
    /// [`problems`](Self::problems); a call that never finished, and whose process is gone, is
    /// [`Interrupted`](CallStatus::Interrupted).
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when there is no run in `directory`, or a journal cannot be opened.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let paths = RunPaths::of(directory.into());
        let journals = paths
            .journals()
            .map_err(|error| no_run(&paths.root, error))?;
        let mut run = Self {
            run_id: paths
                .root
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            paths,
            log_level: String::new(),
            format: LogFormat::default(),
            records: Vec::new(),
            rendered: HashMap::new(),
            problems: Vec::new(),
        };
        let mut calls = Calls::default();
        for journal in &journals {
            run.read(journal, &mut calls)?;
        }
        run.records = calls.records;
        run.records
            .sort_by(|a, b| (&a.started_at, a.sequence).cmp(&(&b.started_at, b.sequence)));
        Ok(run)
    }

    fn read(&mut self, journal: &Path, calls: &mut Calls) -> Result<()> {
        let before = calls.records.len();
        scan(journal, 0, &mut |number, line| match line {
            Ok(line) => match (line.event.as_str(), line.record) {
                ("started", Some(record)) => calls.start(*record),
                ("finished", Some(record)) => calls.finish(*record),
                ("rendered", _) => drop(self.rendered.insert(line.call_id, line.file)),
                ("opened", _) => {
                    self.run_id = line.run_id;
                    self.log_level = line.log_level;
                    self.format = if line.format == "json" {
                        LogFormat::Json
                    } else {
                        LogFormat::Yaml
                    };
                }
                // A newer version may say more.
                _ => {}
            },
            Err(message) => {
                self.problems.push(Problem {
                    file: journal.to_owned(),
                    line: number,
                    message,
                });
            }
        })
        .map_err(|error| {
            Error::new(
                ErrorKind::Log,
                format!("cannot read `{}`", journal.display()),
            )
            .with_source(error)
        })?;
        if is_abandoned(journal) {
            calls.records[before..]
                .iter_mut()
                .filter(|record| record.status.is_none())
                .for_each(interrupt);
        }
        Ok(())
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The run's directory.
    pub fn directory(&self) -> &Path {
        &self.paths.root
    }

    /// The calls in the order in which they started. A call that still runs has no status.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The call file of a call, when it was rendered.
    pub fn call_file(&self, call_id: &str) -> Option<PathBuf> {
        self.rendered
            .get(call_id)
            .map(|file| self.paths.calls.join(file))
    }

    /// What could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The totals of all calls.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            schema: Summary::SCHEMA.to_owned(),
            run_id: self.run_id.clone(),
            log_level: self.log_level.clone(),
            format: self.format.as_str().to_owned(),
            ..Summary::default()
        };
        for record in &self.records {
            match record.status {
                Some(_) => summary.add(record),
                None => summary.calls_in_flight += 1,
            }
        }
        summary
    }
}

/// The runs below `output_dir`, in the order of their names.
///
/// # Errors
/// [`ErrorKind::Log`] when the directory cannot be read.
pub fn find_runs(output_dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(output_dir).map_err(|error| no_run(output_dir, error))?;
    let mut runs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("journal").is_dir())
        .collect();
    runs.sort();
    Ok(runs)
}

fn no_run(directory: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Log,
        format!("`{}` holds no run", directory.display()),
    )
    .with_source(error)
    .with_hint("a run's directory contains `journal/`; it is `{output_dir}/{run_id}`")
}

fn interrupt(record: &mut Record) {
    record.status = Some(CallStatus::Interrupted);
    record.ends_execution = Some(true);
    record.error = Some(CallError {
        kind: ErrorKind::Cancelled,
        message: "the process ended before the call did".to_owned(),
    });
}

/// Calls by id, in the order in which they were met.
#[derive(Default)]
struct Calls {
    records: Vec<Record>,
    by_id: HashMap<String, usize>,
}

impl Calls {
    fn start(&mut self, record: Record) {
        if !self.by_id.contains_key(&record.call_id) {
            self.insert(record);
        }
    }

    fn finish(&mut self, record: Record) {
        match self.by_id.get(&record.call_id) {
            Some(&index) => self.records[index] = record,
            None => self.insert(record),
        }
    }

    fn insert(&mut self, record: Record) {
        self.by_id
            .insert(record.call_id.clone(), self.records.len());
        self.records.push(record);
    }
}
