//! What a call leaves behind: the document, its three levels, and its sanitizing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::redact::Redactions;
use crate::attempt::{Attempt, WireExchange};
use crate::chat::{FinishReason, Message, Request, StructuredOutput, ToolCall, Usage};
use crate::cost::Cost;
use crate::error::{ErrorKind, SchemaViolation};

/// How an agent keeps state between runs.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentMode {
    /// Each run stands alone.
    #[default]
    Oneshot,
    /// A conversation carries the dialogue from run to run.
    Conversational,
}

/// How a call ended.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallStatus {
    /// The answer fits its schema.
    Succeeded,
    /// An answer came and does not fit its schema.
    Invalid,
    /// The answer was cut at the output limit.
    Truncated,
    /// The model or a content filter refused.
    Refused,
    /// No answer came.
    Failed,
    /// A timeout or the deadline passed.
    TimedOut,
    /// The caller gave up.
    Cancelled,
    /// The process died during the call.
    Interrupted,
    /// A word that this version does not know: a newer one wrote the record. Never written.
    #[schemars(skip)]
    Unknown,
}

impl CallStatus {
    /// The word that stands in records: `succeeded`, `timed_out`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Invalid => "invalid",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }
}

impl From<ErrorKind> for CallStatus {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidAnswer => Self::Invalid,
            ErrorKind::Truncated => Self::Truncated,
            ErrorKind::Refused | ErrorKind::ContentFiltered => Self::Refused,
            ErrorKind::Timeout | ErrorKind::DeadlineExceeded => Self::TimedOut,
            ErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// The parameters that a call was made with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Parameters {
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Output limit in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Further parameters, as the provider got them (levels standard and full).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Parameters {
    /// Those of `request`.
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            temperature: request.temperature,
            max_output_tokens: request.max_output_tokens,
            extra: request.extra.clone(),
        }
    }
}

/// Why a call gave no valid answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallError {
    /// The failure's kind.
    pub kind: ErrorKind,
    /// One line about it (levels standard and full; empty at minimal).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What to do about it, where the provider knows more than the kind tells (levels standard and
    /// full).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One call, whole: the `record` of a `finished` journal event, and what a call file shows.
///
/// A field that is unknown, empty or above the log level is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Record {
    /// `duologue.call/1`: name and version of this format.
    pub schema: String,
    /// Id of the call, unique everywhere.
    pub call_id: String,
    /// The run that the call belongs to.
    pub run_id: String,
    /// The execution (one agent answering once) that the call belongs to.
    pub execution_id: String,
    /// The call that caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_call_id: Option<String>,
    /// The conversation that the call continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The job that the call was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The document that the call was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The stage of a flow that the call was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The call of an earlier run whose record gave the answer: no request left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// Order of the call's start among the calls of its process in this run, from 1.
    pub sequence: u64,
    /// Which call of its execution this is, from 1; above 1 it follows an answer that asked for
    /// tools, or one that could not be used: one to repair, or one that was cut and is asked for
    /// again with a higher limit.
    pub attempt: u32,
    /// Which turn of its execution, from 1, where the agent has tools: each answer that asks for
    /// tools begins another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Which round of a refinement loop, from 0.
    pub iteration: u32,

    /// The agent's name.
    pub agent: String,
    /// The agent's mode.
    pub mode: AgentMode,
    /// The provider's name.
    pub provider: String,
    /// The model asked for.
    pub model: String,
    /// The model that answered, as the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    /// The parameters asked for.
    pub parameters: Parameters,
    /// How the schema was enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<StructuredOutput>,
    /// The names of the tools that the model could call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Whether the answer was streamed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,

    /// When the call began: RFC 3339, UTC.
    pub started_at: String,
    /// From the call's start to its end, waits and backoff included, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Time to the first byte of the last attempt's answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// Time to the first piece of the last attempt's content, in milliseconds; streamed answers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// Time spent waiting for a free slot, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limiter_wait_ms: Option<u64>,
    /// Time spent in backoff between attempts, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,

    /// How the call ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<CallStatus>,
    /// Whether the execution ended with this call; `false` when a repair follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_execution: Option<bool>,
    /// Why the model stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// The provider's id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// Tokens spent; an unknown figure is left out.
    #[serde(skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// What the tokens cost, in US dollars; absent when a price or a figure is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Why there is no valid answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CallError>,
    /// The requests on the wire, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// What had to be mended to read JSON out of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixups: Vec<String>,
    /// How often each rule of the sanitizer struck in this record.
    #[serde(skip_serializing_if = "Redactions::is_empty")]
    pub redactions: Redactions,

    /// The first 16 hexadecimal digits of the SHA-256 of each rendered prompt part.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prompt_hashes: BTreeMap<String, String>,
    /// The template file of each prompt part.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, String>,
    /// The first 16 hexadecimal digits of the SHA-256 of the answer's schema, as canonical JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_hash: Option<String>,
    /// The first 16 hexadecimal digits of the SHA-256 of the tools' definitions, as canonical JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools_hash: Option<String>,
    /// The messages sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The model's text as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_answer: Option<String>,
    /// Reasoning that the provider sent apart from the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// What only the provider understands and wants back as it was: signatures, encrypted reasoning.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub provider_data: Map<String, Value>,
    /// The tools that the model asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The answer that passed validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// How the answer does not fit its schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validation_errors: Vec<SchemaViolation>,

    /// All variables that the prompt was rendered with (level full).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// The raw exchanges on the wire (level full).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wire: Vec<WireExchange>,
}

impl Record {
    /// Name and version of the format.
    pub const SCHEMA: &str = "duologue.call/1";

    /// Whether the call gave a valid answer.
    pub fn is_success(&self) -> bool {
        self.status == Some(CallStatus::Succeeded)
    }
}
