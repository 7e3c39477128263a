//! Waiting for a turn, and giving back what a call holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::lane::{Lane, Turn, Use};
use crate::attempt::Attempts;
use crate::chat::{Request, Response};
use crate::clock;
use crate::error::ErrorKind;
use crate::provider::{CallContext, ProviderError};

/// Waits until a call of `tokens` may go.
pub(super) async fn admit(
    lane: &Arc<Lane>,
    request: &Request,
    tokens: u64,
    call: &CallContext,
) -> Result<Permit, ProviderError> {
    let entered = lane.lock().try_enter(tokens, Instant::now());
    let sequence = match entered {
        Some(sequence) => sequence,
        None => Place::take(lane, tokens, call).wait(request).await?,
    };
    Ok(Permit::new(lane.clone(), sequence, call.attempts()))
}

/// A place in the queue; dropping it gives it up and notes the wait.
struct Place<'a> {
    lane: &'a Lane,
    call: &'a CallContext,
    ticket: u64,
    woken: Arc<Notify>,
    since: Instant,
}

impl<'a> Place<'a> {
    fn take(lane: &'a Lane, tokens: u64, call: &'a CallContext) -> Self {
        let woken = Arc::new(Notify::new());
        Self {
            lane,
            call,
            ticket: lane.lock().join(call.agent(), tokens, woken.clone()),
            woken,
            since: Instant::now(),
        }
    }

    async fn wait(self, request: &Request) -> Result<u64, ProviderError> {
        loop {
            let now = Instant::now();
            let turn = self.lane.lock().turn(self.ticket, now);
            let (wake, not_before) = match turn {
                Turn::Now(sequence) => return Ok(sequence),
                Turn::Wait { wake, not_before } => (wake, not_before.unwrap_or(now)),
            };
            let deadline = self.call.deadline();
            if deadline.is_some_and(|deadline| not_before.max(now) >= deadline) {
                return Err(too_late(&request.model, not_before - now));
            }
            let wake = wake.into_iter().chain(deadline).min();
            clock::until(wake, self.woken.notified()).await;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.call.attempts().waited_for_slot(now - self.since);
        self.lane.lock().leave(self.call.agent(), self.ticket, now);
    }
}

fn too_late(model: &str, wait: Duration) -> ProviderError {
    let wait = if wait.is_zero() {
        String::new()
    } else {
        let seconds = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        format!(" {} or more", humantime::format_duration(seconds))
    };
    let message =
        format!("the limits of model `{model}` make the call wait{wait}, beyond the deadline");
    ProviderError::new(ErrorKind::DeadlineExceeded, message)
        .with_hint("raise the deadline or the limits, or run fewer calls at once")
}

/// What a call holds while it is on its way; dropping it gives the slot back, and the rest too
/// unless the request has left.
#[must_use]
pub(super) struct Permit {
    lane: Arc<Lane>,
    sequence: u64,
    attempts: Attempts,
    attempts_before: usize,
    used: Use,
}

/// No call takes more tokens than this; a server that says so is not believed.
const MOST: u64 = 10_000_000;

impl Permit {
    fn new(lane: Arc<Lane>, sequence: u64, attempts: &Attempts) -> Self {
        attempts.forget_rate_limits();
        Self {
            lane,
            sequence,
            attempts: attempts.clone(),
            attempts_before: attempts.len(),
            used: Use::Estimate,
        }
    }

    /// Counts what the call used in truth, and takes what the server said.
    pub(super) fn settle(mut self, result: &Result<Response, ProviderError>) {
        let now = Instant::now();
        let mut lane = self.lane.lock();
        if let Some(status) = self.attempts.rate_limits() {
            lane.note(self.sequence, &status, now);
        }
        match result {
            Ok(response) => {
                let usage = &response.usage;
                if let Some(output) = usage.output_tokens {
                    lane.learn(output.min(MOST));
                }
                if usage.input_tokens.is_some() && usage.output_tokens.is_some() {
                    self.used = usage
                        .total_tokens()
                        .map_or(Use::Estimate, |total| Use::Tokens(total.min(MOST)));
                }
            }
            Err(error) if error.kind() == ErrorKind::RateLimited => {
                self.used = Use::Tokens(0);
                if let Some(wait) = error.retry_after() {
                    lane.pause(wait, now);
                }
            }
            Err(_) => {}
        }
    }

    /// Whether nothing has left since the call was let through.
    fn is_unsent(&self) -> bool {
        let attempts = self.attempts.to_vec();
        attempts
            .iter()
            .skip(self.attempts_before)
            .all(|attempt| attempt.unsent)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let used = match self.used {
            Use::Estimate if self.is_unsent() => Use::Nothing,
            used => used,
        };
        self.lane.lock().end(self.sequence, used, Instant::now());
    }
}
