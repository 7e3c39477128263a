//! Gemini as a service over HTTP.

use std::borrow::Cow;

use reqwest::Url;

use super::provider::HttpProvider;
use super::service::HttpService;
use crate::provider::gemini::Translator;
use crate::provider::{Delivery, StructuredOutputMode, Translate};

/// Gemini's `generateContent`.
///
/// The key is read from `GEMINI_API_KEY` and goes out in `x-goog-api-key`, never in the address.
///
/// ```
/// use duologue::provider::GeminiProvider;
///
/// let provider = GeminiProvider::builder()
///     .base_url("http://127.0.0.1:4010/v1beta")
///     .no_api_key()
///     .build()?;
/// # Ok::<(), duologue::Error>(())
/// ```
pub type GeminiProvider = HttpProvider<Gemini>;

/// Gemini's `generateContent` as a service.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Gemini;

impl HttpService for Gemini {
    const NAME: &'static str = "gemini";
    const BASE_URL: Option<&'static str> = Some("https://generativelanguage.googleapis.com/v1beta");
    const API_KEY_ENV: Option<&'static str> = Some("GEMINI_API_KEY");

    fn key_header(key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn endpoint(&self, base_url: Url) -> Url {
        base_url
    }

    /// `…/models/{model}:generateContent`; a model with a slash in its name, such as
    /// `tunedModels/mine`, has its path already.
    fn url<'a>(&self, endpoint: &'a Url, model: &str, delivery: Delivery) -> Cow<'a, Url> {
        let mut url = endpoint.clone();
        let method = match delivery {
            Delivery::Whole => "generateContent",
            Delivery::Streamed => "streamGenerateContent",
        };
        let folder = (!model.contains('/')).then_some("models");
        if let Ok(mut path) = url.path_segments_mut() {
            let names: Vec<_> = model.split('/').collect();
            let (last, before) = names.split_last().unwrap_or((&model, &[]));
            path.pop_if_empty()
                .extend(folder)
                .extend(before)
                .push(&format!("{last}:{method}"));
        }
        if delivery == Delivery::Streamed {
            url.query_pairs_mut().append_pair("alt", "sse");
        }
        Cow::Owned(url)
    }

    fn translator(&self, _: &Url, mode: StructuredOutputMode) -> Box<dyn Translate> {
        Box::new(Translator::new(mode))
    }
}
