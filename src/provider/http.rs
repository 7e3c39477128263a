//! One transport for every provider that speaks HTTP.
//!
//! A connection's task lives on the runtime that opened it and dies with it, so there is one client
//! per runtime: a connection is never used from another runtime than its own. Calls from outside of
//! any runtime use the background one. Redirects are not followed, since a request with a key must
//! not go elsewhere.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use tokio::time::Instant;

use super::ProviderError;
use super::answer::{Headers, HttpAnswer};
use super::openai::cut_off;
use crate::attempt::{Attempts, OpenAttempt, WireExchange};
use crate::background;
use crate::env::Environment;
use crate::error::ErrorKind;

mod clients;
mod failure;

use clients::Connected;
pub(crate) use clients::{Clients, Reach};
use failure::{client_failed, offline, send_failed, timed_out, unreadable_guard};

/// Larger answers are refused.
const MAX_BODY: usize = 64 * 1024 * 1024;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How long one attempt may take, and its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Until a connection stands.
    pub(crate) connect: Duration,
    /// Until the headers are there; absent means the whole attempt's time.
    pub(crate) first_byte: Option<Duration>,
    /// Between two pieces of the body.
    pub(crate) idle: Duration,
    /// From the request to the last byte.
    pub(crate) attempt: Duration,
}

/// Where requests go, and what goes with each of them.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

/// A failed attempt, and whether a connection from the pool may be to blame.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: ProviderError,
    pub(crate) may_be_stale: bool,
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
pub(crate) struct Transport {
    pub(crate) clients: Clients,
    pub(crate) timeouts: Timeouts,
    /// Where a request looks for `DUOLOGUE_OFFLINE`.
    pub(crate) environment: Environment,
}

impl Transport {
    /// Posts `body` once and lets `read` judge the answer; the attempt is opened in `attempts` just
    /// before the request leaves and closed with the result.
    pub(crate) async fn post<T>(
        &self,
        target: &Target,
        body: Vec<u8>,
        attempts: &Attempts,
        read: impl FnOnce(&HttpAnswer<'_>) -> Result<T, ProviderError>,
    ) -> Result<T, Failed> {
        self.may_leave(target)?;
        within_a_runtime(async {
            let client = self.clients.current(self.timeouts.connect)?;
            let attempt = attempts.open();
            attempt.exchange(|| request_side(target, &body));
            let result = self.exchange(&client, target, body, &attempt, read).await;
            attempt.close(result.as_ref().err().map(|failed| failed.error.kind()));
            result
        })
        .await
    }

    /// Asked for each request: a guard that is set while the program runs holds from then on.
    fn may_leave(&self, target: &Target) -> Result<(), ProviderError> {
        match self.environment.is_offline() {
            Ok(false) => Ok(()),
            Ok(true) => Err(offline(&target.url)),
            Err(error) => Err(unreadable_guard(&error)),
        }
    }

    async fn exchange<T>(
        &self,
        client: &Connected,
        target: &Target,
        body: Vec<u8>,
        attempt: &OpenAttempt,
        read: impl FnOnce(&HttpAnswer<'_>) -> Result<T, ProviderError>,
    ) -> Result<T, Failed> {
        let end = after(self.timeouts.attempt);
        let mut response = self.send(client, target, body, attempt, end).await?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        attempt.headers(status, super::answer::request_id(&headers));
        let received = self.body(&mut response, status, end).await;
        attempt.received(|exchange| {
            exchange.response_headers = pairs(&headers);
            if let Ok(body) = &received {
                exchange.response_body = String::from_utf8_lossy(body).into_owned();
            }
        });
        let body = received?;
        client.answered();
        let answer = HttpAnswer {
            status,
            headers: &headers,
            body: &body,
        };
        Ok(read(&answer)?)
    }

    async fn send(
        &self,
        client: &Connected,
        target: &Target,
        body: Vec<u8>,
        attempt: &OpenAttempt,
        end: Instant,
    ) -> Result<reqwest::Response, Failed> {
        let mut request = reqwest::Request::new(Method::POST, target.url.clone());
        *request.headers_mut() = target.headers.clone();
        *request.body_mut() = Some(body.into());
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
                    error: send_failed(error, &target.url, self.timeouts.connect),
                    may_be_stale: may_be_stale && lost,
                })
            }
            Err(_) => Err(match self.timeouts.first_byte {
                Some(wait) if until < end => timed_out("first-byte", wait),
                _ => timed_out("attempt", self.timeouts.attempt),
            }
            .into()),
        }
    }

    async fn body(
        &self,
        response: &mut reqwest::Response,
        status: u16,
        end: Instant,
    ) -> Result<Vec<u8>, ProviderError> {
        let announced = response.content_length().unwrap_or_default();
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > MAX_BODY {
            return Err(too_large(status));
        }
        let mut body = Vec::with_capacity(announced);
        loop {
            let idle = after(self.timeouts.idle);
            let chunk = tokio::time::timeout_at(idle.min(end), response.chunk())
                .await
                .map_err(|_| {
                    let (which, limit) = if idle < end {
                        ("idle", self.timeouts.idle)
                    } else {
                        ("attempt", self.timeouts.attempt)
                    };
                    timed_out(which, limit).with_status(status)
                })?
                .map_err(|error| cut_off(status).with_source(error.without_url()))?;
            let Some(chunk) = chunk else {
                return Ok(body);
            };
            if body.len() + chunk.len() > MAX_BODY {
                return Err(too_large(status));
            }
            body.extend_from_slice(&chunk);
        }
    }
}

/// The moment `wait` from now; a wait beyond a century is one.
fn after(wait: Duration) -> Instant {
    Instant::now() + wait.min(CENTURY)
}

fn too_large(status: u16) -> ProviderError {
    ProviderError::new(ErrorKind::Protocol, "the answer is larger than 64 MiB").with_status(status)
}

impl Headers for HeaderMap {
    fn get(&self, name: &str) -> Option<&str> {
        HeaderMap::get(self, name)?.to_str().ok()
    }
}

fn request_side(target: &Target, body: &[u8]) -> WireExchange {
    WireExchange {
        method: "POST".to_owned(),
        url: target.url.to_string(),
        request_headers: pairs(&target.headers),
        request_body: String::from_utf8_lossy(body).into_owned(),
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
