//! What the server said last of its own limits.

use std::time::Duration;

use tokio::time::Instant;

use super::window::MINUTE;
use crate::attempt::RateLimitStatus;

/// Nothing that a server says is believed for longer: a limit per day must not stop a program for
/// a day without another try.
const LONGEST: Duration = Duration::from_secs(120);

/// So much is left until then.
#[derive(Debug, Clone, Copy)]
struct Left {
    amount: u64,
    until: Instant,
}

impl Left {
    fn new(
        left: Option<u64>,
        reset: Option<Duration>,
        on_the_way: u64,
        now: Instant,
    ) -> Option<Self> {
        Some(Self {
            amount: left?.saturating_sub(on_the_way),
            until: now + reset.unwrap_or(MINUTE).min(LONGEST),
        })
    }

    /// When `amount` may go.
    fn free_at(left: Option<&Self>, amount: u64, now: Instant) -> Instant {
        match left {
            Some(left) if left.amount < amount => left.until.max(now),
            _ => now,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ServerView {
    /// The call whose answer said so.
    sequence: u64,
    requests: Option<Left>,
    tokens: Option<Left>,
    paused_until: Option<Instant>,
}

impl ServerView {
    /// Takes what the answer of call `sequence` says; the word of an earlier call does not count any
    /// more. Of the calls that went out after it (requests, tokens), the server may not know yet.
    pub(super) fn note(
        &mut self,
        sequence: u64,
        status: &RateLimitStatus,
        (requests, tokens): (u64, u64),
        now: Instant,
    ) {
        if sequence < self.sequence {
            return;
        }
        self.sequence = sequence;
        self.requests = Left::new(
            status.remaining_requests,
            status.reset_requests,
            requests,
            now,
        );
        self.tokens = Left::new(status.remaining_tokens, status.reset_tokens, tokens, now);
    }

    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST);
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// The first moment from `now` on at which a request of `tokens` may go.
    pub(super) fn free_at(&self, now: Instant, tokens: u64) -> Instant {
        let paused = self.paused_until.unwrap_or(now);
        paused
            .max(Left::free_at(self.requests.as_ref(), 1, now))
            .max(Left::free_at(self.tokens.as_ref(), tokens, now))
    }

    /// Counts one request of `tokens`, and forgets what is over.
    pub(super) fn spend(&mut self, now: Instant, tokens: u64) {
        for (left, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            *left = left.filter(|left| left.until > now).map(|left| Left {
                amount: left.amount.saturating_sub(amount),
                ..left
            });
        }
    }
}
