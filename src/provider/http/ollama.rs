//! Ollama's chat API over HTTP.

use reqwest::Url;

use super::endpoint::with_path;
use super::provider::HttpProvider;
use super::service::HttpService;
use crate::provider::ollama::Translator;
use crate::provider::{StructuredOutputMode, Translate};

/// A server that speaks Ollama's `/api/chat`: without a key, on this machine, unless said otherwise.
///
/// `OLLAMA_HOST` is not read: the address stands in the settings, where whoever reads them sees it.
///
/// ```
/// use duologue::provider::OllamaProvider;
///
/// let provider = OllamaProvider::builder().build()?;
/// # Ok::<(), duologue::Error>(())
/// ```
pub type OllamaProvider = HttpProvider<Ollama>;

/// Ollama as a service: `http://127.0.0.1:11434`, no key.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Ollama {}

impl HttpService for Ollama {
    const NAME: &'static str = "ollama";
    const BASE_URL: Option<&'static str> = Some("http://127.0.0.1:11434");
    const API_KEY_ENV: Option<&'static str> = None;

    fn endpoint(&self, base_url: Url) -> Url {
        let path = base_url.path().trim_end_matches('/');
        if path.ends_with("/api") {
            with_path(base_url, "/chat")
        } else {
            with_path(base_url, "/api/chat")
        }
    }

    fn translator(&self, _endpoint: &Url, mode: StructuredOutputMode) -> Box<dyn Translate> {
        Box::new(Translator::new(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_name_the_api() {
        for base in [
            "http://a.test",
            "http://a.test/api/",
            "http://a.test/api/chat",
        ] {
            let endpoint = Ollama::default().endpoint(Url::parse(base).unwrap());
            assert_eq!(endpoint.as_str(), "http://a.test/api/chat");
        }
    }
}
