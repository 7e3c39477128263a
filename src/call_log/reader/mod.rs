//! Reading runs back: journals of any process, whole or torn, and what a crash left unfinished.

mod problem;
mod recover;
mod runs;
mod scan;
mod tail;
mod tools;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::config::{LogFormat, Views};
use super::journal::Line;
use super::paths::RunPaths;
use super::record::{CallError, CallStatus, Record};
use super::summary::{Losses, Summary};
use super::tool_record::{ToolOffer, ToolRecord};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::LifecycleEvent;
use scan::scan;

pub use problem::Problem;
pub use recover::Recovery;
pub use runs::find_runs;
pub(crate) use runs::no_run;
pub(crate) use scan::{is_abandoned, open_journal};
pub(crate) use tail::Tail;
pub(crate) use tools::{ToolCalls, Tools};

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
    tools: Tools,
    happened: Vec<LifecycleEvent>,
    rendered: HashMap<String, String>,
    /// Interrupted calls whose end no journal holds.
    unended: HashSet<String>,
    /// Calls without a call file for a reason: their process still runs, or `views` says so.
    unrendered: HashSet<String>,
    /// What the summaries on disk say was lost: nothing else knows it.
    losses: Option<Losses>,
    problems: Vec<Problem>,
    /// Calls of which this version does not know all: what it would write about them, it must not.
    half_known: HashSet<String>,
    /// What holds calls that this version knows nothing of, or may not read.
    unread: Option<Problem>,
}

impl RunLog {
    /// Reads the run in `directory`. Lines that cannot be read are listed in
    /// [`problems`](Self::problems), and so are journals that cannot be, and what a newer version
    /// wrote; the rest is read. A call that never finished, and whose process is gone, is
    /// [`Interrupted`](CallStatus::Interrupted).
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when there is no run in `directory`, or none of its journals can be opened.
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
            tools: Tools::default(),
            happened: Vec::new(),
            rendered: HashMap::new(),
            unended: HashSet::new(),
            unrendered: HashSet::new(),
            losses: None,
            problems: Vec::new(),
            half_known: HashSet::new(),
            unread: None,
        };
        let mut calls = Calls::default();
        let mut failures = Vec::new();
        for journal in &journals {
            if let Err(error) = run.read(journal, &mut calls) {
                run.leave_unread(journal, 0, format!("cannot be read: {error}"));
                let message = format!("cannot read `{}`", journal.display());
                failures.push(Error::new(ErrorKind::Log, message).with_source(error));
            }
        }
        if failures.len() == journals.len()
            && let Some(failure) = failures.pop()
        {
            return Err(failure);
        }
        run.take(calls);
        run.losses = run.noted_losses();
        run.happened.sort_by(|a, b| a.time.cmp(&b.time));
        run.records
            .sort_by(|a, b| (&a.started_at, a.sequence).cmp(&(&b.started_at, b.sequence)));
        Ok(run)
    }

    fn read(&mut self, journal: &Path, calls: &mut Calls) -> io::Result<()> {
        // Asked before reading: whoever is gone by now has written all that is read below.
        let mut origin = Origin {
            live: !is_abandoned(journal),
            views: Views::All,
        };
        let mut foreign = false;
        scan(journal, 0, &mut |number, line| match line {
            _ if foreign => {}
            Ok(Line {
                event,
                objection: Some(objection),
                ..
            }) => {
                foreign = event == "opened";
                self.leave_unread(journal, number, objection);
            }
            Ok(mut line) => {
                if let Some(surprise) = line.surprise.take() {
                    let call = line.record.as_ref().map(|record| record.call_id.clone());
                    self.half_known.extend(call);
                    self.note(journal, number, surprise.clone());
                    line.surprise = Some(surprise);
                }
                calls.tools.hear(&mut line, origin.live);
                self.hear(line, &mut origin, calls);
            }
            Err(message) => self.note(journal, number, message),
        })?;
        Ok(())
    }

    fn hear(&mut self, line: Line, origin: &mut Origin, calls: &mut Calls) {
        match (line.event.as_str(), line.record) {
            ("started", Some(record)) => calls.start(*record, *origin),
            ("finished", Some(record)) => calls.finish(*record, *origin),
            ("lifecycle", _) => self.happened.extend(line.lifecycle.map(|event| *event)),
            ("rendered", _) if is_file_name(&line.file) => {
                self.rendered.insert(line.call_id, line.file);
            }
            ("opened", _) => {
                self.run_id = line.run_id;
                self.log_level = line.log_level;
                self.format = if line.format == "json" {
                    LogFormat::Json
                } else {
                    LogFormat::Yaml
                };
                origin.views = match line.views.as_str() {
                    "none" => Views::None,
                    "failed" => Views::Failed,
                    _ => Views::All,
                };
            }
            // A newer version may say more.
            _ => {}
        }
    }

    fn note(&mut self, journal: &Path, line: usize, message: String) {
        self.problems.push(Problem {
            file: journal.to_owned(),
            line,
            message,
        });
    }

    fn leave_unread(&mut self, journal: &Path, line: usize, message: String) {
        self.note(journal, line, message);
        if self.unread.is_none() {
            self.unread = self.problems.last().cloned();
        }
    }

    fn take(&mut self, calls: Calls) {
        self.tools = calls.tools.end();
        for (mut record, call) in calls.records.into_iter().zip(calls.states) {
            let half_known = self.half_known.contains(&record.call_id);
            if !call.ended && !call.origin.live {
                interrupt(&mut record);
                if !half_known {
                    self.unended.insert(record.call_id.clone());
                }
            }
            if half_known || call.origin.live || !call.origin.views.include(&record) {
                self.unrendered.insert(record.call_id.clone());
            }
            self.records.push(record);
        }
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

    /// The tool calls in the order in which they started. One that still runs has no status; one that
    /// never ended, and whose process is gone, is
    /// [`Interrupted`](super::ToolStatus::Interrupted).
    pub fn tool_calls(&self) -> &[ToolRecord] {
        &self.tools.records
    }

    /// The tools that models could call, in the order in which they were first offered.
    pub fn tool_offers(&self) -> &[ToolOffer] {
        &self.tools.offers
    }

    /// What happened to the run, its documents and its stages, by time.
    pub fn happened(&self) -> &[LifecycleEvent] {
        &self.happened
    }

    /// [`records`](Self::records), given away.
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// The call file of a call, when it was rendered.
    pub fn call_file(&self, call_id: &str) -> Option<PathBuf> {
        self.rendered
            .get(call_id)
            .map(|file| self.paths.calls.join(file))
    }

    /// What could not be read, or not all of it.
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
        summary.losses.clone_from(&self.losses);
        summary.completed()
    }

    fn noted_losses(&self) -> Option<Losses> {
        let noted = ["summary.yaml", "summary.json"]
            .into_iter()
            .filter_map(|name| {
                let value = config::read_value(&self.paths.calls.join(name)).ok()?;
                serde_json::from_value::<Summary>(value).ok()?.losses
            });
        noted.reduce(|mut all, more| {
            all.add(&more);
            all
        })
    }
}

