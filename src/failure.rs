//! The kinds of failure, shared by attempts, records and errors.

use serde::{Deserialize, Serialize};

/// What went wrong, as far as a program needs to know.
///
/// The same word stands in [`Error::kind`](crate::Error::kind), in attempts and in records
/// (in `snake_case`).
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
pub enum ErrorKind {
    /// A setting, job file, spec or environment variable is not usable.
    Config,
    /// A prompt pack, template or template variable is missing or broken.
    Prompt,
    /// A response schema is not a valid JSON Schema.
    Schema,
    /// The model's answer did not fit the schema, and the repair attempts are used up.
    InvalidAnswer,
    /// The answer was cut at the output limit.
    Truncated,
    /// The model refused to answer.
    Refused,
    /// The provider's content filter stopped the prompt or the answer.
    ContentFiltered,
    /// The prompt does not fit into the model's context window.
    ContextOverflow,
    /// The key is missing, unknown or not allowed to do this.
    Auth,
    /// The provider does not accept the request as it stands.
    BadRequest,
    /// The provider asked to slow down.
    RateLimited,
    /// The account has no quota or credit left.
    QuotaExhausted,
    /// The provider could not be reached, or failed for a reason that may pass.
    Unavailable,
    /// The provider answered something that is no answer of its protocol.
    Protocol,
    /// One attempt took longer than its timeout.
    Timeout,
    /// The deadline of the whole run passed.
    DeadlineExceeded,
    /// A budget (tokens or dollars) does not cover another call.
    BudgetExhausted,
    /// A reviewer did not approve, and there is no further round.
    NotApproved,
    /// The run was cancelled.
    Cancelled,
    /// The model asked for tools in more turns than the agent has.
    MaxTurnsExceeded,
    /// A tool, or the server behind it, failed for good.
    Tool,
    /// What acts on the world was not allowed to: nobody had allowed delivery.
    NotPermitted,
    /// An envelope is missing, or breaks its own rules.
    InvalidEnvelope,
    /// A queue holds as much as it may.
    QueueFull,
    /// Records could not be written or read.
    Log,
    /// A replay has no record that answers this request.
    NotRecorded,
    /// `DUOLOGUE_OFFLINE` forbids the request; nothing left.
    Offline,
    /// A blocking call came from a thread that must not block.
    Reentrant,
    /// A defect of this crate, or of a provider or logger plugged into it.
    Internal,
    /// A kind that this version does not know: a newer one wrote the record. Never written.
    #[schemars(skip)]
    Unknown,
}

