//! How providers are asked to keep to a schema.

use serde::{Deserialize, Serialize};

/// How the provider is asked to keep to the schema.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StructuredOutputMode {
    /// As strictly as the server and the schema allow: enforced by the server where the schema can be
    /// written in its dialect, else JSON without the schema, or the prompt alone.
    #[default]
    Auto,
    /// The server enforces the schema; one that cannot be written in its dialect is an error before
    /// the request.
    JsonSchema,
    /// The server enforces JSON; the schema is told in the system message.
    JsonObject,
    /// The server enforces nothing; the schema is told in the system message.
    Prompted,
}
