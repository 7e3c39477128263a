//! The state of one model: what went out, what is on its way, who waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::Queue;
use super::server_view::ServerView;
use super::window::Window;
use super::{RateLimits, estimate};
use crate::attempt::RateLimitStatus;

#[derive(Debug)]
pub(super) struct Lane(Mutex<State>);

#[derive(Debug)]
pub(super) struct State {
    limits: RateLimits,
    window: Window,
    server: ServerView,
    queue: Queue<Waiter>,
    /// Sequence and tokens of the calls that were let through and have not ended.
    in_flight: BTreeMap<u64, u64>,
    /// By ticket, the sequence of those that were let through and do not know it yet.
    granted: HashMap<u64, u64>,
    tickets: u64,
    sequence: u64,
    mean_output: Option<u64>,
}

#[derive(Debug)]
struct Waiter {
    tokens: u64,
    woken: Arc<Notify>,
}

/// What a call that waits has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Go, under this sequence.
    Now(u64),
    /// Wait to be woken, at the latest then; `not_before` is when it can go at the earliest.
    Wait {
        wake: Option<Instant>,
        not_before: Option<Instant>,
    },
}

/// How the tokens of a call are counted when it has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// The request never left.
    Nothing,
    /// So many.
    Tokens(u64),
    /// As estimated.
    Estimate,
}

impl Lane {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self(Mutex::new(State {
            limits,
            window: Window::default(),
            server: ServerView::default(),
            queue: Queue::default(),
            in_flight: BTreeMap::new(),
            granted: HashMap::new(),
            tickets: 0,
            sequence: 0,
            mean_output: None,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mean of the answers so far, the last ones above all.
    pub(super) fn mean_output(&self) -> u64 {
        self.lock().mean_output.unwrap_or(estimate::FIRST_GUESS)
    }
}

impl State {
    /// Lets a call through that need not wait.
    pub(super) fn try_enter(&mut self, tokens: u64, now: Instant) -> Option<u64> {
        let free = self.queue.is_empty() && self.free_at(tokens, now)? <= now;
        free.then(|| self.let_through(tokens, now))
    }

    /// Takes a place at the end; the ticket stands for it.
    pub(super) fn join(&mut self, agent: &str, tokens: u64, woken: Arc<Notify>) -> u64 {
        self.tickets += 1;
        self.queue
            .push(agent, self.tickets, Waiter { tokens, woken });
        self.tickets
    }

    /// Gives the place up, and what it was let through with.
    pub(super) fn leave(&mut self, agent: &str, ticket: u64, now: Instant) {
        if let Some(sequence) = self.granted.remove(&ticket) {
            self.end(sequence, Use::Nothing, now);
        } else {
            self.queue.remove(agent, ticket);
            self.go_on(now);
        }
    }

    pub(super) fn turn(&mut self, ticket: u64, now: Instant) -> Turn {
        let before = self.sequence;
        self.let_all_through(now);
        let others_went = self.sequence != before;
        if let Some(sequence) = self.granted.remove(&ticket) {
            // Whoever is first now must set a timer of its own.
            self.wake_first();
            return Turn::Now(sequence);
        }
        let Some((first, waiter)) = self.queue.front() else {
            return Turn::Wait {
                wake: None,
                not_before: None,
            };
        };
        let tokens = waiter.tokens;
        if others_went && first != ticket {
            self.wake_first();
        }
        let not_before = self.free_at(tokens, now);
        Turn::Wait {
            wake: not_before.filter(|_| first == ticket),
            not_before,
        }
    }

    /// A call has ended, however it did.
    pub(super) fn end(&mut self, sequence: u64, used: Use, now: Instant) {
        let reserved = self.in_flight.remove(&sequence).unwrap_or_default();
        match used {
            Use::Nothing => self.window.give_back(sequence, now),
            Use::Tokens(tokens) => self.window.settle(sequence, now, reserved, tokens),
            Use::Estimate => {}
        }
        self.go_on(now);
    }

    /// What the server said with the answer to call `sequence`, before that one has ended.
    pub(super) fn note(&mut self, sequence: u64, status: &RateLimitStatus, now: Instant) {
        let later = self.in_flight.range(sequence + 1..);
        let (requests, tokens) = later.fold((0, 0_u64), |(requests, sum), (_, tokens)| {
            (requests + 1, sum.saturating_add(*tokens))
        });
        self.server.note(sequence, status, (requests, tokens), now);
    }

    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
        self.server.pause(wait, now);
    }

    pub(super) fn learn(&mut self, output_tokens: u64) {
        self.mean_output = Some(match self.mean_output {
            Some(mean) => mean
                .saturating_mul(7)
                .saturating_add(output_tokens)
                .div_ceil(8),
            None => output_tokens,
        });
    }

    /// When a call of `tokens` may go; `None` while it waits for another one to end.
    fn free_at(&mut self, tokens: u64, now: Instant) -> Option<Instant> {
        let limit = self.limits.max_in_flight;
        if limit.is_some_and(|limit| self.in_flight.len() >= limit.get()) {
            return None;
        }
        let own = self.window.free_at(now, tokens, &self.limits);
        Some(own.max(self.server.free_at(now, tokens)))
    }

    fn let_through(&mut self, tokens: u64, now: Instant) -> u64 {
        self.sequence += 1;
        self.window.spend(self.sequence, now, tokens);
        self.server.spend(now, tokens);
        self.in_flight.insert(self.sequence, tokens);
        self.sequence
    }

    fn let_all_through(&mut self, now: Instant) {
        while let Some((_, first)) = self.queue.front() {
            let tokens = first.tokens;
            if self.free_at(tokens, now).is_none_or(|at| at > now) {
                return;
            }
            if let Some((ticket, waiter)) = self.queue.pop() {
                let sequence = self.let_through(tokens, now);
                self.granted.insert(ticket, sequence);
                waiter.woken.notify_one();
            }
        }
    }

    fn go_on(&mut self, now: Instant) {
        self.let_all_through(now);
        self.wake_first();
    }

    fn wake_first(&self) {
        if let Some((_, first)) = self.queue.front() {
            first.woken.notify_one();
        }
    }
}
