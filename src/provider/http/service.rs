//! What differs between services over HTTP besides their dialect.

use std::borrow::Cow;

use reqwest::Url;

use crate::provider::{Delivery, StructuredOutputMode, Translate};

/// One kind of service: where it is, how it wants its key, how it is spoken to.
///
/// Implement it, and [`Translate`], to speak a dialect that is not here;
/// [`HttpProvider`](super::HttpProvider) does the rest.
pub trait HttpService: Default + Send + Sync + 'static {
    /// The name that stands in records.
    const NAME: &'static str;
    /// Where it is unless `base_url` says otherwise; `None` when `base_url` must be given.
    const BASE_URL: Option<&'static str>;
    /// The environment variable that holds the key, for the default address alone: a key never goes
    /// to another server by accident. `None` for a service that needs no key.
    const API_KEY_ENV: Option<&'static str>;

    /// Whether the key in [`API_KEY_ENV`](Self::API_KEY_ENV) is for the server at `base_url` as well:
    /// for services whose customers each have an address of their own. Default: no.
    fn is_home(base_url: &Url) -> bool {
        let _ = base_url;
        false
    }

    /// Name and value of the header that bears `key`. Default: `authorization: Bearer …`.
    fn key_header(key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }

    /// Further headers of every request.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The address of requests, worked out of `base_url` once.
    fn endpoint(&self, base_url: Url) -> Url;

    /// The address of one request, where it depends on the model or on the delivery.
    fn url<'a>(&self, endpoint: &'a Url, model: &str, delivery: Delivery) -> Cow<'a, Url> {
        let _ = (model, delivery);
        Cow::Borrowed(endpoint)
    }

    /// The dialect for the server at `endpoint`.
    fn translator(&self, endpoint: &Url, mode: StructuredOutputMode) -> Box<dyn Translate>;
}
