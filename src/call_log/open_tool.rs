//! The guard that makes sure of one record per tool call.

use std::time::Duration;

use super::config::LogLevel;
use super::open_call::Recording;
use super::tool_record::{ToolCallError, ToolOffer, ToolRecord};
use crate::attempt::millis;
use crate::clock;
use crate::error::Result;
use crate::failure::{ToolFailure, ToolStatus};

impl Recording {
    /// Hands the start of a tool call to the logger; the rest is the guard's.
    pub(super) fn begin_tool(&self, run_id: &str, mut record: ToolRecord) -> Result<OpenToolCall> {
        ToolRecord::SCHEMA.clone_into(&mut record.schema);
        run_id.clone_into(&mut record.run_id);
        record.started_at = clock::rfc3339(self.clock.now());
        record.strip_to(self.level);
        record.sanitize_start(&self.sanitizer);
        // Empty as a rule, but a caller of its own may have filled in more.
        record.sanitize_end(&self.sanitizer);
        let started = self.clock.elapsed();
        if let Err(error) = self.hand_over(|logger| logger.tool_started(&record)) {
            // Loggers are promised an end for every start, and another one may have kept this one.
            let _ = self.finish_tool(record, started, ToolCallEnd::of(ToolFailure::Cancelled));
            return Err(error);
        }
        Ok(OpenToolCall(Some(Open {
            on: self.clone(),
            started,
            record: Box::new(record),
        })))
    }

    fn finish_tool(
        &self,
        mut record: ToolRecord,
        started: Duration,
        end: ToolCallEnd,
    ) -> Result<()> {
        record.duration_ms = Some(millis(self.clock.elapsed().saturating_sub(started)));
        record.status = Some(end.status());
        record.error = end.error;
        record.result_bytes = end.result_bytes;
        record.result = end.result;
        record.permission = end.permission.or(record.permission);
        record.strip_to(self.level);
        record.sanitize_end(&self.sanitizer);
        self.hand_over(|logger| logger.tool_finished(&record))
    }

    /// Tells the logger of tools that a model may call.
    pub(super) fn offer(&self, mut offer: ToolOffer) -> Result<()> {
        if self.level < LogLevel::Standard {
            return Ok(());
        }
        offer.sanitize(&self.sanitizer);
        self.hand_over(|logger| logger.tools_offered(&offer))
    }
}

/// How a tool call ended, for its record.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ToolCallEnd {
    /// Why there is no result.
    pub error: Option<ToolCallError>,
    /// What the model is told.
    pub result: Option<String>,
    /// Bytes of the result before anything of it was left out.
    pub result_bytes: Option<u64>,
    /// The permission rule that decided, and how who was asked answered.
    pub permission: Option<String>,
}

impl ToolCallEnd {
    /// An end without a result, nothing more to be said.
    pub fn of(kind: ToolFailure) -> Self {
        Self {
            error: Some(ToolCallError {
                kind,
                message: String::new(),
            }),
            ..Self::default()
        }
    }

    fn status(&self) -> ToolStatus {
        match &self.error {
            Some(error) => error.kind.status(),
            None => ToolStatus::Succeeded,
        }
    }
}

/// A tool call under way. Finish it with [`finish`](Self::finish); if it is dropped, its record ends
/// as `cancelled`.
#[must_use = "a tool call that is dropped is recorded as cancelled"]
#[derive(Debug)]
pub struct OpenToolCall(Option<Open>);

#[derive(Debug)]
struct Open {
    on: Recording,
    started: Duration,
    record: Box<ToolRecord>,
}

impl OpenToolCall {
    /// A tool call that nobody records.
    pub(super) fn unrecorded() -> Self {
        Self(None)
    }

    /// Writes how the tool call ended; `end` is asked for only when the log is on.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when the record could not be kept and the log is set
    /// to [`OnError::Fail`](super::OnError::Fail).
    pub fn finish(mut self, end: impl FnOnce() -> ToolCallEnd) -> Result<()> {
        match self.0.take() {
            Some(open) => open.on.finish_tool(*open.record, open.started, end()),
            None => Ok(()),
        }
    }
}

impl Drop for OpenToolCall {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let end = ToolCallEnd::of(ToolFailure::Cancelled);
        // There is nobody left to tell but the tracing subscriber, and `hand_over` has told it.
        let _ = open.on.finish_tool(*open.record, open.started, end);
    }
}
