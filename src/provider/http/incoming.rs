//! An answer on its way in.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::Instant;

use super::{CENTURY, Timeouts, after, pairs, timed_out};
use crate::attempt::OpenAttempt;
use crate::error::ErrorKind;
use crate::provider::ProviderError;
use crate::provider::answer::{HttpAnswer, request_id};
use crate::provider::reading::cut_off;

/// Larger answers are refused.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// How long the end of a body may take after its last event.
const END_OF_BODY: Duration = Duration::from_millis(25);

/// An answer whose headers are there. What has come of it is in the attempt's exchange when this is
/// dropped, at whatever point.
pub(super) struct Incoming<'a> {
    response: reqwest::Response,
    status: u16,
    headers: HeaderMap,
    attempt: &'a OpenAttempt,
    timeouts: Timeouts,
    end: Instant,
    received: usize,
    complete: bool,
    waits_for_content: bool,
    /// What was received, where the wire is captured.
    raw: Option<Vec<u8>>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(
        mut response: reqwest::Response,
        attempt: &'a OpenAttempt,
        timeouts: Timeouts,
        end: Instant,
    ) -> Self {
        let headers = std::mem::take(response.headers_mut());
        let status = response.status().as_u16();
        attempt.headers(status, request_id(&headers));
        Self {
            response,
            status,
            headers,
            attempt,
            timeouts,
            end,
            received: 0,
            complete: false,
            waits_for_content: false,
            raw: attempt.captures_wire().then(Vec::new),
        }
    }

    /// The answer with its `body`, for a translator.
    pub(super) fn answer<'b>(&'b self, body: &'b [u8]) -> HttpAnswer<'b> {
        HttpAnswer {
            status: self.status,
            headers: &self.headers,
            body,
        }
    }

    pub(super) fn is_success(&self) -> bool {
        self.answer(&[]).is_success()
    }

    /// Whether the body came to its end, so that the connection can serve another request.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn attempt(&self) -> &'a OpenAttempt {
        self.attempt
    }

    /// A stream has begun, and its content is yet to come.
    pub(super) fn wait_for_content(&mut self) {
        self.waits_for_content = true;
    }

    /// Content has come: from now on only a pause ends the stream, unless a limit was set.
    pub(super) fn content_begins(&mut self) {
        if std::mem::take(&mut self.waits_for_content) && self.timeouts.attempt.is_none() {
            self.end = after(CENTURY);
        }
    }

    fn idle_limit(&self) -> Duration {
        let limit = self.timeouts.idle();
        if self.waits_for_content && self.timeouts.idle.is_none() {
            return limit.max(self.timeouts.attempt());
        }
        limit
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let status = self.status;
        let idle_limit = self.idle_limit();
        let idle = after(idle_limit);
        let chunk = tokio::time::timeout_at(idle.min(self.end), self.response.chunk())
            .await
            .map_err(|_| {
                let (which, limit) = if idle < self.end {
                    ("idle", idle_limit)
                } else {
                    ("attempt", self.timeouts.attempt())
                };
                timed_out(which, limit).with_status(status)
            })?
            .map_err(|error| cut_off(status).with_source(error.without_url()))?;
        let Some(chunk) = chunk else {
            self.complete = true;
            return Ok(None);
        };
        self.received += chunk.len();
        if self.received > MAX_BODY {
            return Err(too_large(status));
        }
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(&chunk);
        }
        Ok(Some(chunk))
    }

    /// Refuses a body that says itself that it is too large.
    pub(super) fn check_announced(&self) -> Result<(), ProviderError> {
        if self.announced() > MAX_BODY {
            return Err(too_large(self.status));
        }
        Ok(())
    }

    fn announced(&self) -> usize {
        let announced = self.response.content_length().unwrap_or_default();
        usize::try_from(announced).unwrap_or(usize::MAX)
    }

    /// Whether the headers say that events follow.
    pub(super) fn says_events(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.trim_start().starts_with("text/event-stream")
    }

    /// Takes the end of a body that has said all, so that its connection can serve another request.
    /// Most servers send it apart from the last event; it is waited for, but less long than a new
    /// connection takes.
    pub(super) async fn drain(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.chunk().await {} };
        let _ = tokio::time::timeout(END_OF_BODY, rest).await;
    }

    /// The whole body, of which `begun` was read already.
    pub(super) async fn rest(&mut self, mut begun: Vec<u8>) -> Result<Vec<u8>, ProviderError> {
        begun.reserve(self.announced().saturating_sub(begun.len()));
        while let Some(chunk) = self.chunk().await? {
            begun.extend_from_slice(&chunk);
        }
        Ok(begun)
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        let Some(raw) = self.raw.take() else {
            return;
        };
        self.attempt.received(|exchange| {
            exchange.response_headers = pairs(&self.headers);
            exchange.response_body = String::from_utf8_lossy(&raw).into_owned();
        });
    }
}

fn too_large(status: u16) -> ProviderError {
    ProviderError::new(ErrorKind::Protocol, "the answer is larger than 64 MiB").with_status(status)
}
