//! What one call does on the wire: the record of its attempts.
//!
//! Whoever sends a request opens an [`OpenAttempt`] just before and closes it after. The list is
//! shared with the call's owner, so attempts are known even when the future that made them is
//! dropped: attempts in the record equal requests on the wire.

mod received;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::chat::{Delta, Usage};
use crate::failure::ErrorKind;

pub use received::PartialAnswer;
use received::Received;

/// One request on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Attempt {
    /// HTTP status of the answer, when one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why the attempt failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// The provider's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Backoff before this attempt, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// Time until the answer's headers arrived, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// Time until the attempt ended, in milliseconds.
    pub duration_ms: u64,
    /// Time until the first piece of the answer's content arrived, in milliseconds; streams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// Whether no connection came about: nothing left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
    /// Who was asked, where a call may go to several providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that it was asked for, where that is another than the call's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The raw exchange of one attempt; kept only at log level `full`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct WireExchange {
    /// `POST`.
    pub method: String,
    /// The full URL, query included.
    pub url: String,
    /// Request headers as sent; secrets are removed by the sanitizer before they reach a log.
    pub request_headers: Vec<(String, String)>,
    /// Request body as sent.
    pub request_body: String,
    /// Response headers as received.
    pub response_headers: Vec<(String, String)>,
    /// Response body as received (invalid UTF-8 replaced).
    pub response_body: String,
}

/// What a server says is left of its limits: the `x-ratelimit-*` headers and their like. What it does
/// not say is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// Requests in a whole window.
    pub limit_requests: Option<u64>,
    /// Requests left in this window.
    pub remaining_requests: Option<u64>,
    /// Until the requests are back.
    pub reset_requests: Option<Duration>,
    /// Tokens in a whole window.
    pub limit_tokens: Option<u64>,
    /// Tokens left in this window.
    pub remaining_tokens: Option<u64>,
    /// Until the tokens are back.
    pub reset_tokens: Option<Duration>,
}

#[derive(Debug, Default)]
struct Shared {
    received: Option<Received>,
    /// What an earlier attempt left.
    broken: Option<Received>,
    input_estimate: Option<u64>,
    rate_limits: Option<RateLimitStatus>,
    /// Who is asked next, where a call may go to several providers.
    target: Option<Target>,
    attempts: Vec<Attempt>,
    /// By attempt.
    exchanges: BTreeMap<usize, WireExchange>,
    limiter_wait: Duration,
    next_delay: Duration,
    replay_of: Option<String>,
    provider: Option<String>,
    watcher: Option<Watcher>,
}

/// Who hears of each attempt after the first: its number, from 1, and the one that failed before it.
#[derive(Clone)]
struct Watcher(Arc<OnRetry>);

type OnRetry = dyn Fn(usize, &Attempt) + Send + Sync;

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

#[derive(Debug, Clone)]
struct Target {
    provider: String,
    model: Option<String>,
}

/// The attempts of one call: a cheap handle, shared by the call's owner and its provider.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    shared: Arc<Mutex<Shared>>,
    capture_wire: bool,
}

impl Attempts {
    /// An empty list; with `capture_wire`, raw requests and responses are kept as well.
    pub fn new(capture: WireCapture) -> Self {
        Self {
            shared: Arc::default(),
            capture_wire: capture == WireCapture::On,
        }
    }

    /// Whether [`OpenAttempt::exchange`] keeps what it is given.
    pub fn captures_wire(&self) -> bool {
        self.capture_wire
    }

    /// Marks the moment at which a request leaves. Close the guard with the result;
    /// a guard that is dropped records the attempt as cancelled.
    pub fn open(&self) -> OpenAttempt {
        let mut shared = self.lock();
        let delay = std::mem::take(&mut shared.next_delay);
        let index = shared.attempts.len();
        let target = shared.target.clone();
        shared.attempts.push(Attempt {
            delay_ms: millis(delay),
            error: Some(ErrorKind::Cancelled),
            provider: target.as_ref().map(|target| target.provider.clone()),
            model: target.and_then(|target| target.model),
            ..Attempt::default()
        });
        let before = index.checked_sub(1);
        let retried = before.and_then(|before| {
            let watcher = shared.watcher.clone()?;
            Some((watcher, shared.attempts[before].clone()))
        });
        drop(shared);
        if let Some((watcher, before)) = retried {
            (watcher.0)(index + 1, &before);
        }
        OpenAttempt {
            attempts: self.clone(),
            index,
            started: Instant::now(),
            closed: false,
        }
    }

