//! What a streamed run tells while it happens.

use std::convert::Infallible;

use serde_json::Value;

use super::outcome::Outcome;
use crate::chat::{ToolCall, Usage};

/// One event of a run that is [streamed](super::AgentRunner::stream).
///
/// A run is one or more calls; each begins with [`CallStarted`](Self::CallStarted), and with it the
/// answer begins anew. To show an answer live, append text, and forget it at `CallStarted` and at
/// [`Restarted`](Self::Restarted). What was shown is not yet judged: only
/// [`Finished`](Self::Finished) brings the answer that fits its schema.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent<T = Value> {
    /// The run's first call is about to leave.
    #[non_exhaustive]
    Started {
        /// The id that the records of all its calls share.
        execution_id: String,
    },
    /// A call is about to leave: the first one, a repair, one with a higher cap, or one that brings
    /// the results of tools.
    #[non_exhaustive]
    CallStarted {
        /// The id that the call's record bears.
        call_id: String,
        /// The model that is asked.
        model: String,
        /// Which call of the run, from 1.
        attempt: u32,
    },
    /// More of the answer's text, as the model writes it: reasoning in `<think>` tags and fences
    /// are part of it.
    TextDelta(String),
    /// More of the reasoning that the provider sends apart from the answer.
    ReasoningDelta(String),
    /// The answer's value as far as it has come; see
    /// [`PartialJson`](crate::provider::extract::PartialJson). It comes whenever the text has grown
    /// by a quarter, and once the value is whole; for every piece, ask
    /// [`AgentStream::partial_json`](super::AgentStream::partial_json).
    PartialJson(Value),
    /// More of a tool call.
    #[non_exhaustive]
    ToolCallDelta {
        /// Which tool call of the answer, from 0.
        index: usize,
        /// Its id, where this piece brings it.
        id: Option<String>,
        /// The tool's name, where this piece brings it.
        name: Option<String>,
        /// More of the arguments' JSON text.
        arguments: String,
    },
    /// The answer asks for a tool, and this is all of the request.
    ToolCall(ToolCall),
    /// A tool has answered, and the model will see this.
    #[non_exhaustive]
    ToolResult {
        /// The id of the tool call.
        tool_call_id: String,
        /// The tool's name.
        name: String,
        /// What the model is told.
        text: String,
        /// Whether that tells of a failure.
        is_error: bool,
    },
    /// Tokens of the call so far; its last word holds. Nothing comes where the provider tells nothing.
    Usage(Usage),
    /// The attempt broke and the request is made again: the call's text, reasoning and tool calls so
    /// far are void.
    Restarted,
    /// The answer did not fit its schema, and the model is asked to repair it.
    #[non_exhaustive]
    Repaired {
        /// Which repair of the run, from 1.
        repair: u32,
        /// In how many ways the answer did not fit.
        violations: usize,
    },
    /// The answer, the same as [`run`](super::AgentRunner::run) gives. Nothing follows.
    Finished(Box<Outcome<T>>),
}

impl StreamEvent<Infallible> {
    /// The same event of a run that has an outcome.
    pub(super) fn of_run<T>(self) -> StreamEvent<T> {
        match self {
            Self::Started { execution_id } => StreamEvent::Started { execution_id },
            Self::CallStarted {
                call_id,
                model,
                attempt,
            } => StreamEvent::CallStarted {
                call_id,
                model,
                attempt,
            },
            Self::TextDelta(text) => StreamEvent::TextDelta(text),
            Self::ReasoningDelta(text) => StreamEvent::ReasoningDelta(text),
            Self::PartialJson(value) => StreamEvent::PartialJson(value),
            Self::ToolCallDelta {
                index,
                id,
                name,
                arguments,
            } => StreamEvent::ToolCallDelta {
                index,
                id,
                name,
                arguments,
            },
            Self::ToolCall(call) => StreamEvent::ToolCall(call),
            Self::ToolResult {
                tool_call_id,
                name,
                text,
                is_error,
            } => StreamEvent::ToolResult {
                tool_call_id,
                name,
                text,
                is_error,
            },
            Self::Usage(usage) => StreamEvent::Usage(usage),
            Self::Restarted => StreamEvent::Restarted,
            Self::Repaired { repair, violations } => StreamEvent::Repaired { repair, violations },
            Self::Finished(outcome) => match outcome.data {},
        }
    }
}
