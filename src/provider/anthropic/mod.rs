//! The Messages API, as Anthropic publishes it and as compatible servers speak it.
//!
//! Translation is pure: a [`Translator`] turns a [`Request`](crate::chat::Request) into the body
//! that goes out and reads what comes back. What the API wants otherwise than most: system and
//! developer messages stand apart from the dialogue, `max_tokens` must be given (it is
//! [`DEFAULT_MAX_TOKENS`] where the request says nothing), and blocks that only the server
//! understands go back unchanged. The HTTP side is `AnthropicProvider` (feature `http`).

mod content;
mod decode;
mod encode;
mod exclusive;
mod failure;
mod references;
mod schema;
mod stream;

use serde::{Deserialize, Serialize};

use crate::provider::StructuredOutputMode;

pub use encode::Translator;

/// `max_tokens` of a request that sets no limit: every current model accepts it, and thinking counts
/// towards it.
pub const DEFAULT_MAX_TOKENS: u32 = 16_384;

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Dialect {
    /// The version of the API that requests are written for.
    pub api_version: ApiVersion,
    /// How the server is asked to keep to the schema. The API has no JSON without a schema:
    /// [`StructuredOutputMode::JsonObject`] is prompted.
    pub structured_output: StructuredOutputMode,
}

/// A version of the Messages API, sent as `anthropic-version`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[non_exhaustive]
pub enum ApiVersion {
    /// `2023-06-01`: has `temperature`, from 0 to 1, for models that still take one.
    #[serde(rename = "2023-06-01")]
    V20230601,
    /// `2026-10-21`: refuses `temperature`, `top_p` and `top_k`.
    #[default]
    #[serde(rename = "2026-10-21")]
    V20261021,
}

impl ApiVersion {
    /// The value of `anthropic-version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V20230601 => "2023-06-01",
            Self::V20261021 => "2026-10-21",
        }
    }
}
