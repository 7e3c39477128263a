//! One transport for every provider that speaks HTTP.
//!
//! A connection's task lives on the runtime that opened it and dies with it, so there is one client
//! per runtime: a connection is never used from another runtime than its own. Calls from outside of
//! any runtime use the background one. Redirects are not followed, since a request with a key must
//! not go elsewhere.

use std::borrow::Cow;
use std::future::Future;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use tokio::time::Instant;

use super::answer::Headers;
use super::rate_limit_headers::rate_limits;
use super::{CallContext, Delivery, ProviderError, Translate};
use crate::attempt::{OpenAttempt, WireExchange};
use crate::background;
use crate::chat::Response;
use crate::env::Environment;

mod anthropic;
mod azure;
mod builder;
mod clients;
mod endpoint;
mod failure;
mod framing;
mod gemini;
mod incoming;
mod ollama;
mod openai;
mod provider;
mod service;
mod stream;

pub use anthropic::{Anthropic, AnthropicProvider};
pub use azure::{AzureOpenAi, AzureOpenAiProvider};
pub use builder::HttpProviderBuilder;
use clients::{Clients, Connected, Reach};
use failure::{client_failed, offline, send_failed, timed_out, unreadable_guard};
pub use gemini::{Gemini, GeminiProvider};
use incoming::Incoming;
pub use ollama::{Ollama, OllamaProvider};
pub use openai::{OpenAi, OpenAiProvider};
pub use provider::HttpProvider;
pub use service::HttpService;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How long one attempt may take, and its parts.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    /// Until a connection stands.
    connect: Duration,
    /// Until the headers are there; absent means the whole attempt's time.
    first_byte: Option<Duration>,
    /// Between two pieces of the body; absent means the default, and as long as the attempt's for a
    /// stream whose content is yet to come: models think without a word.
    idle: Option<Duration>,
    /// From the request to the last byte; absent means the default, and no limit for a stream whose
    /// content has begun.
    attempt: Option<Duration>,
}

impl Timeouts {
    fn idle(&self) -> Duration {
        self.idle.unwrap_or(Duration::from_secs(30))
    }

    fn attempt(&self) -> Duration {
        self.attempt.unwrap_or(Duration::from_secs(60))
    }
}

/// A request, ready to leave.
struct Outgoing<'a> {
    url: &'a Url,
    headers: &'a HeaderMap,
    body: Vec<u8>,
}

/// How its answer is read.
struct Reading<'a> {
    call: &'a CallContext,
    translator: &'a dyn Translate,
    model: &'a str,
    delivery: Delivery,
}

/// A failed attempt, and whether a connection from the pool may be to blame.
#[derive(Debug)]
struct Failed {
    error: ProviderError,
    may_be_stale: bool,
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self {
            error,
            may_be_stale: false,
        }
    }
}

/// Sends requests and reads answers, within timeouts.
#[derive(Debug)]
struct Transport {
    clients: Clients,
    timeouts: Timeouts,
    /// Where a request looks for `DUOLOGUE_OFFLINE`.
    environment: Environment,
}

impl Transport {
    /// Posts `outgoing` once and reads the answer; the attempt is opened in the call's attempts just
    /// before the request leaves and closed with the result.
    async fn post(
        &self,
        outgoing: Outgoing<'_>,
        reading: &Reading<'_>,
    ) -> Result<Response, Failed> {
        self.may_leave(outgoing.url)?;
        within_a_runtime(async {
            let client = self.clients.current(self.timeouts.connect)?;
            let attempt = reading.call.attempts().open();
            attempt.exchange(|| request_side(&outgoing));
            let result = self.exchange(&client, outgoing, &attempt, reading).await;
            attempt.close(result.as_ref().err().map(|failed| failed.error.kind()));
            result
        })
        .await
    }

    /// Asked for each request: a guard that is set while the program runs holds from then on.
    fn may_leave(&self, url: &Url) -> Result<(), ProviderError> {
        match self.environment.is_offline() {
            Ok(false) => Ok(()),
            Ok(true) => Err(offline(url)),
            Err(error) => Err(unreadable_guard(&error)),
        }
    }

    async fn exchange(
        &self,
        client: &Connected,
        outgoing: Outgoing<'_>,
        attempt: &OpenAttempt,
        reading: &Reading<'_>,
    ) -> Result<Response, Failed> {
        let end = after(self.timeouts.attempt());
        let response = self.send(client, outgoing, attempt, end).await?;
        let mut incoming = Incoming::new(response, attempt, self.timeouts, end);
        if let Some(status) = rate_limits(incoming.answer(&[]).headers, SystemTime::now()) {
            reading.call.attempts().note_rate_limits(status);
        }
        let response = stream::read(&mut incoming, reading).await;
        if incoming.is_complete() {
            client.answered();
        }
        Ok(response?)
    }

    async fn send(
        &self,
        client: &Connected,
        outgoing: Outgoing<'_>,
        attempt: &OpenAttempt,
        end: Instant,
    ) -> Result<reqwest::Response, Failed> {
        let mut request = reqwest::Request::new(Method::POST, outgoing.url.clone());
        *request.headers_mut() = outgoing.headers.clone();
        *request.body_mut() = Some(outgoing.body.into());
        let may_be_stale = client.has_idle_connections();
        let first_byte = self.timeouts.first_byte.map(after);
        let until = first_byte.map_or(end, |first_byte| first_byte.min(end));
        match tokio::time::timeout_at(until, client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                if error.is_connect() {
                    attempt.unsent();
                }
                let lost = !error.is_connect() && !error.is_timeout() && error.is_request();
                Err(Failed {
                    error: send_failed(error, outgoing.url, self.timeouts.connect),
                    may_be_stale: may_be_stale && lost,
                })
            }
            Err(_) => Err(match self.timeouts.first_byte {
                Some(wait) if until < end => timed_out("first-byte", wait),
                _ => timed_out("attempt", self.timeouts.attempt()),
            }
            .into()),
        }
    }
}

/// The moment `wait` from now; a wait beyond a century is one.
fn after(wait: Duration) -> Instant {
    Instant::now() + wait.min(CENTURY)
}

impl Headers for HeaderMap {
    fn get(&self, name: &str) -> Option<&str> {
        HeaderMap::get(self, name)?.to_str().ok()
    }

    fn may_have(&self, part: &str) -> bool {
        self.keys().any(|name| name.as_str().contains(part))
    }
}

fn request_side(outgoing: &Outgoing<'_>) -> WireExchange {
    WireExchange {
        method: "POST".to_owned(),
        url: outgoing.url.to_string(),
        request_headers: pairs(outgoing.headers),
        request_body: String::from_utf8_lossy(&outgoing.body).into_owned(),
        ..WireExchange::default()
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            // Whatever the settings call a header, its value may be a key.
            let text = if value.is_sensitive() {
                Cow::Borrowed("<REDACTED:sensitive-header>")
            } else {
                String::from_utf8_lossy(value.as_bytes())
            };
            (name.as_str().to_owned(), text.into_owned())
        })
        .collect()
}

/// Polls `future` inside of the caller's runtime, or of the background one where there is none.
async fn within_a_runtime<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let _runtime = background::enter_if_outside();
        future.as_mut().poll(context)
    })
    .await
}
