//! The provider that speaks any dialect over HTTP.

use std::fmt;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::HeaderMap;

use super::builder::HttpProviderBuilder;
use super::service::HttpService;
use super::{Failed, Outgoing, Reading, Transport};
use crate::chat::{Request, Response};
use crate::provider::{CallContext, Delivery, Provider, ProviderError, Translate};
use crate::telemetry::names;

/// A service over HTTP, in the dialect of `S`.
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
pub struct HttpProvider<S> {
    pub(super) service: S,
    pub(super) translator: Box<dyn Translate>,
    pub(super) transport: Transport,
    pub(super) endpoint: Url,
    pub(super) headers: HeaderMap,
}

impl<S: HttpService> HttpProvider<S> {
    /// A builder with the service's defaults: its own address, its key in the environment.
    pub fn builder() -> HttpProviderBuilder<S> {
        HttpProviderBuilder::default()
    }

    async fn attempt(&self, request: &Request, call: &CallContext) -> Result<Response, Failed> {
        let delivery = if call.streams() {
            Delivery::Streamed
        } else {
            Delivery::Whole
        };
        let encoded = self.translator.encode(request, delivery)?;
        let url = self.service.url(&self.endpoint, &request.model, delivery);
        let outgoing = Outgoing {
            url: &url,
            headers: &self.headers,
            body: encoded.body,
        };
        let reading = Reading {
            call,
            translator: &*self.translator,
            model: &request.model,
            delivery,
        };
        let mut response = self.transport.post(outgoing, &reading).await?;
        response.structured_output = Some(encoded.structured_output);
        Ok(response)
    }
}

/// Debug shows the host, never the query, a header or a key.
impl<S: HttpService> fmt::Debug for HttpProvider<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("service", &S::NAME)
            .field("host", &self.endpoint.host_str())
            .field("translator", &self.translator)
            .field("timeouts", &self.transport.timeouts)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: HttpService> Provider for HttpProvider<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let url = &self.endpoint;
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
