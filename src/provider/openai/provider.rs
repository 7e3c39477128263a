//! The provider that speaks chat completions over HTTP.

use std::fmt;

use async_trait::async_trait;

use super::builder::OpenAiProviderBuilder;
use super::{Translator, decode};
use crate::chat::{Request, Response};
use crate::provider::http::{Failed, Target, Transport};
use crate::provider::{CallContext, Provider, ProviderError};
use crate::telemetry::names;

/// Any server that speaks OpenAI's chat completions.
///
/// It makes one attempt per call; [`Retrying`](crate::provider::Retrying) makes more of them. The
/// one exception is a kept-alive connection that the server closed before it sent anything back:
/// that request is sent once more at once, and both attempts are recorded.
///
/// One provider may be used from any number of runtimes and threads at once.
///
/// ```
/// use duologue::provider::OpenAiProvider;
///
/// let provider = OpenAiProvider::builder()
///     .base_url("http://127.0.0.1:8080/v1")
///     .no_api_key()
///     .build()?;
/// # Ok::<(), duologue::Error>(())
/// ```
pub struct OpenAiProvider {
    pub(super) translator: Translator,
    pub(super) transport: Transport,
    pub(super) target: Target,
}

impl OpenAiProvider {
    /// A builder with the defaults: `https://api.openai.com/v1`, the key in `OPENAI_API_KEY`.
    pub fn builder() -> OpenAiProviderBuilder {
        OpenAiProviderBuilder::default()
    }

    async fn attempt(&self, request: &Request, call: &CallContext) -> Result<Response, Failed> {
        let encoded = self.translator.encode(request)?;
        let mut response = self
            .transport
            .post(&self.target, encoded.body, call.attempts(), |answer| {
                decode(answer, &request.model)
            })
            .await?;
        response.structured_output = Some(encoded.structured_output);
        Ok(response)
    }
}

/// Debug shows the host, never the query, a header or a key.
impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("host", &self.target.url.host_str())
            .field("dialect", &self.translator.dialect())
            .field("timeouts", &self.transport.timeouts)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &'static str {
        "openai"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let url = &self.target.url;
        if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
            // Polled within the call's span, which has these fields and no one to fill them.
            tracing::Span::current()
                .record(names::SERVER_ADDRESS, host)
                .record(names::SERVER_PORT, i64::from(port));
        }
        let failed = match self.attempt(request, call).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        if !failed.may_be_stale {
            return Err(failed.error);
        }
        tracing::debug!("the server had closed a kept-alive connection");
        self.attempt(request, call)
            .await
            .map_err(|failed| failed.error)
    }
}
