//! Every environment variable that this crate reads, and how.
//!
//! | variable | meaning |
//! |---|---|
//! | `DUOLOGUE_DISABLE_LLM_LOGGING` | `1`, `true`, `yes`, `on` switch the call log off; `0`, `false`, `no`, `off` leave it as configured (any case) |
//! | `DUOLOGUE_LLM_LOG_LEVEL` | `minimal`, `standard` or `full` (any case) |
//! | `DUOLOGUE_LLM_LOG_FORMAT` | `yaml` or `json` (any case) |
//! | `DUOLOGUE_OFFLINE` | `1`, `true`, `yes`, `on` make every real request an error before it leaves; `0`, `false`, `no`, `off` allow them (any case) |
//! | `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` | `1`, `true`, `yes`, `on`, `span_only`, `span_and_event` let spans hold prompts and answers, sanitized (any case); all else does not |
//!
//! The first three beat the job's configuration. The `TWINKLR_*` variables of the same names are read where
//! ours are not set. An empty value counts as not set; any other value is an error that names it.
//! The last one is not ours alone, so that any value is accepted; what the program itself says beats it.
//! The feature `otel` reads OpenTelemetry's own variables, `OTEL_EXPORTER_OTLP_ENDPOINT` and so on; its
//! module lists them. The keys in `OTEL_EXPORTER_OTLP_HEADERS` are removed from everything written down.
//! Besides these, a provider's key is read from the variable that its `api_key_env` names, and the
//! secrets of an MCP server from those that its `env` and `headers` name. The processes of MCP servers
//! get `PATH`, `HOME`, `LANG` and the like from this one, and nothing else.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// Switches the call log off.
pub const DISABLE_LLM_LOGGING: &str = "DUOLOGUE_DISABLE_LLM_LOGGING";
/// Overrides the level of detail of the call log.
pub const LLM_LOG_LEVEL: &str = "DUOLOGUE_LLM_LOG_LEVEL";
/// Overrides the format of the call files.
pub const LLM_LOG_FORMAT: &str = "DUOLOGUE_LLM_LOG_FORMAT";
/// Lets spans hold prompts and answers, sanitized.
pub const CAPTURE_MESSAGE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// Makes every real request an error before it leaves.
pub const OFFLINE: &str = "DUOLOGUE_OFFLINE";

/// Where environment variables come from: the process, and below it a `.env` file or a map.
#[derive(Clone, Default)]
pub struct Environment {
    reads_process: bool,
    fallback: HashMap<String, String>,
}

impl Environment {
    /// The variables of this process.
    pub fn process() -> Self {
        Self {
            reads_process: true,
            fallback: HashMap::new(),
        }
    }

    /// These variables and no others.
    pub fn fixed<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self {
            reads_process: false,
            ..Self::default()
        }
        .or(variables)
    }

    /// The same environment; a variable that it lacks is taken from `variables`.
    pub fn or<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        for (name, value) in variables {
            self.fallback
                .entry(name.into())
                .or_insert_with(|| value.into());
        }
        self
    }

    /// The value of `name`; `None` when it is not set, empty or not Unicode.
    pub fn get(&self, name: &str) -> Option<String> {
        self.get_as(name, |value| value.into_string().ok())
    }

    fn get_as(&self, name: &str, text: fn(OsString) -> Option<String>) -> Option<String> {
        let own = if self.reads_process {
            std::env::var_os(name).and_then(text)
        } else {
            None
        };
        own.filter(|value| !value.is_empty()).or_else(|| {
            self.fallback
                .get(name)
                .filter(|value| !value.is_empty())
                .cloned()
        })
    }

    /// The value of one of our variables or of its `TWINKLR_` twin, and the name it was found under.
    pub(crate) fn ours(&self, name: &'static str) -> Option<(String, String)> {
        let twin = name.replacen("DUOLOGUE_", "TWINKLR_", 1);
        self.get_lossy(name)
            .map(|value| (name.to_owned(), value))
            .or_else(|| self.get_lossy(&twin).map(|value| (twin, value)))
    }

    /// A value that is not Unicode is not allowed either; passing it over would be silent.
    fn get_lossy(&self, name: &str) -> Option<String> {
        self.get_as(name, |value| Some(value.to_string_lossy().into_owned()))
    }

    /// Whether [`CAPTURE_MESSAGE_CONTENT`] asks for content in spans.
    pub(crate) fn captures_message_content(&self) -> bool {
        let value = self.get(CAPTURE_MESSAGE_CONTENT).unwrap_or_default();
        matches!(
            value.to_lowercase().as_str(),
            "1" | "true" | "yes" | "on" | "span_only" | "span_and_event"
        )
    }

    /// Whether [`DISABLE_LLM_LOGGING`] is set to a true value.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the value is neither true nor false.
    pub(crate) fn disables_llm_logging(&self) -> Result<bool> {
        match self.ours(DISABLE_LLM_LOGGING) {
            Some((name, value)) => switch(&name, &value),
            None => Ok(false),
        }
    }

    /// Whether [`OFFLINE`] is set to a true value, here or in this process: an environment that does
    /// not read the process's variables does not switch them off.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the value is neither true nor false.
    pub(crate) fn is_offline(&self) -> Result<bool> {
        let own = |environment: &Self| match environment.get_lossy(OFFLINE) {
            Some(value) => switch(OFFLINE, &value),
            None => Ok(false),
        };
        Ok(own(self)? || !self.reads_process && own(&Self::process())?)
    }
}

/// The variables that a process which we start gets from ours: what programs need to run at all, and
/// no keys.
#[cfg(feature = "mcp")]
pub(crate) fn for_children() -> impl Iterator<Item = (&'static str, OsString)> {
    const NAMES: [&str; 14] = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "TZ",
        "USER",
        "LOGNAME",
        "SHELL",
        // Windows starts little without these.
        "SYSTEMROOT",
        "TEMP",
        "APPDATA",
        "PATHEXT",
        "USERPROFILE",
    ];
    NAMES
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Whether a switch is on.
fn switch(name: &str, value: &str) -> Result<bool> {
    match value.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(not_allowed(
            name,
            value,
            "`1`, `true`, `yes`, `on`, `0`, `false`, `no`, `off`",
        )),
    }
}

/// The error for a variable with a value that is not allowed.
pub(crate) fn not_allowed(name: &str, value: &str, allowed: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("environment variable `{name}` is `{value}`"),
    )
    .with_hint(format!("allowed: {allowed} (any case)"))
}

/// Debug names the variables and hides their values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("reads_process", &self.reads_process)
            .field("fallback", &self.fallback.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_yes_lets_content_into_spans() {
        let captures = |value: &str| {
            Environment::fixed([(CAPTURE_MESSAGE_CONTENT, value)]).captures_message_content()
        };
        assert!(
            ["true", "TRUE", "1", "SPAN_ONLY", "span_and_event"]
                .into_iter()
                .all(captures)
        );
        assert!(
            !["", "false", "no_content", "EVENT_ONLY", "ture"]
                .into_iter()
                .any(captures)
        );
    }
}
