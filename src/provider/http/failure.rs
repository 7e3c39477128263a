//! What went wrong on the wire. No text here holds a path, a query, user information or a key.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::Url;

use crate::env;
use crate::error::{Error, ErrorKind};
use crate::provider::ProviderError;

/// The failure of a request to which no answer came.
pub(super) fn send_failed(error: reqwest::Error, url: &Url, connect: Duration) -> ProviderError {
    let place = authority(url);
    let is_timeout = error.is_timeout();
    let (kind, message, hint) = if error.is_connect() && is_timeout {
        (
            ErrorKind::Timeout,
            format!(
                "no connection to `{place}` within {}",
                humantime::format_duration(connect)
            ),
            Some("check that the server runs and can be reached from here"),
        )
    } else if error.is_connect() {
        (
            ErrorKind::Unavailable,
            format!("cannot connect to `{place}`"),
            Some("check that the server runs and that `base_url` is right"),
        )
    } else if error.is_builder() {
        (
            ErrorKind::Config,
            format!("cannot send a request to `{place}`"),
            None,
        )
    } else {
        (
            ErrorKind::Unavailable,
            format!("the connection to `{place}` was lost before an answer came"),
            None,
        )
    };
    let error = ProviderError::new(kind, message).with_source(error.without_url());
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The failure of an attempt that took longer than its `which` timeout.
pub(super) fn timed_out(which: &str, limit: Duration) -> ProviderError {
    let limit = humantime::format_duration(limit);
    let message = match which {
        "first-byte" => format!("no answer began within {limit} (first-byte timeout)"),
        "idle" => format!("the answer stalled for {limit} (idle timeout)"),
        _ => format!("no complete answer within {limit} (attempt timeout)"),
    };
    ProviderError::new(ErrorKind::Timeout, message)
}

/// The failure to set up a client.
pub(super) fn client_failed(error: impl StdError + Send + Sync + 'static) -> ProviderError {
    ProviderError::new(ErrorKind::Config, "cannot set up the HTTP client").with_source(error)
}

/// The failure of a request that `DUOLOGUE_OFFLINE` keeps from leaving.
pub(super) fn offline(url: &Url) -> ProviderError {
    let message = format!(
        "a request to `{}` is forbidden by `{}`",
        authority(url),
        env::OFFLINE
    );
    ProviderError::new(ErrorKind::Offline, message)
}

/// The failure of a request that might be forbidden: the guard's value says neither.
pub(super) fn unreadable_guard(error: &Error) -> ProviderError {
    let failure = ProviderError::new(error.kind(), error.to_string());
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// `host:port`, all that an error may say of a URL.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