impl ErrorKind {
    /// Whether the same request may succeed when it is sent again later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::Timeout | Self::QueueFull
        )
    }

    /// The word that stands in records: `rate_limited`, `invalid_answer`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Prompt => "prompt",
            Self::Schema => "schema",
            Self::InvalidAnswer => "invalid_answer",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::ContentFiltered => "content_filtered",
            Self::ContextOverflow => "context_overflow",
            Self::Auth => "auth",
            Self::BadRequest => "bad_request",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Unavailable => "unavailable",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::BudgetExhausted => "budget_exhausted",
            Self::NotApproved => "not_approved",
            Self::Cancelled => "cancelled",
            Self::MaxTurnsExceeded => "max_turns_exceeded",
            Self::Tool => "tool",
            Self::NotPermitted => "not_permitted",
            Self::InvalidEnvelope => "invalid_envelope",
            Self::QueueFull => "queue_full",
            Self::Log => "log",
            Self::NotRecorded => "not_recorded",
            Self::Offline => "offline",
            Self::Reentrant => "reentrant",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// What a person can do about it, where the error itself does not know better.
    pub(crate) fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidAnswer => {
                "read the ledger for each answer and its schema errors; a simpler schema, a clearer prompt or more repair attempts may help"
            }
            Self::Truncated => {
                "raise `max_output_tokens`, set `max_output_tokens_on_truncation`, or ask for a shorter answer"
            }
            Self::Refused => "the model declined; change the prompt or the model",
            Self::ContentFiltered => "change the prompt, or the provider's filter settings",
            Self::ContextOverflow => {
                "shorten the prompt or the conversation, or use a model with a larger context"
            }
            Self::Auth => "check the key and what it is allowed to use",
            Self::BadRequest => {
                "check the model name and the parameters against the provider's documentation"
            }
            Self::RateLimited => "lower the concurrency, or raise `max_retries`",
            Self::QuotaExhausted => "add credit or quota to the account; waiting does not help",
            Self::Unavailable => "check that the server runs and that `base_url` is right",
            Self::Protocol => "check that `base_url` points at an endpoint of this kind",
            Self::Timeout => "raise the provider's `timeout`, or look at the server's load",
            Self::DeadlineExceeded => "raise the deadline, or lower the work in one run",
            Self::BudgetExhausted => {
                "raise the budget, or let a call need less: a shorter prompt, a lower `max_output_tokens`"
            }
            Self::NotApproved => {
                "read in the records what the reviewer said; a clearer prompt, more rounds or a lower threshold may help"
            }
            Self::MaxTurnsExceeded => {
                "raise `max_turns`, or look in the record for tool calls that repeat"
            }
            Self::NotPermitted => {
                "allow delivery in the event and in the control plane's `DeliveryPolicy`, if that is meant"
            }
            Self::QueueFull => "submit again when workers have caught up, or add workers",
            Self::NotRecorded => {
                "record the run anew, or replay with `mode: fall_through` and a `fallback` that answers what is missing"
            }
            Self::Offline => {
                "take `DUOLOGUE_OFFLINE` out of the environment, or use `kind: replay` or `kind: scripted`"
            }
            Self::Reentrant => "use the async `AgentRunner` there",
            _ => return None,
        })
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a tool call ended.
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
pub enum ToolStatus {
    /// The tool gave a result.
    Succeeded,
    /// The tool failed or panicked.
    Failed,
    /// It was not run: a permission rule or a limit forbade it.
    Rejected,
    /// It was not run: there is no such tool, or the arguments do not fit its schema.
    Invalid,
    /// The tool's timeout or the run's deadline passed.
    TimedOut,
    /// The run ended while the tool ran.
    Cancelled,
    /// The process died while the tool ran.
    Interrupted,
    /// A word that this version does not know: a newer one wrote the record. Never written.
    #[schemars(skip)]
    Unknown,
}

impl ToolStatus {
    /// The word that stands in records: `succeeded`, `timed_out`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for ToolStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a tool call gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolFailure {
    /// The agent has no tool of this name.
    UnknownTool,
    /// The arguments are no JSON, or do not fit the tool's schema.
    InvalidArguments,
    /// The answer asked for more calls than one turn may have.
    TooManyCalls,
    /// A permission rule, or whoever it asked, said no.
    NotPermitted,
    /// The tool said that it failed.
    Failed,
    /// The tool said that going on makes no sense: the run ended with it.
    Fatal,
    /// The tool panicked.
    Panicked,
    /// The tool took longer than it may.
    Timeout,
    /// The deadline of the run passed.
    DeadlineExceeded,
    /// The run ended while the tool ran.
    Cancelled,
    /// The process died while the tool ran.
    Interrupted,
    /// A replay has no record of this tool call: the run ended with it.
    NotRecorded,
    /// A word that this version does not know: a newer one wrote the record. Never written.
    #[schemars(skip)]
    Unknown,
}

impl ToolFailure {
    /// The word that stands in records: `unknown_tool`, `timeout`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTool => "unknown_tool",
            Self::InvalidArguments => "invalid_arguments",
            Self::TooManyCalls => "too_many_calls",
            Self::NotPermitted => "not_permitted",
            Self::Failed => "failed",
            Self::Fatal => "fatal",
            Self::Panicked => "panicked",
            Self::Timeout => "timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::NotRecorded => "not_recorded",
            Self::Unknown => "unknown",
        }
    }

    /// How a call ends that fails so.
    pub fn status(self) -> ToolStatus {
        match self {
            Self::UnknownTool | Self::InvalidArguments => ToolStatus::Invalid,
            Self::TooManyCalls | Self::NotPermitted => ToolStatus::Rejected,
            Self::Failed | Self::Fatal | Self::Panicked | Self::NotRecorded => ToolStatus::Failed,
            Self::Timeout | Self::DeadlineExceeded => ToolStatus::TimedOut,
            Self::Cancelled => ToolStatus::Cancelled,
            Self::Interrupted => ToolStatus::Interrupted,
            Self::Unknown => ToolStatus::Unknown,
        }
    }
}

impl std::fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
