//! What the sanitizer is told to do; the defaults remove secrets and personal data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which rules run, and what is added to them. The default switches both families on.
///
/// ```
/// use duologue::call_log::SanitizeConfig;
///
/// let config: SanitizeConfig = serde_json::from_str(r#"{"personal_data": false}"#)?;
/// assert!(config.secrets);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(
    description = "Which rules run, and what is added to them. The default switches both families on."
)]
pub struct SanitizeConfig {
    /// Remove keys, tokens, passwords and the process's own secrets. Default: `true`.
    pub secrets: bool,
    /// Remove email addresses, phone numbers, US social security numbers and payment cards.
    /// Default: `true`.
    pub personal_data: bool,
    /// Patterns of your own; they run whatever the two switches say. Default: none.
    pub rules: Vec<CustomRule>,
    /// Further names whose string value is a secret, in any spelling (`order-pin` is `orderPin`).
    /// Default: none.
    pub keys: Vec<String>,
    /// Names that never mark a secret, in any spelling; they win over `keys`. Default: none besides
    /// the built-in ones, such as `max_tokens`.
    pub allow_keys: Vec<String>,
}

impl Default for SanitizeConfig {
    fn default() -> Self {
        Self {
            secrets: true,
            personal_data: true,
            rules: Vec::new(),
            keys: Vec::new(),
            allow_keys: Vec::new(),
        }
    }
}

/// A pattern of your own: what it matches becomes `<REDACTED:name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomRule {
    /// The word in the placeholder: lower-case letters, digits and hyphens, at most 40.
    pub name: String,
    /// A regular expression in the syntax of the `regex` crate. A capture group named `secret`
    /// narrows what is replaced; without one it is the whole match.
    pub pattern: String,
}
