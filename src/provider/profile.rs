//! What an endpoint was found to do: the profile that a probe writes and a provider reads.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod findings;

use super::StructuredOutputMode;
use super::openai::{DeveloperRole, Dialect, TokenLimitField};
use crate::chat::Usage;
use crate::config;
use crate::error::{Error, ErrorKind, Result};

pub use findings::{ErrorShape, ErrorShapes, Finding, Findings, ProfileKind, Verdict};

/// The format of profiles, and its version.
const SCHEMA: &str = "duologue.profile/1";
const FAMILY: &str = "duologue.profile/";

/// What one endpoint enforces, takes and refuses, as a probe found it: `duologue.profile/1`.
///
/// What a profile does not say is unknown, and leaves the provider's own choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "duologue.profile/1")]
#[non_exhaustive]
pub struct EndpointProfile {
    /// `duologue.profile/1`.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// The dialect that was spoken.
    #[serde(default)]
    pub kind: ProfileKind,
    /// Where the endpoint is, without query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// The model that was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// When, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub probed_at: String,
    /// How many requests the probe sent.
    #[serde(default)]
    pub requests: usize,
    /// The tokens that it spent, as far as the endpoint says.
    #[serde(default)]
    pub usage: Usage,
    /// What was found.
    #[serde(default)]
    pub findings: Findings,
    /// What failures look like.
    #[serde(default)]
    pub errors: ErrorShapes,
    /// The `x-ratelimit-*` headers that answers bore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_limit_headers: Vec<String>,
}

impl Default for EndpointProfile {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            kind: ProfileKind::OpenAi,
            base_url: String::new(),
            model: String::new(),
            probed_at: String::new(),
            requests: 0,
            usage: Usage::default(),
            findings: Findings::default(),
            errors: ErrorShapes::default(),
            rate_limit_headers: Vec::new(),
        }
    }
}

impl EndpointProfile {
    /// Reads a profile file (YAML or JSON).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the file, the key, its value and what is allowed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let value = config::read_value(path)?;
        Self::from_value(value, &format!("`{}`", path.display()))
    }

    /// Reads a profile's text (YAML or JSON).
    ///
    /// ```
    /// use duologue::provider::{EndpointProfile, Verdict};
    ///
    /// let profile = EndpointProfile::from_yaml(
    ///     "schema: duologue.profile/1
    /// findings: {stream_usage: {verdict: 'no', evidence: HTTP 400}}",
    /// )?;
    /// assert_eq!(profile.findings.stream_usage.verdict, Verdict::No);
    /// assert_eq!(profile.findings.tools.verdict, Verdict::Unknown);
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the key, its value and what is allowed.
    pub fn from_yaml(text: &str) -> Result<Self> {
        let value = config::value_of(text).map_err(|error| {
            Error::new(ErrorKind::Config, "the profile is no YAML").with_source(error)
        })?;
        Self::from_value(value, "the profile")
    }

    /// The profile as YAML.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when it cannot be written.
    pub fn to_yaml(&self) -> Result<String> {
        config::to_yaml(self)
    }

    fn from_value(value: Value, origin: &str) -> Result<Self> {
        // Before the keys, which a newer version may have more of.
        if let Some(schema) = value.get("schema").and_then(Value::as_str)
            && schema != SCHEMA
        {
            let message = format!("{origin}, key `schema`: is {schema:?}");
            let hint = if schema.starts_with(FAMILY) {
                format!("this version reads `{SCHEMA}`; update duologue, or probe again")
            } else {
                format!("allowed: `{SCHEMA}`")
            };
            return Err(Error::new(ErrorKind::Config, message).with_hint(hint));
        }
        config::from_value(value, origin)
    }

    /// `dialect` with what the endpoint was found to do in place of what its host suggests.
    pub fn applied_to(&self, mut dialect: Dialect) -> Dialect {
        let found = &self.findings;
        dialect.token_limit_field = self.token_limit_field(dialect.token_limit_field);
        dialect.developer_role = match found.developer_role.verdict {
            Verdict::Yes => DeveloperRole::Developer,
            Verdict::No => DeveloperRole::System,
            Verdict::Unknown => dialect.developer_role,
        };
        dialect.structured_output = self.structured_output(dialect.structured_output);
        let or = |finding: &Finding, known: bool| match finding.verdict {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::Unknown => known,
        };
        dialect.stream_usage = or(&found.stream_usage, dialect.stream_usage);
        dialect.tools = or(&found.tools, dialect.tools);
        dialect.strict_tools = or(&found.strict_tools, dialect.strict_tools);
        dialect
    }

    /// The field that was found to limit, the host's own where both do.
    fn token_limit_field(&self, known: TokenLimitField) -> TokenLimitField {
        let found = &self.findings;
        match (&found.max_completion_tokens, &found.max_tokens) {
            (newer, older) if newer.is_yes() && !older.is_yes() => {
                TokenLimitField::MaxCompletionTokens
            }
            (newer, older) if older.is_yes() && !newer.is_yes() => TokenLimitField::MaxTokens,
            (newer, older) if newer.is_no() && !older.is_no() => TokenLimitField::MaxTokens,
            (newer, older) if older.is_no() && !newer.is_no() => {
                TokenLimitField::MaxCompletionTokens
            }
            _ => known,
        }
    }

    /// What `auto` comes to: the strictest that was found to be enforced.
    fn structured_output(&self, known: StructuredOutputMode) -> StructuredOutputMode {
        let found = &self.findings;
        if known != StructuredOutputMode::Auto && known != StructuredOutputMode::JsonObject {
            return known;
        }
        if found.strict.is_yes() || found.json_schema.is_yes() && !found.strict.is_no() {
            StructuredOutputMode::Auto
        } else if !found.json_schema.is_no() && !found.strict.is_no() {
            known
        } else if found.json_object.is_yes() {
            StructuredOutputMode::JsonObject
        } else {
            StructuredOutputMode::Prompted
        }
    }
}