/// Whether `name` leads nowhere but into its directory.
pub(crate) fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

/// What is said of a call whose process is gone.
pub(crate) const INTERRUPTED: &str = "the process ended before the call did";

/// Ends a call whose process is gone.
pub(crate) fn interrupt(record: &mut Record) {
    record.status = Some(CallStatus::Interrupted);
    record.ends_execution = Some(true);
    record.error = Some(CallError {
        kind: ErrorKind::Cancelled,
        message: INTERRUPTED.to_owned(),
        hint: None,
    });
}

/// The journal that a call began in.
#[derive(Clone, Copy)]
struct Origin {
    live: bool,
    views: Views,
}

struct CallState {
    origin: Origin,
    ended: bool,
}

/// Calls by id, in the order in which they were met.
#[derive(Default)]
struct Calls {
    records: Vec<Record>,
    states: Vec<CallState>,
    by_id: HashMap<String, usize>,
    tools: ToolCalls,
}

impl Calls {
    fn start(&mut self, record: Record, origin: Origin) {
        if !self.by_id.contains_key(&record.call_id) {
            self.insert(
                record,
                CallState {
                    origin,
                    ended: false,
                },
            );
        }
    }

    fn finish(&mut self, record: Record, origin: Origin) {
        let Some(&index) = self.by_id.get(&record.call_id) else {
            return self.insert(
                record,
                CallState {
                    origin,
                    ended: true,
                },
            );
        };
        let state = &mut self.states[index];
        // A recovery only knows that a call did not end while it looked; its process knows how it ended.
        if !state.ended || record.status != Some(CallStatus::Interrupted) {
            state.ended = true;
            self.records[index] = record;
        }
    }

    fn insert(&mut self, record: Record, state: CallState) {
        self.by_id
            .insert(record.call_id.clone(), self.records.len());
        self.records.push(record);
        self.states.push(state);
    }
}
