//! The one owner of retries.

use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use super::{CallContext, Provider, ProviderError};
use crate::chat::{Request, Response};
use crate::clock;
use crate::telemetry::names;

/// When and how often a failed attempt is made again.
///
/// Defaults: 3 retries after 0.5 s, 1 s, 2 s, each made longer by up to as much again (jitter), no
/// backoff above 60 s before jitter. A provider's `Retry-After` is a floor; one above 2 minutes is
/// not waited for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct RetryPolicy {
    max_retries: u32,
    initial_delay: Duration,
    factor: f32,
    max_delay: Duration,
    max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            initial_delay: Duration::from_millis(500),
            factor: 2.0,
            max_delay: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// The same policy with at most `retries` retries; 0 turns them off.
    pub fn with_max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The same policy with this backoff before the first retry.
    pub fn with_initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// The same policy with a backoff that grows by `factor` from retry to retry.
    pub fn with_factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// The same policy with no backoff above `delay`, jitter and `Retry-After` aside.
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The same policy that gives up when a provider asks to wait longer than `wait`.
    pub fn with_max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    fn backoff(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::new()
            .with_min_delay(self.initial_delay.min(self.max_delay))
            .with_factor(self.factor)
            .with_max_delay(self.max_delay)
            .with_max_times(usize::try_from(self.max_retries).unwrap_or(usize::MAX))
            .build()
    }

    /// The wait after `error`: backoff or `Retry-After`, whichever is longer, and jitter on top.
    /// `None` when the provider asks for more than the policy allows.
    fn delay(&self, backoff: Duration, error: &ProviderError) -> Option<Duration> {
        let floor = error.retry_after().unwrap_or_default();
        if floor > self.max_retry_after {
            return None;
        }
        let jitter = backoff.mul_f64(fastrand::f64());
        Some(floor.max(backoff).saturating_add(jitter))
    }
}

/// A provider whose failed attempts are made again, as far as their class allows.
///
/// Only [retryable](ProviderError::is_retryable) failures are; a backoff that would pass the call's
/// deadline is not begun, and the last failure is returned instead. Each backoff is noted in the
/// call's attempts.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::{CallContext, Provider, Reply, RetryPolicy, Retrying, ScriptedProvider};
/// use std::time::Duration;
///
/// let script = ScriptedProvider::new([Reply::status(503), Reply::text("{}")]);
/// let policy = RetryPolicy::default().with_initial_delay(Duration::from_millis(1));
/// let provider = Retrying::new(script, policy);
/// let call = CallContext::new("planner");
/// let request = Request::new("gpt-5-mini", vec![Message::user("go")]);
///
/// let answer = pollster::block_on(provider.generate_json(&request, &call)).unwrap();
/// assert_eq!(answer.text, "{}");
/// assert_eq!(call.attempts().len(), 2);
/// ```
#[derive(Debug)]
pub struct Retrying<P> {
    inner: P,
    policy: RetryPolicy,
}

impl<P: Provider> Retrying<P> {
    /// `inner` with the retries of `policy`.
    pub fn new(inner: P, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<P: Provider> Provider for Retrying<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let mut backoff = self.policy.backoff();
        loop {
            let error = match self.inner.generate_json(request, call).await {
                Ok(response) => return Ok(response),
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => error,
            };
            let Some(delay) = backoff
                .next()
                .and_then(|backoff| self.policy.delay(backoff, &error))
                .filter(|delay| fits(*delay, call))
            else {
                return Err(error);
            };
            tracing::warn!(
                { names::GEN_AI_PROVIDER_NAME } = names::provider_name(self.name()),
                { names::GEN_AI_AGENT_NAME } = call.agent(),
                { names::ERROR_TYPE } = error.kind().as_str(),
                { names::HTTP_RESPONSE_STATUS_CODE } = error.status().map(i64::from),
                { names::DELAY_MS } = i64::try_from(delay.as_millis()).ok(),
                "model call failed and is made again"
            );
            call.attempts().backed_off(delay);
            call.restart();
            clock::sleep(delay).await;
        }
    }
}

/// Whether a wait of `delay` ends before the call's deadline.
fn fits(delay: Duration, call: &CallContext) -> bool {
    call.deadline().is_none_or(|deadline| {
        Instant::now()
            .checked_add(delay)
            .is_some_and(|end| end < deadline)
    })
}
