//! How much may go to a provider.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much may go to one model of a provider; what is absent has no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[must_use]
pub struct RateLimits {
    /// Most requests in any 60 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Most tokens in any 60 s, prompts and answers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Most calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<NonZeroUsize>,
}

impl RateLimits {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same limits with at most `requests` in any 60 s; 0 counts as 1.
    pub fn requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// The same limits with at most `tokens` in any 60 s; 0 counts as 1.
    pub fn tokens_per_minute(mut self, tokens: u64) -> Self {
        self.tokens_per_minute = Some(NonZeroU64::new(tokens).unwrap_or(NonZeroU64::MIN));
        self
    }

    /// The same limits with at most `calls` at once; 0 counts as 1.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = Some(NonZeroUsize::new(calls).unwrap_or(NonZeroUsize::MIN));
        self
    }
}
