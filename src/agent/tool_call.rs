//! One tool call: what is checked, how long it may take, and what becomes of all that can go wrong.

use std::time::Duration;

use tracing::Instrument as _;

use super::calling::Calling;
use super::execution::Execution;
use super::lifecycle::{Told, error};
use crate::attempt::millis;
use crate::call_log::{OpenToolCall, ToolCallEnd, ToolCallError, ToolRecord};
use crate::chat::{Message, ToolCall};
use crate::error::{Error, ErrorKind, Result, ToolFailure, ToolReport, ToolStatus};
use crate::lifecycle::EventError;
use crate::tool::{ToolContext, ToolError, ToolOutput};

/// What became of a tool call.
pub(super) struct Done {
    pub(super) report: ToolReport,
    pub(super) message: Message,
    /// The error that the run ends with.
    pub(super) fatal: Option<Error>,
}

/// How a tool call ended.
pub(super) struct Ended {
    /// What the model is told.
    pub(super) text: String,
    /// Bytes of the text before anything of it was left out.
    bytes: usize,
    pub(super) failure: Option<ToolFailure>,
    /// What is to be known of the failure besides the text.
    details: String,
    /// The kind of the error that the run ends with.
    pub(super) fatal: Option<ErrorKind>,
    /// Who said whether it may run.
    pub(super) permission: Option<String>,
}

impl Ended {
    pub(super) fn failed(failure: ToolFailure, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            bytes: text.len(),
            text,
            failure: Some(failure),
            details: String::new(),
            fatal: None,
            permission: None,
        }
    }

    pub(super) fn with_details(self, details: String) -> Self {
        Self { details, ..self }
    }

    pub(super) fn of(answer: std::result::Result<ToolOutput, ToolError>, max_bytes: usize) -> Self {
        let (output, failure, fatal) = match answer {
            Ok(output) => (output, None, None),
            Err(error) => {
                let fatal = error.fatal_kind();
                let failure = match fatal {
                    None => ToolFailure::Failed,
                    Some(ErrorKind::NotRecorded) => ToolFailure::NotRecorded,
                    Some(_) => ToolFailure::Fatal,
                };
                (ToolOutput::text(error.into_message()), Some(failure), fatal)
            }
        };
        Self {
            bytes: output.as_str().len(),
            text: output.clipped(max_bytes),
            failure,
            details: String::new(),
            fatal,
            permission: None,
        }
    }

    pub(super) fn record(&self) -> ToolCallEnd {
        ToolCallEnd {
            error: self.failure.map(|kind| ToolCallError {
                kind,
                message: self.details.clone(),
            }),
            result: Some(self.text.clone()),
            result_bytes: Some(self.bytes as u64),
            permission: self.permission.clone(),
        }
    }

    /// The kind that a span bears.
    fn error_kind(&self) -> Option<ErrorKind> {
        Some(match self.failure? {
            ToolFailure::Timeout => ErrorKind::Timeout,
            ToolFailure::DeadlineExceeded => ErrorKind::DeadlineExceeded,
            ToolFailure::NotRecorded => ErrorKind::NotRecorded,
            _ => ErrorKind::Tool,
        })
    }

    /// What an event says of it: nothing that the tool said.
    pub(super) fn event_error(&self) -> Option<EventError> {
        let failure = self.failure?;
        let kind = match failure {
            ToolFailure::Cancelled => ErrorKind::Cancelled,
            _ => self.error_kind()?,
        };
        Some(error(kind, format!("it gave no result: {failure}")))
    }
}

impl Execution<'_> {
    /// One tool call, from its first record to its last. An `Err` is the log's.
    pub(super) async fn run_tool(&self, index: usize, call: &ToolCall) -> Result<Done> {
        let around = self.around;
        let started = around.clock.elapsed();
        let found = self.find_tool(index, call);
        let (told, open) = self.begin_tool(index, call, started)?;
        let span = self.open_tool_span(call);
        let ended = match found {
            Ok((entry, arguments)) => {
                let context = self.tool_context(index, call);
                let calling = self.calling(&told);
                let answer = calling.call_if_permitted(entry, arguments, context);
                answer.instrument(span.span()).await
            }
            Err(ended) => ended,
        };
        self.close_tool_span(span, &ended.text, ended.error_kind());
        let events = &self.options.events;
        events.tool_answered(&call.id, &call.name, &ended.text, ended.failure.is_some());
        let kept = open.finish(|| ended.record());
        let took = around.clock.elapsed().saturating_sub(started);
        told.end(None, |event| {
            event.duration_ms = Some(millis(took));
            event.error = ended.event_error();
        });
        kept?;
        Ok(self.done(call, ended, took))
    }

    fn calling<'c>(&'c self, told: &'c Told) -> Calling<'c> {
        let tools = self.around.tools;
        Calling {
            tools,
            deadline: self.deadline,
            max_result_bytes: tools.settings().max_result_bytes,
            watched: self.watched(told),
        }
    }

    /// The tool call's start, in the log and then told.
    fn begin_tool(
        &self,
        index: usize,
        call: &ToolCall,
        started: Duration,
    ) -> Result<(Told, OpenToolCall)> {
        let log = self.around.log;
        let open = log.begin_tool(|| self.tool_record(index, call))?;
        Ok((self.tell_tool(call, started), open))
    }

    fn done(&self, call: &ToolCall, ended: Ended, took: Duration) -> Done {
        let fatal = ended.fatal.map(|kind| {
            let message = format!(
                "agent `{}`: tool `{}` ended the run",
                self.spec.name, call.name
            );
            Error::new(kind, message).with_source(ended.text.clone())
        });
        let mut message = Message::tool(&call.id, ended.text);
        message.is_error = ended.failure.is_some();
        let status = ended.failure.map(ToolFailure::status);
        Done {
            report: ToolReport {
                name: call.name.clone(),
                tool_call_id: call.id.clone(),
                status: status.unwrap_or(ToolStatus::Succeeded),
                error: ended.failure,
                duration: took,
            },
            message,
            fatal,
        }
    }

    fn tool_record(&self, index: usize, call: &ToolCall) -> ToolRecord {
        let tools = self.around.tools;
        let entry = tools.get(&call.name);
        let mut record = ToolRecord::default();
        record.execution_id.clone_from(&self.id);
        self.asking_call().clone_into(&mut record.call_id);
        record.index = u32::try_from(index).unwrap_or(u32::MAX);
        record.tool_call_id.clone_from(&call.id);
        record.agent.clone_from(&self.spec.name);
        record.name.clone_from(&call.name);
        record.acts_on_world = entry.is_some_and(|entry| entry.tool.acts_on_world());
        record.replayed = tools.settings().replayed;
        record.arguments = Some(call.arguments.clone());
        record
    }

    /// The call whose answer asks for tools.
    fn asking_call(&self) -> &str {
        let last = self.ledger.last();
        last.map(|call| &*call.call_id).unwrap_or_default()
    }

    fn tool_context(&self, index: usize, call: &ToolCall) -> ToolContext {
        ToolContext {
            agent: self.spec.name.clone(),
            run_id: self.around.log.run_id().to_owned(),
            call_id: self.asking_call().to_owned(),
            tool_call_id: call.id.clone(),
            deadline: self.deadline,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            replay_of: self.replay_of.clone(),
        }
    }
}
