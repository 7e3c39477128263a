//! Limits on what goes to one provider: requests and tokens per minute, and calls in flight.
//!
//! There is one limiter for each provider instance (and so for its key) and each model. It has no
//! task of its own: a timer runs only while a call waits.

mod estimate;
mod lane;
mod queue;
mod rates;
mod server_view;
mod wait;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{CallContext, Provider, ProviderError};
use crate::chat::{Request, Response};

use lane::Lane;
pub use rates::RateLimits;

/// A provider that is asked no more than [`RateLimits`] allow, for each model on its own; further
/// calls wait.
///
/// - *Windows*: no span of 60 s holds more requests or tokens than allowed. Tokens are reserved
///   before a call by estimate (a quarter of the request's bytes, plus `max_output_tokens` or the mean
///   of the model's answers so far) and settled with what the answer says was used.
/// - *The server's word*: what it says is left (`x-ratelimit-*` and their like) lowers the limits
///   until its reset, and never raises them; a 429 with `Retry-After` pauses all calls to the model.
///   Neither is believed for more than two minutes at a time.
/// - *Fairness*: agents that wait take turns, the calls of one agent go in their order.
/// - *Large requests*: one that alone is larger than `tokens_per_minute` goes when the window holds no
///   other tokens, so that the server decides.
///
/// The wait is noted in the call's attempts. A wait that cannot end before the call's deadline fails
/// at once. A call that is dropped gives its place and its slot back at once, and its tokens too
/// unless its request has left: the server counts that one.
///
/// Clones share their limits, and so do runners on one `Arc`. Put it *inside* of
/// [`Retrying`](super::Retrying), so that a call holds nothing while it backs off:
///
/// ```
/// use duologue::provider::{Limited, RateLimits, RetryPolicy, Retrying, ScriptedProvider};
///
/// let limits = RateLimits::new().requests_per_minute(60).tokens_per_minute(100_000);
/// let provider = Limited::new(ScriptedProvider::new([]), limits);
/// let provider = Retrying::new(provider, RetryPolicy::default());
/// # let _ = provider;
/// ```
#[derive(Debug, Clone)]
pub struct Limited<P> {
    inner: P,
    limits: RateLimits,
    scope: Scope,
    lanes: Arc<Mutex<HashMap<String, Arc<Lane>>>>,
}

/// What shares one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Model,
    Provider,
}

impl<P: Provider> Limited<P> {
    /// `inner` within `limits`, for each model on its own.
    pub fn new(inner: P, limits: RateLimits) -> Self {
        Self {
            inner,
            limits,
            scope: Scope::Model,
            lanes: Arc::default(),
        }
    }

    /// `inner` with at most `max_in_flight` calls at once, all models together; 0 counts as 1. What
    /// the server says of its limits is left aside, since that goes for one model.
    pub fn in_flight(inner: P, max_in_flight: usize) -> Self {
        Self {
            scope: Scope::Provider,
            ..Self::new(inner, RateLimits::new().max_in_flight(max_in_flight))
        }
    }

    fn lane(&self, model: &str) -> Arc<Lane> {
        let key = match self.scope {
            Scope::Model => model,
            Scope::Provider => "",
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(key) {
            return lane.clone();
        }
        let lane = Arc::new(Lane::new(self.limits));
        lanes.insert(key.to_owned(), lane.clone());
        lane
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<P: Provider> Provider for Limited<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let lane = self.lane(&request.model);
        let tokens = match self.scope {
            Scope::Model => estimate::tokens(request, lane.mean_output()),
            Scope::Provider => 0,
        };
        let permit = wait::admit(&lane, request, tokens, call).await?;
        let result = self.inner.generate_json(request, call).await;
        match self.scope {
            Scope::Model => permit.settle(&result),
            Scope::Provider => drop(permit),
        }
        result
    }
}
