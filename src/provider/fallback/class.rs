//! The failures after which another provider may do better.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;

/// A class of failures after which a fallback goes on to the next provider.
///
/// There is none for what another provider would not change or must not hide: a request that is not
/// accepted, a refusal, a content filter, cancelling, the deadline, a guard against requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The provider could not be reached, or failed for a reason that may pass.
    Unavailable,
    /// One attempt took longer than its timeout.
    Timeout,
    /// The provider asked to slow down and its retries are used up, or the wait for its limits would
    /// pass the deadline.
    RateLimited,
    /// The account has no quota or credit left.
    QuotaExhausted,
    /// The key is missing, unknown or not allowed to do this.
    Auth,
    /// The provider answered something that is no answer of its protocol.
    Protocol,
    /// The prompt does not fit into the model's context window. Not among the defaults.
    ContextOverflow,
}

impl FailureClass {
    /// What a fallback acts on by default: all but [`ContextOverflow`](Self::ContextOverflow).
    pub const DEFAULT: [Self; 6] = [
        Self::Unavailable,
        Self::Timeout,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Auth,
        Self::Protocol,
    ];

    pub(super) fn of(kind: ErrorKind) -> Option<Self> {
        Some(match kind {
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::QuotaExhausted => Self::QuotaExhausted,
            ErrorKind::Auth => Self::Auth,
            ErrorKind::Protocol => Self::Protocol,
            ErrorKind::ContextOverflow => Self::ContextOverflow,
            _ => return None,
        })
    }
}
