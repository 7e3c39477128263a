//! The log's front: levels, sanitizer and the guard that makes sure of one record per call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::config::{LogLevel, OnError};
use super::logger::CallLogger;
use super::record::{CallError, CallStatus, Record};
use super::redact::{SanitizeConfig, Sanitizer};
use crate::attempt::{Attempts, WireCapture, millis};
use crate::chat::Response;
use crate::clock::{self, Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result, SchemaViolation};

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
    on: Option<On>,
}

#[derive(Debug, Clone)]
struct On {
    logger: Arc<dyn CallLogger>,
    level: LogLevel,
    sanitizer: Sanitizer,
    on_error: OnError,
    clock: Arc<dyn Clock>,
    sequence: Arc<AtomicU64>,
    warned: Arc<AtomicBool>,
}

impl CallLog {
    /// A log that hands standard records, sanitized by all rules, to `logger`.
    pub fn new(logger: impl CallLogger + 'static) -> Self {
        let run_id = clock::new_run_id(&SystemClock).into();
        let sanitizer = match Sanitizer::new(&SanitizeConfig::default()) {
            Ok(sanitizer) => sanitizer,
            // Only a custom rule can be broken, and there is none; were it otherwise, no records
            // are better than records with keys in them.
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "no sanitizer, so the call log is off"
                );
                return Self { run_id, on: None };
            }
        };
        Self {
            run_id,
            on: Some(On {
                logger: Arc::new(logger),
                level: LogLevel::default(),
                sanitizer,
                on_error: OnError::default(),
                clock: Arc::new(SystemClock),
                sequence: Arc::new(AtomicU64::new(1)),
                warned: Arc::default(),
            }),
        }
    }

    /// A log that keeps nothing and costs nothing.
    pub fn off() -> Self {
        Self {
            run_id: clock::new_run_id(&SystemClock).into(),
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

    pub(crate) fn starting_at(self, sequence: u64) -> Self {
        self.change(|on| on.sequence = Arc::new(AtomicU64::new(sequence)))
    }

    fn change(mut self, change: impl FnOnce(&mut On)) -> Self {
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
        self.on.as_ref().and_then(|on| on.logger.journal())
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
    /// [`ErrorKind::Log`] when the start could not be kept and the log is set to [`OnError::Fail`].
    pub fn begin(&self, attempts: &Attempts, record: impl FnOnce() -> Record) -> Result<OpenCall> {
        let Some(on) = &self.on else {
            return Ok(OpenCall(None));
        };
        let mut record = record();
        Record::SCHEMA.clone_into(&mut record.schema);
        record.run_id = self.run_id.to_string();
        record.sequence = on.sequence.fetch_add(1, Ordering::Relaxed);
        record.started_at = clock::rfc3339(on.clock.now());
        record.strip_to(on.level);
        record.fold_deep_values();
        record.sanitize_start(&on.sanitizer);
        let started = on.clock.elapsed();
        if let Err(error) = on.hand_over(|logger| logger.call_started(&record)) {
            // Loggers are promised an end for every start, and another one may have kept this one.
            let end = CallEnd::failed(error.kind(), "the log failed before the request left");
            let _ = on.finish(record, attempts, started, end);
            return Err(error);
        }
        Ok(OpenCall(Some(Open {
            started,
            on: on.clone(),
            attempts: attempts.clone(),
            record: Box::new(record),
        })))
    }

    /// Waits until every record so far is where it belongs; safe on any runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] with what was lost since the last flush.
    pub async fn flush(&self) -> Result<()> {
        match &self.on {
            Some(on) => on.logger.flush().await,
            None => Ok(()),
        }
    }

    /// [`flush`](Self::flush) for sync code; needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] with what was lost since the last flush.
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

impl On {
    /// A logger that panics has lost the record, like one that fails: a second panic while the
    /// caller unwinds would abort the process.
    fn hand_over(&self, hand_over: impl FnOnce(&dyn CallLogger) -> Result<()>) -> Result<()> {
        let kept = catch_unwind(AssertUnwindSafe(|| hand_over(&*self.logger)))
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Log, "the call logger panicked")));
        let Err(error) = kept else {
            return Ok(());
        };
        if self.on_error == OnError::Fail {
            return Err(error);
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error = format!("{error:#}"),
                "records of LLM calls are being lost; the run goes on"
            );
        }
        Ok(())
    }

    fn finish(
        &self,
        mut record: Record,
        attempts: &Attempts,
        started: Duration,
        end: CallEnd,
    ) -> Result<()> {
        record.duration_ms = Some(millis(self.clock.elapsed().saturating_sub(started)));
        record.attempts = attempts.to_vec();
        record.first_byte_ms = record
            .attempts
            .last()
            .and_then(|attempt| attempt.first_byte_ms);
        record.limiter_wait_ms = some_millis(attempts.limiter_wait());
        record.backoff_ms = Some(record.attempts.iter().map(|attempt| attempt.delay_ms).sum())
            .filter(|sum| *sum > 0);
        record.wire = attempts.exchanges();
        end.write_to(&mut record);
        record.strip_to(self.level);
        record.fold_deep_values();
        record.sanitize_end(&self.sanitizer);
        self.hand_over(|logger| logger.call_finished(&record))
    }
}

