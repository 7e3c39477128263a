//! What differs between services over HTTP besides their dialect.

use std::borrow::Cow;

use reqwest::Url;

use crate::provider::openai::{DeveloperRole, Dialect, TokenLimitField, Translator};
use crate::provider::{Delivery, StructuredOutputMode, Translate};

use super::endpoint::with_path;

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

/// Chat completions as `OpenAI` and compatible servers speak them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OpenAi {
    /// The field that limits the answer's tokens. Default: by host, see [`Dialect::for_host`].
    pub token_limit_field: Option<TokenLimitField>,
    /// The role under which developer messages go. Default: by host, see [`Dialect::for_host`].
    pub developer_role: Option<DeveloperRole>,
}

impl HttpService for OpenAi {
    const NAME: &'static str = "openai";
    const BASE_URL: Option<&'static str> = Some("https://api.openai.com/v1");
    const API_KEY_ENV: Option<&'static str> = Some("OPENAI_API_KEY");

    fn endpoint(&self, base_url: Url) -> Url {
        with_path(base_url, "/chat/completions")
    }

    fn translator(&self, endpoint: &Url, mode: StructuredOutputMode) -> Box<dyn Translate> {
        let mut dialect = Dialect::for_host(endpoint.host_str().unwrap_or_default());
        dialect.structured_output = mode;
        dialect.token_limit_field = self.token_limit_field.unwrap_or(dialect.token_limit_field);
        dialect.developer_role = self.developer_role.unwrap_or(dialect.developer_role);
        Box::new(Translator::new(dialect))
    }
}
