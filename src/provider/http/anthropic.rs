//! The Messages API over HTTP.

use reqwest::Url;

use super::builder::HttpProviderBuilder;
use super::endpoint::with_path;
use super::provider::HttpProvider;
use super::service::HttpService;
use crate::provider::anthropic::{ApiVersion, Dialect, Translator};
use crate::provider::{StructuredOutputMode, Translate};

/// Anthropic's Messages API, or any server that speaks it.
///
/// `base_url` may end in `/v1` or not. `temperature` is an error before the request, unless
/// [`api_version`](HttpProviderBuilder::api_version) says that the API still takes one.
///
/// ```
/// use duologue::provider::AnthropicProvider;
///
/// let provider = AnthropicProvider::builder()
///     .base_url("http://127.0.0.1:8080")
///     .no_api_key()
///     .build()?;
/// # Ok::<(), duologue::Error>(())
/// ```
pub type AnthropicProvider = HttpProvider<Anthropic>;

/// The Messages API as a service: its address, its key in `x-api-key`, its version.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Anthropic {
    /// The version of the API that is asked for.
    pub api_version: ApiVersion,
}

impl HttpService for Anthropic {
    const NAME: &'static str = "anthropic";
    const BASE_URL: Option<&'static str> = Some("https://api.anthropic.com");
    const API_KEY_ENV: Option<&'static str> = Some("ANTHROPIC_API_KEY");

    fn key_header(key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("anthropic-version", self.api_version.as_str().to_owned())]
    }

    fn endpoint(&self, base_url: Url) -> Url {
        let path = base_url.path().trim_end_matches('/');
        if path.ends_with("/v1") {
            with_path(base_url, "/messages")
        } else {
            with_path(base_url, "/v1/messages")
        }
    }

    fn translator(&self, _endpoint: &Url, mode: StructuredOutputMode) -> Box<dyn Translate> {
        Box::new(Translator::new(Dialect {
            api_version: self.api_version,
            structured_output: mode,
        }))
    }
}

impl HttpProviderBuilder<Anthropic> {
    /// The version of the API that requests are written for. Default: [`ApiVersion::default`].
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.service.api_version = version;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_name_its_version() {
        for base in [
            "http://a.test",
            "http://a.test/v1/",
            "http://a.test/v1/messages",
        ] {
            let endpoint = Anthropic::default().endpoint(Url::parse(base).unwrap());
            assert_eq!(endpoint.as_str(), "http://a.test/v1/messages");
        }
    }
}
