//! The guard that makes sure of one record per call, and the way of a record to its logger.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::config::{LogLevel, OnError};
use super::logger::CallLogger;
use super::record::{CallError, CallStatus, Record};
use super::redact::Sanitizer;
use crate::attempt::{Attempts, millis};
use crate::chat::{Response, Usage};
use crate::clock::{self, Clock};
use crate::cost::Cost;
use crate::error::{Error, ErrorKind, Result, SchemaViolation};
use crate::lifecycle::LifecycleEvent;

/// What a log that is on does with a record: every one passes here, and here alone, to be stripped
/// to the level and sanitized.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub(super) logger: Arc<dyn CallLogger>,
    pub(super) level: LogLevel,
    pub(super) sanitizer: Sanitizer,
    pub(super) on_error: OnError,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sequence: Arc<AtomicU64>,
    pub(super) warned: Arc<AtomicBool>,
}

impl Recording {
    /// Hands the start of a call to the logger; the rest is the guard's.
    pub(super) fn begin(
        &self,
        attempts: &Attempts,
        run_id: &str,
        mut record: Record,
    ) -> Result<OpenCall> {
        Record::SCHEMA.clone_into(&mut record.schema);
        run_id.clone_into(&mut record.run_id);
        record.sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        record.started_at = clock::rfc3339(self.clock.now());
        record.strip_to(self.level);
        record.fold_deep_values();
        record.sanitize_start(&self.sanitizer);
        // Empty as a rule, but a caller of its own may have filled in more.
        record.sanitize_end(&self.sanitizer);
        let started = self.clock.elapsed();
        if let Err(error) = self.hand_over(|logger| logger.call_started(&record)) {
            // Loggers are promised an end for every start, and another one may have kept this one.
            let end = CallEnd::failed(error.kind(), "the log failed before the request left");
            let _ = self.finish(record, attempts, started, end);
            return Err(error);
        }
        Ok(OpenCall(Some(Open {
            started,
            on: self.clone(),
            price: None,
            attempts: attempts.clone(),
            record: Box::new(record),
        })))
    }

    /// A logger that panics has lost the record, like one that fails: a second panic while the
    /// caller unwinds would abort the process.
    pub(super) fn hand_over(
        &self,
        hand_over: impl FnOnce(&dyn CallLogger) -> Result<()>,
    ) -> Result<()> {
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

    /// Hands over what happened to the run, a document or a stage.
    pub(super) fn happened(&self, run_id: &str, mut event: LifecycleEvent) -> Result<()> {
        run_id.clone_into(&mut event.run_id);
        if event.time.is_empty() {
            event.time = clock::rfc3339(self.clock.now());
        }
        if self.level < LogLevel::Standard
            && let Some(error) = &mut event.error
        {
            error.message.clear();
        }
        event.clean_by(&|text| self.sanitizer.clean(text));
        self.hand_over(|logger| logger.happened(&event))
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
        record.replay_of = attempts.replay_of().or(record.replay_of);
        if let Some(provider) = attempts.provider() {
            record.provider = provider;
        }
        record.first_byte_ms = record
            .attempts
            .last()
            .and_then(|attempt| attempt.first_byte_ms);
        record.first_token_ms = record
            .attempts
            .last()
            .and_then(|attempt| attempt.first_token_ms);
        record.limiter_wait_ms = some_millis(attempts.limiter_wait());
        record.backoff_ms = Some(record.attempts.iter().map(|attempt| attempt.delay_ms).sum())
            .filter(|sum| *sum > 0);
        record.wire = attempts.exchanges();
        if end.response.is_none()
            && let Some(remains) = attempts.remains()
        {
            record.raw_answer = some_text(remains.text);
            record.reasoning = some_text(remains.reasoning);
            record.usage = remains.usage;
        }
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

fn some_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// How a call ended, for its record.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallEnd {
    /// The provider's answer, if one came.
    pub response: Option<Response>,
    /// The answer that passed validation.
    pub answer: Option<Value>,
    /// What the call cost, when it is known.
    pub cost: Option<Cost>,
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
                hint: None,
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
            record.provider_data = response.provider_data;
            record.tool_calls = response.tool_calls;
        }
        record.cost_usd = self.cost;
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

/// What tokens cost.
pub(crate) type Price = Box<dyn Fn(&Usage) -> Option<Cost> + Send + Sync>;

struct Open {
    on: Recording,
    price: Option<Price>,
    started: Duration,
    attempts: Attempts,
    record: Box<Record>,
}

/// Debug shows the start of the call.
impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl OpenCall {
    /// The same call, which knows what its tokens cost if it is dropped.
    pub(crate) fn priced(mut self, price: Option<Price>) -> Self {
        if let Some(open) = &mut self.0 {
            open.price = price;
        }
        self
    }

    /// A call that nobody records.
    pub(super) fn unrecorded() -> Self {
        Self(None)
    }

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
        let mut end = if std::thread::panicking() {
            CallEnd::failed(ErrorKind::Internal, "a panic ended the call")
        } else {
            CallEnd::failed(ErrorKind::Cancelled, "the call was dropped before it ended")
        };
        if let (Some(price), Some(remains)) = (&open.price, open.attempts.remains()) {
            end.cost = price(&remains.usage);
        }
        // There is nobody left to tell but the tracing subscriber, and `hand_over` has told it.
        let _ = open
            .on
            .finish(*open.record, &open.attempts, open.started, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::WireCapture;
    use crate::call_log::{CallLog, MemoryCallLogger};

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
