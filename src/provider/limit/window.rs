//! What went out in the last minute.
//!
//! A token bucket allows twice its size in some minutes: what it has saved and what flows in. This
//! remembers each call instead, so that no span of 60 s holds more than it may.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::RateLimits;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Spent {
    sequence: u64,
    at: Instant,
    requests: u64,
    tokens: u64,
}

/// The calls of the last minute, oldest first, and their sums.
#[derive(Debug, Default)]
pub(super) struct Window {
    spent: VecDeque<Spent>,
    requests: u64,
    tokens: u64,
}

impl Window {
    /// The first moment from `now` on at which a request of `tokens` keeps to `limits`.
    pub(super) fn free_at(&mut self, now: Instant, tokens: u64, limits: &RateLimits) -> Instant {
        self.forget(now);
        let fits = |spent_requests: u64, spent_tokens: u64| {
            let requests = limits
                .requests_per_minute
                .is_none_or(|limit| spent_requests < u64::from(limit.get()));
            let tokens = limits.tokens_per_minute.is_none_or(|limit| {
                spent_tokens == 0 || spent_tokens.saturating_add(tokens) <= limit.get()
            });
            requests && tokens
        };
        let (mut requests_left, mut tokens_left) = (self.requests, self.tokens);
        let mut at = now;
        for spent in &self.spent {
            if fits(requests_left, tokens_left) {
                break;
            }
            requests_left -= spent.requests;
            tokens_left -= spent.tokens;
            at = spent.at + MINUTE;
        }
        at
    }

    /// Counts one request of `tokens` from `now` on; `sequence` grows from call to call.
    pub(super) fn spend(&mut self, sequence: u64, now: Instant, tokens: u64) {
        self.add(Spent {
            sequence,
            at: now,
            requests: 1,
            tokens,
        });
    }

    /// Puts `used` in place of the `reserved` tokens of a call. What it used beyond counts from now
    /// on, since nobody held room for it.
    pub(super) fn settle(&mut self, sequence: u64, now: Instant, reserved: u64, used: u64) {
        self.forget(now);
        if used > reserved {
            // The last number, so that the numbers stay in order.
            let last = self.spent.back().map_or(sequence, |spent| spent.sequence);
            self.add(Spent {
                sequence: last,
                at: now,
                requests: 0,
                tokens: used - reserved,
            });
        } else if let Some(spent) = self.find(sequence) {
            spent.tokens = used;
            self.tokens -= reserved - used;
        }
    }

    /// Takes a request back that never left.
    pub(super) fn give_back(&mut self, sequence: u64, now: Instant) {
        self.forget(now);
        let Some(spent) = self.find(sequence) else {
            return;
        };
        let (requests, tokens) = (spent.requests, spent.tokens);
        (spent.requests, spent.tokens) = (0, 0);
        self.requests -= requests;
        self.tokens -= tokens;
    }

    fn add(&mut self, spent: Spent) {
        self.requests += spent.requests;
        self.tokens += spent.tokens;
        self.spent.push_back(spent);
    }

    fn find(&mut self, sequence: u64) -> Option<&mut Spent> {
        let index = self
            .spent
            .partition_point(|spent| spent.sequence < sequence);
        self.spent
            .get_mut(index)
            .filter(|spent| spent.sequence == sequence && spent.requests > 0)
    }

    fn forget(&mut self, now: Instant) {
        while let Some(spent) = self.spent.front()
            && spent.at + MINUTE <= now
        {
            self.requests -= spent.requests;
            self.tokens -= spent.tokens;
            self.spent.pop_front();
        }
    }
}
