//! `OpenAI`'s models, served by Azure.

use std::borrow::Cow;

use reqwest::Url;

use super::endpoint::with_path;
use super::openai::dialect;
use super::{HttpProvider, HttpProviderBuilder, HttpService};
use crate::provider::openai::{Dialect, Translator, is_azure};
use crate::provider::{Delivery, StructuredOutputMode, Translate};

const COMPLETIONS: &str = "/chat/completions";

/// `OpenAI`'s models, served by Azure.
///
/// `base_url` is the resource's address. Without an `api_version` requests go to Azure's v1 API, which
/// names the deployment in the body; with one they go to the deployment's own address. The key is read
/// from `AZURE_OPENAI_API_KEY`, for Azure's own hosts alone; a token of Entra ID goes into a header.
///
/// ```
/// use duologue::provider::AzureOpenAiProvider;
///
/// let provider = AzureOpenAiProvider::builder()
///     .base_url("https://tides.openai.azure.com")
///     .deployment("planner-eu")
///     .no_api_key()
///     .header("authorization", "Bearer the-token")
///     .build()?;
/// # Ok::<(), duologue::Error>(())
/// ```
pub type AzureOpenAiProvider = HttpProvider<AzureOpenAi>;

/// Chat completions as Azure serves them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AzureOpenAi {
    /// The deployment that answers. Default: the one that is named like the request's model.
    pub deployment: Option<String>,
    /// The dated version of the API, such as `2024-10-21`. Default: the v1 API, which has none.
    pub api_version: Option<String>,
    /// How requests are written. Default: [`Dialect::for_host`].
    pub dialect: Option<Dialect>,
}

impl HttpService for AzureOpenAi {
    const NAME: &'static str = "azure";
    const BASE_URL: Option<&'static str> = None;
    const API_KEY_ENV: Option<&'static str> = Some("AZURE_OPENAI_API_KEY");

    fn is_home(base_url: &Url) -> bool {
        base_url.scheme() == "https" && is_azure(base_url.host_str().unwrap_or_default())
    }

    fn key_header(key: &str) -> (&'static str, String) {
        ("api-key", key.to_owned())
    }

    fn endpoint(&self, base_url: Url) -> Url {
        let mut url = base_url;
        let path = url.path().trim_end_matches('/').to_owned();
        if path.ends_with(COMPLETIONS) || path.contains("/openai/deployments/") {
            url.set_path(&path);
            url = with_path(url, COMPLETIONS);
            let is_dated = url.query_pairs().any(|(name, _)| name == "api-version");
            if let Some(version) = self.api_version.as_ref().filter(|_| !is_dated) {
                url.query_pairs_mut().append_pair("api-version", version);
            }
        } else if let Some(version) = &self.api_version {
            url.set_path(path.trim_end_matches("/v1"));
            url = with_path(url, "/openai");
            url.query_pairs_mut().append_pair("api-version", version);
        } else if path.ends_with("/v1") {
            url = with_path(url, COMPLETIONS);
        } else {
            url = with_path(with_path(url, "/openai"), "/v1/chat/completions");
        }
        url
    }

    fn url<'a>(&self, endpoint: &'a Url, model: &str, _: Delivery) -> Cow<'a, Url> {
        if endpoint.path().ends_with(COMPLETIONS) {
            return Cow::Borrowed(endpoint);
        }
        let mut url = endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let deployment = self.deployment.as_deref().unwrap_or(model);
            path.extend(["deployments", deployment, "chat", "completions"]);
        }
        Cow::Owned(url)
    }

    fn translator(&self, endpoint: &Url, mode: StructuredOutputMode) -> Box<dyn Translate> {
        // An address of one's own may lead to Azure too.
        let azure = Dialect::for_host("openai.azure.com");
        let dialect = dialect(Some(self.dialect.unwrap_or(azure)), endpoint, mode);
        let translator = Translator::new(dialect);
        Box::new(match &self.deployment {
            Some(deployment) => translator.with_model(deployment),
            None => translator,
        })
    }
}

impl HttpProviderBuilder<AzureOpenAi> {
    /// The deployment that answers. Default: the one that is named like the request's model.
    pub fn deployment(mut self, name: impl Into<String>) -> Self {
        self.service.deployment = Some(name.into());
        self
    }

    /// The dated version of the API, such as `2024-10-21`. Default: the v1 API, which has none.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.service.api_version = Some(version.into());
        self
    }

    /// How requests are written. Default: [`Dialect::for_host`] of Azure.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.service.dialect = Some(dialect);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_given_in_any_usual_way() {
        let v1 = "https://t.openai.azure.com/openai/v1/chat/completions";
        let dated = "https://t.openai.azure.com/openai/deployments/m%2Fx/chat/completions?api-version=2024-10-21";
        let whole =
            "https://t.openai.azure.com/openai/deployments/d/chat/completions?api-version=1";
        let cases = [
            ("https://t.openai.azure.com", None, v1),
            ("https://t.openai.azure.com/openai/", None, v1),
            ("https://t.openai.azure.com/openai/v1", None, v1),
            ("https://t.openai.azure.com/", Some("2024-10-21"), dated),
            (
                "https://t.openai.azure.com/openai/v1/",
                Some("2024-10-21"),
                dated,
            ),
            (whole, None, whole),
        ];
        for (base_url, version, expected) in cases {
            let service = AzureOpenAi {
                api_version: version.map(str::to_owned),
                ..AzureOpenAi::default()
            };
            let endpoint = service.endpoint(Url::parse(base_url).unwrap());
            let url = service.url(&endpoint, "m/x", Delivery::Whole);
            assert_eq!(url.as_str(), expected, "{base_url}");
        }
    }
}
