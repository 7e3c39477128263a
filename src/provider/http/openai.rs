//! `OpenAI`, and every server that speaks its chat completions.

use reqwest::Url;

use super::endpoint::with_path;
use super::{HttpProvider, HttpProviderBuilder, HttpService};
use crate::provider::openai::{DeveloperRole, Dialect, TokenLimitField, Translator};
use crate::provider::{EndpointProfile, StructuredOutputMode, Translate};

/// Any server that speaks `OpenAI`'s chat completions.
pub type OpenAiProvider = HttpProvider<OpenAi>;

/// Chat completions as `OpenAI` and compatible servers speak them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OpenAi {
    /// How requests are written. Default: by host, see [`Dialect::for_host`].
    pub dialect: Option<Dialect>,
    /// What a probe of the endpoint found, over the host's dialect; what is set here wins over it.
    pub profile: Option<EndpointProfile>,
    /// The field that limits the answer's tokens. Default: the dialect's.
    pub token_limit_field: Option<TokenLimitField>,
    /// The role under which developer messages go. Default: the dialect's.
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
        let by_host = || Dialect::for_host(endpoint.host_str().unwrap_or_default());
        let probed = self
            .profile
            .as_ref()
            .map(|profile| profile.applied_to(by_host()));
        let dialect = dialect(self.dialect.or(probed), endpoint, mode);
        Box::new(Translator::new(Dialect {
            token_limit_field: self.token_limit_field.unwrap_or(dialect.token_limit_field),
            developer_role: self.developer_role.unwrap_or(dialect.developer_role),
            ..dialect
        }))
    }
}

/// The dialect that is `set`, or else that of the host; a mode other than `auto` wins over its own.
pub(super) fn dialect(set: Option<Dialect>, endpoint: &Url, mode: StructuredOutputMode) -> Dialect {
    let by_host = || Dialect::for_host(endpoint.host_str().unwrap_or_default());
    let mut dialect = set.unwrap_or_else(by_host);
    if mode != StructuredOutputMode::Auto {
        dialect.structured_output = mode;
    }
    dialect
}

impl HttpProviderBuilder<OpenAi> {
    /// How requests are written, where it is known better than by the host: from a probe, or of a
    /// server behind a proxy. Default: [`Dialect::for_host`].
    ///
    /// A [`structured_output`](Self::structured_output) other than `auto` wins over the dialect's.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.service.dialect = Some(dialect);
        self
    }

    /// What a [probe](crate::probe) of the endpoint found. What is set here besides wins over it;
    /// [`StructuredOutputMode::Auto`] comes to what the endpoint enforces.
    ///
    /// ```
    /// use duologue::provider::{EndpointProfile, OpenAiProvider};
    ///
    /// let profile = EndpointProfile::from_yaml("schema: duologue.profile/1")?;
    /// let provider = OpenAiProvider::builder()
    ///     .base_url("http://127.0.0.1:8080/v1")
    ///     .no_api_key()
    ///     .profile(profile)
    ///     .build()?;
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn profile(mut self, profile: EndpointProfile) -> Self {
        self.service.profile = Some(profile);
        self
    }

    /// The field that limits the answer's tokens. Default: the [`dialect`](Self::dialect)'s.
    pub fn token_limit_field(mut self, field: TokenLimitField) -> Self {
        self.service.token_limit_field = Some(field);
        self
    }

    /// The role under which developer messages go. Default: the [`dialect`](Self::dialect)'s.
    pub fn developer_role(mut self, role: DeveloperRole) -> Self {
        self.service.developer_role = Some(role);
        self
    }
}