fn some_millis(duration: Duration) -> Option<u64> {
    Some(millis(duration)).filter(|ms| *ms > 0)
}

/// How a call ended, for its record.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallEnd {
    /// The provider's answer, if one came.
    pub response: Option<Response>,
    /// The answer that passed validation.
    pub answer: Option<Value>,
    /// How the answer does not fit its schema.
    pub violations: Vec<SchemaViolation>,
    /// What had to be mended to read JSON out of the answer.
    pub fixups: Vec<String>,
    /// Why there is no valid answer.
    pub error: Option<CallError>,
    /// Whether the execution goes on with another call.
    pub goes_on: bool,
}

impl CallEnd {
    /// An end without an answer.
    pub fn failed(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            error: Some(CallError {
                kind,
                message: message.into(),
            }),
            ..Self::default()
        }
    }

    fn write_to(self, record: &mut Record) {
        record.status = Some(match &self.error {
            Some(error) => CallStatus::from(error.kind),
            None => CallStatus::Succeeded,
        });
        record.ends_execution = Some(!self.goes_on);
        if let Some(response) = self.response {
            record.raw_answer = Some(response.refusal.unwrap_or(response.text));
            record.reasoning = response.reasoning;
            record.finish_reason = response.finish_reason;
            record.response_id = response.id;
            record.response_model = response.model;
            record.usage = response.usage;
            record.structured_output = response.structured_output;
        }
        record.answer = self.answer;
        record.validation_errors = self.violations;
        record.fixups = self.fixups;
        record.error = self.error;
    }
}

/// A call on its way. Finish it with [`finish`](Self::finish); if it is dropped, the record ends as
/// `cancelled` (or `failed`, when a panic is under way), with the attempts made so far.
#[must_use = "a call that is dropped is recorded as cancelled"]
#[derive(Debug)]
pub struct OpenCall(Option<Open>);

#[derive(Debug)]
struct Open {
    on: On,
    started: Duration,
    attempts: Attempts,
    record: Box<Record>,
}

impl OpenCall {
    /// Writes how the call ended; `end` is asked for only when the log is on.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when the record could not be kept and the log is set to [`OnError::Fail`].
    pub fn finish(mut self, end: impl FnOnce() -> CallEnd) -> Result<()> {
        match self.0.take() {
            Some(open) => open
                .on
                .finish(*open.record, &open.attempts, open.started, end()),
            None => Ok(()),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let end = if std::thread::panicking() {
            CallEnd::failed(ErrorKind::Internal, "a panic ended the call")
        } else {
            CallEnd::failed(ErrorKind::Cancelled, "the call was dropped before it ended")
        };
        // There is nobody left to tell but the tracing subscriber, and `hand_over` has told it.
        let _ = open
            .on
            .finish(*open.record, &open.attempts, open.started, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call_log::MemoryCallLogger;

    fn attempts() -> Attempts {
        Attempts::new(WireCapture::Off)
    }

    #[test]
    fn a_dropped_call_leaves_one_cancelled_record() {
        let memory = MemoryCallLogger::new();
        let log = CallLog::new(memory.clone());
        drop(
            log.begin(&attempts(), || Record {
                call_id: "a".into(),
                ..Record::default()
            })
            .unwrap(),
        );
        let records = memory.records();
        assert_eq!(
            (records.len(), records[0].status),
            (1, Some(CallStatus::Cancelled))
        );
    }

    #[test]
    fn a_log_that_is_off_never_asks_for_the_record() {
        let open = CallLog::off()
            .begin(&attempts(), || unreachable!())
            .unwrap();
        open.finish(|| unreachable!()).unwrap();
    }
}
