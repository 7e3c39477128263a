//! The trait behind every destination of records, and the two simplest of them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::config::LogLevel;
use super::record::Record;
use super::tool_record::{ToolOffer, ToolRecord};
use crate::error::Result;
use crate::lifecycle::LifecycleEvent;

/// A destination of records: object-safe, shared by all calls of a run.
///
/// It gets records that are already sanitized and stripped to the log's level, from any thread,
/// several at once. Both calls run on the path of the model call, so they must be short and must
/// not wait for another task. Every `call_started` is followed by exactly one `call_finished` with
/// the same `call_id`, unless the process dies.
#[async_trait]
pub trait CallLogger: Send + Sync + fmt::Debug {
    /// A request is about to leave; the record holds what is known by now.
    ///
    /// # Errors
    /// When the record could not be kept; what follows is the log's `on_error`.
    fn call_started(&self, record: &Record) -> Result<()>;

    /// The call ended; the record is whole.
    ///
    /// # Errors
    /// When the record could not be kept.
    fn call_finished(&self, record: &Record) -> Result<()>;

    /// A tool is about to run; the record holds what is known by now. Default: nothing is kept.
    ///
    /// Every `tool_started` is followed by exactly one `tool_finished` with the same `call_id` and
    /// `index`, unless the process dies.
    ///
    /// # Errors
    /// When the record could not be kept; what follows is the log's `on_error`.
    fn tool_started(&self, _record: &ToolRecord) -> Result<()> {
        Ok(())
    }

    /// A tool call ended; the record is whole. Default: nothing is kept.
    ///
    /// # Errors
    /// When the record could not be kept.
    fn tool_finished(&self, _record: &ToolRecord) -> Result<()> {
        Ok(())
    }

    /// A model may call these tools from now on; told once for each set of tools, at levels standard
    /// and full. Default: nothing is kept.
    ///
    /// # Errors
    /// When that could not be kept.
    fn tools_offered(&self, _offer: &ToolOffer) -> Result<()> {
        Ok(())
    }

    /// Something happened to the run, a document or a stage; calls and tools have their records.
    /// Default: nothing is kept.
    ///
    /// # Errors
    /// When that could not be kept.
    fn happened(&self, _event: &LifecycleEvent) -> Result<()> {
        Ok(())
    }

    /// Waits until everything handed over so far is where it belongs.
    ///
    /// # Errors
    /// What was lost since the last flush.
    async fn flush(&self) -> Result<()>;

    /// [`flush`](Self::flush) for code without a runtime; it must not need one.
    ///
    /// # Errors
    /// What was lost since the last flush.
    fn flush_blocking(&self) -> Result<()>;

    /// The run that this logger writes to, if it is bound to one. The default is not.
    fn run(&self) -> Option<BoundRun<'_>> {
        None
    }
}

/// The run on disk that a [`CallLogger`] is bound to.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BoundRun<'a> {
    /// The run's id.
    pub run_id: &'a str,
    /// The level that the run was opened with.
    pub log_level: LogLevel,
    /// The journal that this process writes.
    pub journal: &'a Path,
    /// The number of the next call.
    pub next_sequence: u64,
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullCallLogger;

#[async_trait]
impl CallLogger for NullCallLogger {
    fn call_started(&self, _record: &Record) -> Result<()> {
        Ok(())
    }

    fn call_finished(&self, _record: &Record) -> Result<()> {
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn flush_blocking(&self) -> Result<()> {
        Ok(())
    }
}

/// Hands every record to several loggers; each gets all of them, whatever the others do.
#[derive(Debug, Clone)]
pub struct TeeCallLogger {
    loggers: Vec<Arc<dyn CallLogger>>,
}

impl TeeCallLogger {
    /// A logger that feeds these, in order.
    pub fn new(loggers: impl IntoIterator<Item = Arc<dyn CallLogger>>) -> Self {
        Self {
            loggers: loggers.into_iter().collect(),
        }
    }

    fn each(&self, hand_over: impl Fn(&dyn CallLogger) -> Result<()>) -> Result<()> {
        first_error(self.loggers.iter().map(|logger| hand_over(logger.as_ref())))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl CallLogger for TeeCallLogger {
    fn call_started(&self, record: &Record) -> Result<()> {
        self.each(|logger| logger.call_started(record))
    }

    fn call_finished(&self, record: &Record) -> Result<()> {
        self.each(|logger| logger.call_finished(record))
    }

    fn tool_started(&self, record: &ToolRecord) -> Result<()> {
        self.each(|logger| logger.tool_started(record))
    }

    fn tool_finished(&self, record: &ToolRecord) -> Result<()> {
        self.each(|logger| logger.tool_finished(record))
    }

    fn tools_offered(&self, offer: &ToolOffer) -> Result<()> {
        self.each(|logger| logger.tools_offered(offer))
    }

    fn happened(&self, event: &LifecycleEvent) -> Result<()> {
        self.each(|logger| logger.happened(event))
    }

    async fn flush(&self) -> Result<()> {
        first_error(
            futures::future::join_all(self.loggers.iter().map(|logger| logger.flush())).await,
        )
    }

    fn flush_blocking(&self) -> Result<()> {
        self.each(|logger| logger.flush_blocking())
    }

    /// The first of the runs, at the lowest of their levels: none gets more than it was opened for.
    fn run(&self) -> Option<BoundRun<'_>> {
        let bound = || self.loggers.iter().filter_map(|logger| logger.run());
        let log_level = bound().map(|run| run.log_level).min()?;
        bound().next().map(|run| BoundRun { log_level, ..run })
    }
}

fn first_error(results: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    // Every logger must be served before the first error is returned, so no short circuit.
    results
        .into_iter()
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}
