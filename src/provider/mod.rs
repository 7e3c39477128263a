//! Where answers come from: the [`Provider`] trait and its implementations.
//!
//! A provider sends one request and reports what it did in the call's
//! [`Attempts`]. It keeps no conversation, no counters and has no sync
//! twin: usage belongs to the response, state to the caller. Retries have one owner, [`Retrying`].

mod answer;
pub mod anthropic;
mod error;
pub mod extract;
mod fallback;
pub mod gemini;
#[cfg(feature = "http")]
mod http;
mod limit;
pub mod ollama;
pub mod openai;
mod pieces;
mod profile;
mod rate_limit_headers;
mod reading;
mod retry;
mod scripted;
mod structured;
mod told;
mod tool_calls;
mod translate;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::attempt::{Attempts, WireCapture};
use crate::chat::{Delta, Request, Response};

pub use answer::{Headers, HttpAnswer};
pub use error::ProviderError;
pub use fallback::{
    Candidate, CircuitBreaker, CircuitState, FailureClass, Fallback, ProviderStatus,
};
#[cfg(feature = "http")]
pub use http::{
    Anthropic, AnthropicProvider, AzureOpenAi, AzureOpenAiProvider, Gemini, GeminiProvider,
    HttpProvider, HttpProviderBuilder, HttpService, Ollama, OllamaProvider, OpenAi, OpenAiProvider,
};
pub use limit::{Limited, RateLimits};
pub(crate) use pieces::tell_whole;
pub use profile::{
    EndpointProfile, ErrorShape, ErrorShapes, Finding, Findings, ProfileKind, Verdict,
};
pub use retry::{RetryPolicy, Retrying};
pub use scripted::{Repeat, Reply, ReplyFile, ScriptedProvider};
pub use structured::StructuredOutputMode;
pub use translate::{Delivery, Encoded, Framing, Progress, StreamDecoder, Translate};

/// A source of answers: object-safe, shared by many runs at once.
#[async_trait]
pub trait Provider: Send + Sync + fmt::Debug {
    /// The name that stands in records: `openai`, `scripted`, ….
    fn name(&self) -> &str;

    /// Asks the model once.
    ///
    /// Where the [call streams](CallContext::streams), each piece is [told](CallContext::tell) as it
    /// arrives, and the whole answer is given at the end as always; a provider that cannot stream
    /// gives the whole answer alone. The text need not be valid JSON: extracting, validating and repairing are the runner's work.
    /// A cut or refused answer is an `Ok` with its finish reason or refusal.
    ///
    /// # Errors
    /// [`ProviderError`] when no answer came; its kind says whether trying again makes sense.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time; what it opened in `call.attempts()` is then recorded
    /// as cancelled.
    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<P: Provider + ?Sized> Provider for Arc<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        (**self).generate_json(request, call).await
    }
}

/// What surrounds one call: who asks, until when, and where its attempts are noted.
#[derive(Clone)]
#[non_exhaustive]
pub struct CallContext {
    agent: String,
    attempts: Attempts,
    deadline: Option<Instant>,
    listener: Option<Listener>,
}

/// Who hears each piece of an answer as it arrives.
pub type Listener = Arc<dyn Fn(&Delta<'_>) + Send + Sync>;

impl CallContext {
    /// The context of a call by `agent`, without a deadline and without wire capture.
    pub fn new(agent: impl Into<String>) -> Self {
        Self {
            agent: agent.into(),
            attempts: Attempts::new(WireCapture::Off),
            deadline: None,
            listener: None,
        }
    }

    /// The same context with this list of attempts.
    pub fn with_attempts(mut self, attempts: Attempts) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same context with a deadline: backoff that would pass it is not begun.
    pub fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same context with someone who hears each piece of the answer as it arrives: a provider
    /// that can stream then does. The pieces do not replace the answer that `generate_json` gives.
    pub fn with_listener(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Whether the answer is to be streamed.
    pub fn streams(&self) -> bool {
        self.listener.is_some()
    }

    /// Hands a piece of the answer on, and keeps it with the attempts: what a broken or cancelled
    /// stream brought is not lost. Does nothing unless the answer [is streamed](Self::streams).
    pub fn tell(&self, delta: &Delta<'_>) {
        if let Some(listener) = &self.listener {
            self.attempts.receive(delta);
            listener(delta);
        }
    }

    /// Before another attempt: takes back what an earlier one streamed, if it did.
    pub fn restart(&self) {
        if self.listener.is_some() && self.attempts.has_partial() {
            self.tell(&Delta::Restarted);
        }
    }

    /// The agent that asks.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The attempts of this call; whoever sends a request opens one.
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// When the whole run must be over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Debug says whether someone listens.
impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("agent", &self.agent)
            .field("attempts", &self.attempts)
            .field("deadline", &self.deadline)
            .field("streams", &self.streams())
            .finish_non_exhaustive()
    }
}
