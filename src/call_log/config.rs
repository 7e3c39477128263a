//! How much is logged, where and how.

use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::record::Record;
use super::redact::{SanitizeConfig, Sanitizer};
use crate::env::{self, Environment};
use crate::error::Result;

/// How much a record holds. The three levels are three different documents.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogLevel {
    /// Ids, tokens, times, model, success or failure; no content at all.
    Minimal,
    /// Also prompts, answers and their errors.
    #[default]
    Standard,
    /// Also all variables, and the raw requests and responses.
    Full,
}

/// The format of call files and summary.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// `call_001_planner.yaml`
    #[default]
    Yaml,
    /// `call_001_planner.json`
    Json,
}

impl LogFormat {
    /// `yaml` or `json`: the word in settings, and the files' ending.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }
}

/// Which calls get a file of their own; all are in the journal.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Views {
    /// Every call.
    #[default]
    All,
    /// Calls without a valid answer.
    Failed,
    /// None.
    None,
}

impl Views {
    /// `all`, `failed` or `none`: the word in settings and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Failed => "failed",
            Self::None => "none",
        }
    }

    pub(crate) fn include(self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Failed => !record.is_success(),
            Self::None => false,
        }
    }
}

/// What a record that cannot be written does to the run.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnError {
    /// The run goes on; the loss is reported once through `tracing`, in the summary and by `flush`.
    #[default]
    Warn,
    /// The call fails with the error kind `log`, before its request leaves.
    Fail,
}

/// What the journal survives.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// The death of the process.
    #[default]
    Os,
    /// The death of the machine: each event waits until it is on disk (`fsync`, shared by waiters).
    Disk,
}

/// `true` (all rules), `false` (none), or a mapping of settings.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Sanitize {
    /// All rules on, or off altogether.
    Switch(bool),
    /// Chosen rules.
    Rules(SanitizeConfig),
}

impl Default for Sanitize {
    fn default() -> Self {
        Self::Switch(true)
    }
}

/// By hand, so that an error names the key that is wrong; an untagged enum would not.
impl<'de> Deserialize<'de> for Sanitize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;

        impl<'de> Visitor<'de> for Settings {
            type Value = Sanitize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false`, or a mapping of settings")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Sanitize, E> {
                Ok(Sanitize::Switch(on))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sanitize, A::Error> {
                SanitizeConfig::deserialize(MapAccessDeserializer::new(map)).map(Sanitize::Rules)
            }
        }

        deserializer.deserialize_any(Settings)
    }
}

impl Sanitize {
    /// The sanitizer that these settings describe.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a custom rule's pattern is not a regular expression.
    pub fn to_sanitizer(&self) -> Result<Sanitizer> {
        match self {
            Self::Switch(true) => Sanitizer::new(&SanitizeConfig::default()),
            Self::Switch(false) => Ok(Sanitizer::off()),
            Self::Rules(config) => Sanitizer::new(config),
        }
    }
}

/// The `llm_logging` block of a job configuration.
///
/// ```
/// use duologue::call_log::{LlmLogging, LogLevel};
///
/// let block: LlmLogging = serde_json::from_str(r#"{"log_level": "minimal"}"#)?;
/// assert!(block.enabled && block.log_level == LogLevel::Minimal);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(description = "The settings of the call log.")]
pub struct LlmLogging {
    /// Whether anything is written. Default `true`.
    pub enabled: bool,
    /// How much a record holds. Default `standard`.
    pub log_level: LogLevel,
    /// Format of call files and summary. Default `yaml`.
    pub format: LogFormat,
    /// Which secrets and personal data are removed. Default `true`: all.
    pub sanitize: Sanitize,
    /// Which calls get a file of their own. Default `all`.
    pub views: Views,
    /// What a record that cannot be written does to the run. Default `warn`.
    pub on_error: OnError,
    /// What the journal survives. Default `os`.
    pub durability: Durability,
}

impl Default for LlmLogging {
    fn default() -> Self {
        Self {
            enabled: true,
            log_level: LogLevel::default(),
            format: LogFormat::default(),
            sanitize: Sanitize::default(),
            views: Views::default(),
            on_error: OnError::default(),
            durability: Durability::default(),
        }
    }
}

impl LlmLogging {
    /// The same settings, overridden by the variables of [`mod@crate::env`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable has a value that is not allowed.
    pub fn overridden_by(mut self, environment: &Environment) -> Result<Self> {
        if environment.disables_llm_logging()? {
            self.enabled = false;
        }
        if let Some((name, value)) = environment.ours(env::LLM_LOG_LEVEL) {
            self.log_level = match value.to_lowercase().as_str() {
                "minimal" => LogLevel::Minimal,
                "standard" => LogLevel::Standard,
                "full" => LogLevel::Full,
                _ => {
                    return Err(env::not_allowed(
                        &name,
                        &value,
                        "`minimal`, `standard`, `full`",
                    ));
                }
            };
        }
        if let Some((name, value)) = environment.ours(env::LLM_LOG_FORMAT) {
            self.format = match value.to_lowercase().as_str() {
                "yaml" => LogFormat::Yaml,
                "json" => LogFormat::Json,
                _ => return Err(env::not_allowed(&name, &value, "`yaml`, `json`")),
            };
        }
        Ok(self)
    }
}
