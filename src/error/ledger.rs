//! What a run did, call by call; the same in success and in failure.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::chat::{FinishReason, Usage};
use crate::cost::{self, Cost};
use crate::failure::{ErrorKind, ToolFailure, ToolStatus};

/// One way in which an answer does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SchemaViolation {
    /// JSON pointer into the answer (RFC 6901); empty for the whole answer.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// What became of a tool call that an answer asked for. It holds no arguments and no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolReport {
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// The id of the tool call.
    pub tool_call_id: String,
    /// How it ended.
    pub status: ToolStatus,
    /// Why there is no result; `None` when there is one.
    pub error: Option<ToolFailure>,
    /// From the tool call's start to its end.
    pub duration: Duration,
}

impl ToolReport {
    /// A tool call that the run's end did not let come to its own.
    pub(crate) fn cancelled(name: &str, tool_call_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            tool_call_id: tool_call_id.to_owned(),
            status: ToolStatus::Cancelled,
            error: Some(ToolFailure::Cancelled),
            duration: Duration::ZERO,
        }
    }
}

/// What one call of a run did.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CallReport {
    /// The id that the call's record bears.
    pub call_id: String,
    /// The model's text as it came; `None` when none came. Unsanitized: for programs, not for logs.
    pub raw_text: Option<String>,
    /// What the answer's schema check found.
    pub violations: Vec<SchemaViolation>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// Tokens of this call alone.
    pub usage: Usage,
    /// What it cost; `None` when the usage or the price is not known.
    pub cost: Option<Cost>,
    /// Requests on the wire.
    pub attempts: Vec<Attempt>,
    /// From the call's start to its end, waits and backoff included.
    pub duration: Duration,
    /// How the call failed; `None` when it gave the answer.
    pub error: Option<ErrorKind>,
    /// The tool calls that the answer asked for, in its order.
    pub tools: Vec<ToolReport>,
    /// The journal file that holds the call's record, when there is one.
    pub record: Option<PathBuf>,
}

/// Debug shows sizes, never the model's text.
impl fmt::Debug for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallReport")
            .field("call_id", &self.call_id)
            .field("raw_text_bytes", &self.raw_text.as_ref().map(String::len))
            .field("violations", &self.violations.len())
            .field("finish_reason", &self.finish_reason)
            .field("usage", &self.usage)
            .field("cost", &self.cost)
            .field("attempts", &self.attempts)
            .field("duration", &self.duration)
            .field("error", &self.error)
            .field("tools", &self.tools)
            .field("record", &self.record)
            .finish()
    }
}

/// Every call of a run, in order.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Ledger {
    /// The calls, oldest first.
    pub calls: Vec<CallReport>,
}

impl Ledger {
    /// Tokens of all calls together.
    pub fn usage(&self) -> Usage {
        self.calls.iter().map(|call| call.usage).sum()
    }

    /// What all calls cost together, as far as it is known; `None` when no cost is.
    pub fn cost(&self) -> Option<Cost> {
        self.calls
            .iter()
            .map(|call| call.cost)
            .fold(None, cost::add)
    }

    /// Calls whose cost is not known; [`cost`](Self::cost) lacks theirs.
    pub fn calls_without_cost(&self) -> usize {
        self.calls.iter().filter(|call| call.cost.is_none()).count()
    }

    /// Requests on the wire, over all calls.
    pub fn attempts(&self) -> usize {
        self.calls.iter().map(|call| call.attempts.len()).sum()
    }

    /// The tool calls of all calls, in the order of their answers.
    pub fn tools(&self) -> impl Iterator<Item = &ToolReport> {
        self.calls.iter().flat_map(|call| &call.tools)
    }

    /// The last call, the one that decided.
    pub fn last(&self) -> Option<&CallReport> {
        self.calls.last()
    }
}
