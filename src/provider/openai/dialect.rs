//! What differs between servers that speak chat completions.

use serde::{Deserialize, Serialize};

use crate::provider::StructuredOutputMode;

/// How one server wants its requests written.
///
/// [`Dialect::default`] suits `api.openai.com`; [`Dialect::for_host`] chooses by host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Dialect {
    /// The field that limits the answer's tokens.
    pub token_limit_field: TokenLimitField,
    /// The role under which developer messages go.
    pub developer_role: DeveloperRole,
    /// How the server is asked to keep to the schema.
    pub structured_output: StructuredOutputMode,
}

impl Dialect {
    /// The dialect that fits the server at `host`: OpenAI's own words for OpenAI and Azure, the
    /// older ones, which every compatible server knows, for all others.
    ///
    /// ```
    /// use duologue::provider::openai::{DeveloperRole, Dialect, TokenLimitField};
    ///
    /// let local = Dialect::for_host("127.0.0.1");
    /// assert_eq!(local.token_limit_field, TokenLimitField::MaxTokens);
    /// assert_eq!(local.developer_role, DeveloperRole::System);
    /// assert_eq!(Dialect::for_host("api.openai.com"), Dialect::default());
    /// ```
    pub fn for_host(host: &str) -> Self {
        let openai = is_openai(host);
        Self {
            token_limit_field: if openai || is_azure(host) {
                TokenLimitField::MaxCompletionTokens
            } else {
                TokenLimitField::MaxTokens
            },
            developer_role: if openai {
                DeveloperRole::Developer
            } else {
                DeveloperRole::System
            },
            structured_output: StructuredOutputMode::Auto,
        }
    }
}

fn is_openai(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "openai.com" || host.ends_with(".openai.com")
}

fn is_azure(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    [
        ".openai.azure.com",
        ".services.ai.azure.com",
        ".cognitiveservices.azure.com",
    ]
    .iter()
    .any(|ending| host.ends_with(ending))
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
