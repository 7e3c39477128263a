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
    /// The run was cancelled.
    Cancelled,
    /// The model asked for tools in more turns than the agent has.
    MaxTurnsExceeded,
    /// A tool, or the server behind it, failed for good.
    Tool,
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
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout)
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
            Self::Cancelled => "cancelled",
            Self::MaxTurnsExceeded => "max_turns_exceeded",
            Self::Tool => "tool",
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
            Self::MaxTurnsExceeded => {
                "raise `max_turns`, or look in the record for tool calls that repeat"
            }
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
