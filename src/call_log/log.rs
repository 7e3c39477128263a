//! The log's front: where it goes, how much it holds, and how a call begins.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::config::{LogLevel, OnError};
use super::logger::CallLogger;
use super::open_call::{OpenCall, Recording};
use super::open_tool::OpenToolCall;
use super::record::Record;
use super::redact::{SanitizeConfig, Sanitizer};
use super::tool_record::{ToolOffer, ToolRecord};
use crate::attempt::{Attempts, WireCapture};
use crate::chat::ToolDefinition;
use crate::clock::{self, Clock, SystemClock};
use crate::error::Result;
use crate::lifecycle::LifecycleEvent;

/// The way from a call to its [`CallLogger`]: every record passes here, and here alone, to be
/// stripped to the level and sanitized. A clone shares everything.
///
/// ```
/// use duologue::call_log::{CallLog, LogLevel, MemoryCallLogger};
///
/// let records = MemoryCallLogger::new();
/// let log = CallLog::new(records.clone()).with_level(LogLevel::Minimal);
/// assert!(log.is_on() && records.records().is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct CallLog {
    run_id: Arc<str>,
    /// The hashes of the tools that the logger has been told of.
    offered: Arc<Mutex<HashSet<String>>>,
    on: Option<Recording>,
}

impl CallLog {
    /// A log that hands records, sanitized by all rules, to `logger`: at the level and under the run id
    /// that the logger is [bound to](CallLogger::run), else standard ones under a new id.
    pub fn new(logger: impl CallLogger + 'static) -> Self {
        match Sanitizer::new(&SanitizeConfig::default()) {
            Ok(sanitizer) => Self::sanitized_by(sanitizer, logger),
            // Only a custom rule can be broken, and there is none; were it otherwise, no records
            // are better than records with keys in them.
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "no sanitizer, so the call log is off"
                );
                Self::off()
            }
        }
    }

    /// [`new`](Self::new) with another sanitizer.
    pub fn sanitized_by(sanitizer: Sanitizer, logger: impl CallLogger + 'static) -> Self {
        let bound = logger.run();
        let run_id = match &bound {
            Some(run) => run.run_id.to_owned(),
            None => clock::new_run_id(&SystemClock),
        };
        let level = bound.as_ref().map(|run| run.log_level).unwrap_or_default();
        let first = bound.as_ref().map_or(1, |run| run.next_sequence);
        Self {
            run_id: run_id.into(),
            offered: Arc::default(),
            on: Some(Recording {
                logger: Arc::new(logger),
                level,
                sanitizer,
                on_error: OnError::default(),
                clock: Arc::new(SystemClock),
                sequence: Arc::new(AtomicU64::new(first)),
                warned: Arc::default(),
            }),
        }
    }

    /// A log that keeps nothing and costs nothing.
    pub fn off() -> Self {
        Self {
            run_id: clock::new_run_id(&SystemClock).into(),
            offered: Arc::default(),
            on: None,
        }
    }

    /// The same log under this run id.
    pub fn with_run_id(mut self, run_id: impl Into<Arc<str>>) -> Self {
        self.run_id = run_id.into();
        self
    }

    /// The same log at this level.
    pub fn with_level(self, level: LogLevel) -> Self {
        self.change(|on| on.level = level)
    }

    /// The same log with this sanitizer.
    pub fn with_sanitizer(self, sanitizer: Sanitizer) -> Self {
        self.change(|on| on.sanitizer = sanitizer)
    }

    /// The same log with this answer to records that cannot be kept.
    pub fn with_on_error(self, on_error: OnError) -> Self {
        self.change(|on| on.on_error = on_error)
    }

    /// The same log with this source of times.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.change(|on| on.clock = clock)
    }

    fn change(mut self, change: impl FnOnce(&mut Recording)) -> Self {
        if let Some(on) = &mut self.on {
            change(on);
        }
        self
    }

    /// Whether records are kept.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// The run that records belong to.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The journal file that records go to, if there is one.
    pub fn journal(&self) -> Option<&Path> {
        Some(self.on.as_ref()?.logger.run()?.journal)
    }

    /// For what leaves by another way than the log: its own rules where there are any.
    pub(crate) fn outgoing_sanitizer(&self) -> &Sanitizer {
        match &self.on {
            Some(on) => on.sanitizer.or_default(),
            None => Sanitizer::shared_default(),
        }
    }

    /// Whether providers should keep raw requests and responses.
    pub(crate) fn wire_capture(&self) -> WireCapture {
        match &self.on {
            Some(on) if on.level == LogLevel::Full => WireCapture::On,
            _ => WireCapture::Off,
        }
    }

    /// Whether records hold the variables of the prompt.
    pub(crate) fn keeps_context(&self) -> bool {
        self.on
            .as_ref()
            .is_some_and(|on| on.level == LogLevel::Full)
    }

    /// Hands the call's start to the logger. The request may leave when this has returned.
    ///
    /// `record` is asked for only when the log is on; `attempts` is where the provider will note
    /// what it sends.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when the start could not be kept and the log is set to [`OnError::Fail`].
    pub fn begin(&self, attempts: &Attempts, record: impl FnOnce() -> Record) -> Result<OpenCall> {
        match &self.on {
            Some(on) => on.begin(attempts, &self.run_id, record()),
            None => Ok(OpenCall::unrecorded()),
        }
    }

    /// Hands the start of a tool call to the logger. The tool may run when this has returned.
    ///
    /// `record` is asked for only when the log is on.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when the start could not be kept and the log is set to [`OnError::Fail`].
    pub fn begin_tool(&self, record: impl FnOnce() -> ToolRecord) -> Result<OpenToolCall> {
        match &self.on {
            Some(on) => on.begin_tool(&self.run_id, record()),
            None => Ok(OpenToolCall::unrecorded()),
        }
    }

    /// Tells the logger which tools a model may call, the first time that it may.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when that could not be kept and the log is set to [`OnError::Fail`].
    pub(crate) fn offer(&self, hash: &str, definitions: &[ToolDefinition]) -> Result<()> {
        let Some(on) = &self.on else { return Ok(()) };
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        if offered.contains(hash) {
            return Ok(());
        }
        offered.insert(hash.to_owned());
        // Under the lock: the offer must stand in the journal before a call that names it.
        on.offer(ToolOffer::new(hash, definitions))
    }

    /// Hands to the logger what happened to the run, a document or a stage. What happened to calls and
    /// tools stands in their records.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when that could not be kept and the log is set to [`OnError::Fail`].
    pub(crate) fn happened(&self, event: &LifecycleEvent) -> Result<()> {
        match &self.on {
            Some(on) if event.subject.is_kept() => on.happened(&self.run_id, event.clone()),
            _ => Ok(()),
        }
    }

    /// Waits until every record so far is where it belongs; safe on any runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) with what was lost since the last flush.
    pub async fn flush(&self) -> Result<()> {
        match &self.on {
            Some(on) => on.logger.flush().await,
            None => Ok(()),
        }
    }

    /// [`flush`](Self::flush) for sync code; needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) with what was lost since the last flush.
    pub fn flush_blocking(&self) -> Result<()> {
        match &self.on {
            Some(on) => on.logger.flush_blocking(),
            None => Ok(()),
        }
    }
}

impl<L: CallLogger + 'static> From<L> for CallLog {
    fn from(logger: L) -> Self {
        Self::new(logger)
    }
}
