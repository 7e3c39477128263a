//! One provider of a fallback.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::circuit::{Circuit, CircuitBreaker, CircuitState};
use crate::chat::{Message, Request, Response};
use crate::provider::{CallContext, Provider, ProviderError, RetryPolicy, Retrying};

/// In a message's `provider_data`: which provider of the fallback understands the rest.
const PLACE: &str = "fallback_place";

/// A provider of a [`Fallback`](super::Fallback), with its own model and retries.
#[derive(Debug)]
#[must_use]
pub struct Candidate {
    provider: Arc<dyn Provider>,
    name: Option<String>,
    model: Option<String>,
    retry: RetryPolicy,
}

impl Candidate {
    /// `provider`, asked for the agent's own model, with the default [`RetryPolicy`].
    pub fn new(provider: impl Provider + 'static) -> Self {
        Self {
            provider: Arc::new(provider),
            name: None,
            model: None,
            retry: RetryPolicy::default(),
        }
    }

    /// The name that stands in records. Default: the provider's own.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The model that this provider is asked for. Default: the agent's.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// How its failed attempts are made again before the next provider is tried.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// `place` is its number in the fallback.
    pub(super) fn guarded(self, place: usize, breaker: CircuitBreaker) -> Guarded {
        Guarded {
            place,
            name: self.name.unwrap_or_else(|| self.provider.name().to_owned()),
            provider: Retrying::new(self.provider, self.retry),
            model: self.model,
            circuit: Circuit::new(breaker),
        }
    }
}

/// A candidate and its circuit.
#[derive(Debug)]
pub(super) struct Guarded {
    place: usize,
    pub(super) name: String,
    pub(super) circuit: Circuit,
    model: Option<String>,
    provider: Retrying<Arc<dyn Provider>>,
}

impl Guarded {
    /// Asks this provider, as the call's attempts tell.
    pub(super) async fn ask(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let own = self.model.as_ref().filter(|model| **model != request.model);
        let mut request = Cow::Borrowed(request);
        if let Some(model) = own {
            request.to_mut().model.clone_from(model);
        }
        if request
            .messages
            .iter()
            .any(|message| self.is_foreign(message))
        {
            for message in &mut request.to_mut().messages {
                if self.is_foreign(message) {
                    message.provider_data.clear();
                }
            }
        }
        call.attempts().ask(&*self.name, own.cloned());
        let mut response = self.provider.generate_json(&request, call).await?;
        if !response.provider_data.is_empty() {
            let place = self.place.into();
            response.provider_data.insert(PLACE.to_owned(), place);
        }
        Ok(response)
    }

    /// Whether `message` holds what only another provider understands: signatures and the like, which
    /// this one would refuse.
    fn is_foreign(&self, message: &Message) -> bool {
        let data = &message.provider_data;
        !data.is_empty()
            && data.get(PLACE).and_then(Value::as_u64) != u64::try_from(self.place).ok()
    }

    pub(super) fn status(&self, now: Instant) -> ProviderStatus {
        ProviderStatus {
            name: self.name.clone(),
            model: self.model.clone(),
            circuit: self.circuit.state(now),
            failures_in_a_row: self.circuit.failures(),
            tried_again_in: self
                .circuit
                .opens_at()
                .map(|at| at.saturating_duration_since(now)),
        }
    }
}

/// How a provider of a fallback does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// The name that stands in records.
    pub name: String,
    /// The model that it is asked for, where that is not the agent's.
    pub model: Option<String>,
    /// Whether calls go to it.
    pub circuit: CircuitState,
    /// Calls in a row that failed by one of the fallback's classes.
    pub failures_in_a_row: u32,
    /// Until it is tried again, unless its circuit is closed.
    pub tried_again_in: Option<Duration>,
}