    /// Tells `watcher` of each attempt after the first, just before it leaves: its number, from 1, and
    /// the one that failed before it. Recorded ones count as well.
    pub(crate) fn on_retry(&self, watcher: impl Fn(usize, &Attempt) + Send + Sync + 'static) {
        self.lock().watcher = Some(Watcher(Arc::new(watcher)));
    }

    /// Notes that the next attempt follows a backoff of `delay`.
    pub fn backed_off(&self, delay: Duration) {
        self.lock().next_delay += delay;
    }

    /// Notes that the record of `call_id` gives the answer and nothing leaves: the `attempts` of
    /// that call count as those of this one, without their times.
    pub fn replay(&self, call_id: impl Into<String>, attempts: &[Attempt]) {
        let mut shared = self.lock();
        shared.replay_of = Some(call_id.into());
        shared
            .attempts
            .extend(attempts.iter().map(|attempt| Attempt {
                delay_ms: 0,
                first_byte_ms: None,
                first_token_ms: None,
                duration_ms: 0,
                ..attempt.clone()
            }));
        let watcher = shared.watcher.clone();
        drop(shared);
        if let Some(watcher) = watcher {
            for (index, pair) in attempts.windows(2).enumerate() {
                (watcher.0)(index + 2, &pair[0]);
            }
        }
    }

    /// Notes that `provider` gives the answer, where it is another than the one that was asked: its
    /// name stands in the record.
    pub fn answered_by(&self, provider: impl Into<String>) {
        self.lock().provider = Some(provider.into());
    }

    /// Notes that the attempts from here on go to `provider`, and to `model` where that is another
    /// than the call's.
    pub fn ask(&self, provider: impl Into<String>, model: Option<String>) {
        self.lock().target = Some(Target {
            provider: provider.into(),
            model,
        });
    }

    /// Notes what the server says is left of its limits; the last word holds.
    pub fn note_rate_limits(&self, status: RateLimitStatus) {
        self.lock().rate_limits = Some(status);
    }

    /// Before another request: what the server says from here on belongs to that one.
    pub(crate) fn forget_rate_limits(&self) {
        self.lock().rate_limits = None;
    }

    /// What the server said last of its limits.
    pub fn rate_limits(&self) -> Option<RateLimitStatus> {
        self.lock().rate_limits
    }

    /// Adds a piece of a streamed answer; [`Delta::Restarted`] takes all of them back.
    pub fn receive(&self, delta: &Delta<'_>) {
        let mut shared = self.lock();
        if matches!(delta, Delta::Restarted) {
            let broken = shared.received.take();
            shared.broken = broken.or(shared.broken.take());
            return;
        }
        shared.received.get_or_insert_default().add(delta);
    }

    /// What has come of a streamed answer; `None` when nothing has, or nothing is streamed.
    pub fn partial(&self) -> Option<PartialAnswer> {
        let shared = self.lock();
        let received = shared.received.as_ref();
        received.map(|received| received.answer.clone())
    }

    /// The tokens that the server has told of in its stream; `None` when nothing was streamed.
    pub fn told_usage(&self) -> Option<Usage> {
        let shared = self.lock();
        let received = shared.received.as_ref();
        received.map(|received| received.answer.usage)
    }

    /// Whether something has come of a streamed answer.
    pub fn has_partial(&self) -> bool {
        self.lock().received.is_some()
    }

    /// What is left of a streamed answer that did not come to its end: of the last attempt that
    /// brought any. Tokens that the server did not tell of are
    /// [estimated](Usage::estimated), those of the prompt as
    /// [`estimate_input`](Self::estimate_input) says.
    pub fn remains(&self) -> Option<PartialAnswer> {
        let shared = self.lock();
        let received = shared.received.as_ref().or(shared.broken.as_ref())?;
        Some(received.remains(shared.input_estimate))
    }

    /// Notes about how many tokens the prompt has, for a stream that breaks before its server tells.
    pub fn estimate_input(&self, tokens: u64) {
        self.lock().input_estimate = Some(tokens);
    }

    /// The call whose record gives the answer, if one does.
    pub fn replay_of(&self) -> Option<String> {
        self.lock().replay_of.clone()
    }

    /// The provider that gives the answer, where it is another than the one that was asked.
    pub fn provider(&self) -> Option<String> {
        self.lock().provider.clone()
    }

    /// Notes time spent waiting for a free slot.
    pub fn waited_for_slot(&self, wait: Duration) {
        self.lock().limiter_wait += wait;
    }

    /// Number of attempts so far.
    pub fn len(&self) -> usize {
        self.lock().attempts.len()
    }

    /// Whether nothing has left yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the attempts so far.
    pub fn to_vec(&self) -> Vec<Attempt> {
        self.lock().attempts.clone()
    }

