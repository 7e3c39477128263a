//! What differs between servers that speak chat completions.

use serde::{Deserialize, Serialize};

use crate::provider::StructuredOutputMode;

/// How one server wants its requests written.
///
/// [`Dialect::default`] suits `api.openai.com`; [`Dialect::for_host`] chooses by host. What a probe
/// found out can be set field by field:
///
/// ```
/// use duologue::provider::openai::{Dialect, TokenLimitField};
///
/// let mut dialect = Dialect::for_host("127.0.0.1");
/// dialect.token_limit_field = TokenLimitField::MaxCompletionTokens;
/// dialect.stream_usage = false;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialect {
    /// The field that limits the answer's tokens.
    pub token_limit_field: TokenLimitField,
    /// The role under which developer messages go.
    pub developer_role: DeveloperRole,
    /// How the server is asked to keep to the schema.
    pub structured_output: StructuredOutputMode,
    /// Whether streams are asked to tell their usage (`stream_options`).
    pub stream_usage: bool,
    /// Whether tools may be sent at all; where not, a request with tools is an error before it
    /// leaves.
    pub tools: bool,
    /// Whether tools are marked `strict`, where the schema of their arguments can be written so
    /// without changing its meaning.
    pub strict_tools: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            token_limit_field: TokenLimitField::MaxCompletionTokens,
            developer_role: DeveloperRole::Developer,
            structured_output: StructuredOutputMode::Auto,
            stream_usage: true,
            tools: true,
            strict_tools: true,
        }
    }
}

impl Dialect {
    /// The dialect that fits the server at `host`: OpenAI's own words for OpenAI and Azure, the
    /// older ones, which every compatible server knows, for all others. What some are known to
    /// refuse is left out: Mistral takes no `stream_options`, DeepSeek no schema for its answers.
    ///
    /// ```
    /// use duologue::provider::openai::{DeveloperRole, Dialect, TokenLimitField};
    ///
    /// let local = Dialect::for_host("127.0.0.1");
    /// assert_eq!(local.token_limit_field, TokenLimitField::MaxTokens);
    /// assert_eq!(local.developer_role, DeveloperRole::System);
    /// assert!(!Dialect::for_host("api.mistral.ai").stream_usage);
    /// assert_eq!(Dialect::for_host("api.openai.com"), Dialect::default());
    /// ```
    pub fn for_host(host: &str) -> Self {
        let is = |domain| is_at(host, domain);
        if is("openai.com") {
            return Self::default();
        }
        if is_azure(host) {
            return Self {
                developer_role: DeveloperRole::System,
                ..Self::default()
            };
        }
        Self {
            token_limit_field: TokenLimitField::MaxTokens,
            developer_role: DeveloperRole::System,
            structured_output: if is("deepseek.com") {
                StructuredOutputMode::JsonObject
            } else {
                StructuredOutputMode::Auto
            },
            stream_usage: !is("mistral.ai"),
            tools: true,
            strict_tools: is("openrouter.ai"),
        }
    }
}

/// Whether `host` is `domain` or below it.
fn is_at(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(domain)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Whether Azure serves `host`.
pub(in crate::provider) fn is_azure(host: &str) -> bool {
    [
        "openai.azure.com",
        "services.ai.azure.com",
        "cognitiveservices.azure.com",
    ]
    .iter()
    .any(|domain| is_at(host, domain))
}

/// The field that limits the answer's tokens.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenLimitField {
    /// `max_completion_tokens`, the published name.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, the older name that compatible servers know.
    MaxTokens,
}

/// The role under which developer messages go.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeveloperRole {
    /// `developer`.
    #[default]
    Developer,
    /// `system`, for servers that do not know `developer`.
    System,
}
