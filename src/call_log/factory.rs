//! From settings to a [`CallLog`].

use std::path::PathBuf;

use super::config::LlmLogging;
use super::file::FileCallLogger;
use super::log::CallLog;
use crate::clock::{SystemClock, new_run_id};
use crate::env::Environment;
use crate::error::Result;

/// Everything that [`create_llm_logger`] needs.
#[derive(Debug, Clone)]
pub struct LoggerConfig {
    /// Where runs are kept. Default `artifacts`.
    pub output_dir: PathBuf,
    /// The run's directory below `output_dir`; a run that exists is continued.
    /// Default: a new id, see [`new_run_id`].
    pub run_id: Option<String>,
    /// Level, format and the rest.
    pub llm_logging: LlmLogging,
    /// Where the overriding variables are read. Default: the process.
    pub environment: Environment,
}

impl Default for LoggerConfig {
    fn default() -> Self {
        Self {
            output_dir: "artifacts".into(),
            run_id: None,
            llm_logging: LlmLogging::default(),
            environment: Environment::process(),
        }
    }
}

/// A [`CallLog`] that writes to `{output_dir}/{run_id}/`, or one that is off when the
/// configuration or the environment says so.
///
/// ```
/// use duologue::call_log::{create_llm_logger, LoggerConfig};
///
/// let folder = tempfile::tempdir()?;
/// let log = create_llm_logger(&LoggerConfig {
///     output_dir: folder.path().into(),
///     run_id: Some("my_run".into()),
///     ..LoggerConfig::default()
/// })?;
/// assert!(log.is_on());
/// log.flush_blocking()?;
/// assert!(folder.path().join("my_run/llm_calls/summary.yaml").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for a value that is not allowed,
/// [`ErrorKind::Log`](crate::ErrorKind::Log) when the directory cannot be made or written.
pub fn create_llm_logger(config: &LoggerConfig) -> Result<CallLog> {
    let settings = config
        .llm_logging
        .clone()
        .overridden_by(&config.environment)?;
    let run_id = config
        .run_id
        .clone()
        .unwrap_or_else(|| new_run_id(&SystemClock));
    let sanitizer = settings.sanitize.to_sanitizer()?;
    if !settings.enabled {
        return Ok(CallLog::off().with_run_id(run_id));
    }
    let file = FileCallLogger::open(&config.output_dir, &run_id, &settings, &sanitizer)?;
    Ok(CallLog::sanitized_by(sanitizer, file).with_on_error(settings.on_error))
}