    /// The raw exchanges so far; empty unless the wire is captured.
    pub fn exchanges(&self) -> Vec<WireExchange> {
        self.lock().exchanges.values().cloned().collect()
    }

    /// Time spent waiting for a free slot.
    pub fn limiter_wait(&self) -> Duration {
        self.lock().limiter_wait
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether raw requests and responses are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireCapture {
    /// Keep them (log level `full`).
    On,
    /// Do not.
    Off,
}

/// An attempt on its way.
#[must_use = "an attempt that is dropped is recorded as cancelled"]
#[derive(Debug)]
pub struct OpenAttempt {
    attempts: Attempts,
    index: usize,
    started: Instant,
    closed: bool,
}

impl OpenAttempt {
    /// The answer's headers arrived.
    pub fn headers(&self, status: u16, request_id: Option<String>) {
        let elapsed = millis(self.started.elapsed());
        self.update(|attempt| {
            attempt.status = Some(status);
            attempt.request_id = request_id;
            attempt.first_byte_ms = Some(elapsed);
        });
    }

    /// The first piece of the answer's content arrived; later ones change nothing.
    pub fn first_token(&self) {
        let elapsed = millis(self.started.elapsed());
        self.update(|attempt| {
            attempt.first_token_ms.get_or_insert(elapsed);
        });
    }

    /// No connection came about: nothing left, and nobody may want money for it.
    pub fn unsent(&self) {
        self.update(|attempt| attempt.unsent = true);
    }

    /// Whether [`exchange`](Self::exchange) keeps what it is given.
    pub fn captures_wire(&self) -> bool {
        self.attempts.capture_wire
    }

    /// Keeps the raw exchange as far as it has come, if the wire is captured: an attempt that is
    /// cut short shows what was sent.
    pub fn exchange(&self, exchange: impl FnOnce() -> WireExchange) {
        if self.attempts.capture_wire {
            let exchange = exchange();
            self.attempts.lock().exchanges.insert(self.index, exchange);
        }
    }

    /// Adds the answer to the exchange that is kept.
    pub fn received(&self, answer: impl FnOnce(&mut WireExchange)) {
        if let Some(exchange) = self.attempts.lock().exchanges.get_mut(&self.index) {
            answer(exchange);
        }
    }

    /// Ends the attempt; `error` is `None` when it succeeded.
    pub fn close(mut self, error: Option<ErrorKind>) {
        self.end(error);
    }

    fn end(&mut self, error: Option<ErrorKind>) {
        self.closed = true;
        let elapsed = millis(self.started.elapsed());
        self.update(|attempt| {
            attempt.error = error;
            attempt.duration_ms = elapsed;
        });
    }

    fn update(&self, change: impl FnOnce(&mut Attempt)) {
        if let Some(attempt) = self.attempts.lock().attempts.get_mut(self.index) {
            change(attempt);
        }
    }
}

impl Drop for OpenAttempt {
    fn drop(&mut self) {
        if !self.closed {
            self.end(Some(ErrorKind::Cancelled));
        }
    }
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_attempt_is_recorded_as_cancelled() {
        let attempts = Attempts::new(WireCapture::Off);
        drop(attempts.open());
        assert_eq!(attempts.to_vec()[0].error, Some(ErrorKind::Cancelled));
    }

    #[test]
    fn replayed_attempts_keep_what_happened_and_lose_when() {
        let attempts = Attempts::new(WireCapture::Off);
        let recorded = Attempt {
            status: Some(429),
            error: Some(ErrorKind::RateLimited),
            request_id: Some("req_1".into()),
            delay_ms: 500,
            first_byte_ms: Some(20),
            first_token_ms: Some(20),
            duration_ms: 21,
            unsent: true,
            provider: Some("openai".into()),
            model: None,
        };
        attempts.replay("call_1", std::slice::from_ref(&recorded));
        let timeless = Attempt {
            delay_ms: 0,
            first_byte_ms: None,
            first_token_ms: None,
            duration_ms: 0,
            ..recorded
        };
        assert_eq!(attempts.to_vec(), [timeless]);
        assert_eq!(attempts.replay_of().as_deref(), Some("call_1"));
    }

    #[test]
    fn the_backoff_belongs_to_the_attempt_that_follows_it() {
        let attempts = Attempts::new(WireCapture::Off);
        attempts.open().close(Some(ErrorKind::Unavailable));
        attempts.backed_off(Duration::from_millis(250));
        attempts.open().close(None);
        let delays: Vec<u64> = attempts
            .to_vec()
            .iter()
            .map(|attempt| attempt.delay_ms)
            .collect();
        assert_eq!(delays, [0, 250]);
    }
}
