//! Requests to a server over HTTP: what goes with each, and what its failures say.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use secrecy::ExposeSecret;

use super::settings::Address;
use crate::error::with_causes;

/// What the HTTP client says lies deep below, and its own text quotes the address.
pub(super) fn in_words(error: &(dyn StdError + Send + Sync + 'static)) -> String {
    match of_http(error).map(|error| (error.status(), error.source())) {
        Some((Some(status), _)) => format!("HTTP {status}"),
        Some((None, Some(cause))) => format!("cannot be reached: {}", with_causes(cause)),
        _ => with_causes(error),
    }
}

/// The status under which the server refused a request: then it was not carried out.
pub(super) fn refusal(error: &(dyn StdError + Send + Sync + 'static)) -> Option<StatusCode> {
    let status = of_http(error)?.status()?;
    status.is_client_error().then_some(status)
}

fn of_http<'e>(error: &'e (dyn StdError + Send + Sync + 'static)) -> Option<&'e reqwest::Error> {
    let first: &(dyn StdError + 'static) = error;
    let mut chain = std::iter::successors(Some(first), |&error| error.source());
    chain.find_map(|error| match error.downcast_ref() {
        Some(StreamableHttpError::<reqwest::Error>::Client(error)) => Some(error),
        _ => error.downcast_ref::<reqwest::Error>(),
    })
}

pub(super) fn headers(address: &Address) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let ready = address.headers.iter().map(|(name, value)| {
        let refused = || format!("has a header `{name}` that HTTP does not allow");
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| refused())?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        Ok((name, value))
    });
    ready.collect()
}

/// Redirects are followed within the origin alone: the headers may hold keys.
pub(super) fn client(connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    const MAX_REDIRECTS: usize = 5;
    let within_origin = Policy::custom(|attempt| {
        let first = attempt.previous().first().map(reqwest::Url::origin);
        let stays = first.is_some_and(|origin| origin == attempt.url().origin());
        if stays && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    reqwest::Client::builder()
        .redirect(within_origin)
        .connect_timeout(connect_timeout)
        // A body that was not read to its end would keep the next request waiting.
        .pool_max_idle_per_host(0)
        .build()
}
