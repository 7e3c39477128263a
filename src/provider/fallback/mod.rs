//! Several providers for one: the next is asked when one fails.

mod candidate;
mod circuit;
mod class;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{CallContext, Provider, ProviderError};
use crate::chat::{Request, Response};
use crate::error::ErrorKind;
use crate::telemetry::names;

use candidate::Guarded;
pub use candidate::{Candidate, ProviderStatus};
use circuit::{Circuit, Pass};
pub use circuit::{CircuitBreaker, CircuitState};
pub use class::FailureClass;

/// Providers that are tried in their order until one answers.
///
/// The next one is asked after a failure of the [classes](Self::on) that another provider may not
/// share; any other failure, and any answer (a refusal, a cut one), is given back as it is. Each
/// provider has its own retries and its own [circuit breaker](CircuitBreaker); the deadline is one for
/// all. When every circuit is open, the provider that is to be tried next is tried now. The last
/// failure says that retries are exhausted, so nobody goes through the list again.
///
/// In the record, `provider` is who answered, and each attempt says who was asked, for which model.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::{CallContext, Candidate, Fallback, Provider, Reply, RetryPolicy, ScriptedProvider};
///
/// let down = ScriptedProvider::new([Reply::status(503).forever()]);
/// let up = ScriptedProvider::new([Reply::text("{}")]);
/// let provider = Fallback::new(Candidate::new(down).name("first").retry(RetryPolicy::default().with_max_retries(0)))
///     .or(Candidate::new(up).name("second").model("another-model"));
/// let call = CallContext::new("planner");
/// let request = Request::new("gpt-5-mini", vec![Message::user("go")]);
///
/// let answer = pollster::block_on(provider.generate_json(&request, &call)).unwrap();
/// assert_eq!(answer.model.as_deref(), Some("another-model"));
/// assert_eq!(call.attempts().provider().as_deref(), Some("second"));
/// assert_eq!(provider.status()[0].failures_in_a_row, 1);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Fallback {
    providers: Vec<Guarded>,
    on: Vec<FailureClass>,
    breaker: CircuitBreaker,
}

impl Fallback {
    /// A fallback whose first choice is `first`, with [`FailureClass::DEFAULT`] and the default
    /// [`CircuitBreaker`].
    pub fn new(first: Candidate) -> Self {
        let breaker = CircuitBreaker::default();
        Self {
            providers: vec![first.guarded(0, breaker)],
            on: FailureClass::DEFAULT.to_vec(),
            breaker,
        }
    }

    /// The same fallback with `next` after all others.
    pub fn or(mut self, next: Candidate) -> Self {
        let place = self.providers.len();
        self.providers.push(next.guarded(place, self.breaker));
        self
    }

    /// The same fallback that goes on after failures of these classes alone.
    pub fn on(mut self, classes: impl IntoIterator<Item = FailureClass>) -> Self {
        self.on = classes.into_iter().collect();
        self
    }

    /// The same fallback with this breaker for each provider.
    pub fn circuit_breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.breaker = breaker;
        for provider in &mut self.providers {
            provider.circuit = Circuit::new(breaker);
        }
        self
    }

    /// How each provider does, in their order.
    pub fn status(&self) -> Vec<ProviderStatus> {
        let now = Instant::now();
        let providers = self.providers.iter();
        providers.map(|provider| provider.status(now)).collect()
    }

    /// The class of `error`, if it is one to go on after.
    fn class(&self, error: &ProviderError, call: &CallContext) -> Option<FailureClass> {
        let late = is_over(call);
        let class = match error.kind() {
            // The deadline is yet to come: only the wait for this provider's limits would pass it.
            ErrorKind::DeadlineExceeded if !late => FailureClass::RateLimited,
            kind => FailureClass::of(kind)?,
        };
        self.on.contains(&class).then_some(class)
    }

    /// Asks one provider and keeps its circuit.
    async fn ask(
        &self,
        provider: &Guarded,
        pass: Pass<'_>,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let result = provider.ask(request, call).await;
        match &result {
            Ok(_) => {
                call.attempts().answered_by(&*provider.name);
                closed(provider, pass);
            }
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded => drop(pass),
            Err(error) if self.class(error, call).is_some() => opened(provider, pass, error),
            Err(error) if says_something(error) => closed(provider, pass),
            Err(_) => drop(pass),
        }
        result
    }

    /// The providers whose circuits let the call through, or the one that is to be tried next.
    async fn ask_all(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let mut last = None;
        for provider in &self.providers {
            let Some(pass) = provider.circuit.enter(Instant::now()) else {
                continue;
            };
            if last.is_some() {
                call.restart();
            }
            let before = call.attempts().len();
            match self.ask(provider, pass, request, call).await {
                // What this provider's dialect cannot say is no answer to the failure before it.
                Err(error) if is_of_dialect(&error) && call.attempts().len() == before => {
                    last.get_or_insert(error);
                }
                Err(error) if self.class(&error, call).is_some() && !is_over(call) => {
                    gone_on(provider, &error, call);
                    last = Some(error);
                }
                result => return result,
            }
        }
        if let Some(error) = last {
            return Err(error);
        }
        let next = self
            .providers
            .iter()
            .min_by_key(|provider| provider.circuit.opens_at());
        match next {
            Some(next) => self.ask(next, next.circuit.force(), request, call).await,
            None => Err(ProviderError::new(
                ErrorKind::Internal,
                "a fallback without providers",
            )),
        }
    }
}

/// Whether the request cannot be written, or its schema, as this provider would have it.
fn is_of_dialect(error: &ProviderError) -> bool {
    matches!(error.kind(), ErrorKind::Config | ErrorKind::Schema)
}

/// Whether the call's deadline has come.
fn is_over(call: &CallContext) -> bool {
    call.deadline()
        .is_some_and(|deadline| deadline <= Instant::now())
}

/// Whether the provider itself said so, be it no: then it works.
fn says_something(error: &ProviderError) -> bool {
    error.status().is_some()
}

fn closed(provider: &Guarded, pass: Pass<'_>) {
    if pass.worked() {
        tracing::info!(
            { names::GEN_AI_PROVIDER_NAME } = provider.name,
            "circuit closed: the provider answers again"
        );
    }
}

fn opened(provider: &Guarded, pass: Pass<'_>, error: &ProviderError) {
    if let Some(pause) = pass.failed(Instant::now()) {
        tracing::warn!(
            { names::GEN_AI_PROVIDER_NAME } = provider.name,
            { names::ERROR_TYPE } = error.kind().as_str(),
            { names::DELAY_MS } = i64::try_from(pause.as_millis()).ok(),
            "circuit opened: the provider keeps failing and is skipped"
        );
    }
}

fn gone_on(provider: &Guarded, error: &ProviderError, call: &CallContext) {
    tracing::warn!(
        { names::GEN_AI_PROVIDER_NAME } = provider.name,
        { names::GEN_AI_AGENT_NAME } = call.agent(),
        { names::ERROR_TYPE } = error.kind().as_str(),
        { names::HTTP_RESPONSE_STATUS_CODE } = error.status().map(i64::from),
        "model call failed and goes to the next provider, if there is one"
    );
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Provider for Fallback {
    fn name(&self) -> &'static str {
        "fallback"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        self.ask_all(request, call)
            .await
            .map_err(ProviderError::with_retries_exhausted)
    }
}
