//! What surrounds one run of a pipeline.

use std::path::PathBuf;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::agent::Budget;

/// What surrounds one run of a pipeline. All of it is optional.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PipelineOptions {
    pub(crate) directory: Option<PathBuf>,
    pub(crate) config: Option<Value>,
    pub(crate) limit: Option<u64>,
    pub(crate) resume: bool,
    pub(crate) clean: bool,
    pub(crate) cancel: CancellationToken,
    pub(crate) budget: Option<Budget>,
}

impl PipelineOptions {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The run's directory, for documents, failures, stage results, summary and artifacts. Default: that
    /// of the runner's call log; without one nothing is kept, and artifacts are not written unless the
    /// [output](super::Output::directory) says where.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The configuration to keep a copy of in the run's directory; secrets are taken out.
    pub fn config(mut self, config: Value) -> Self {
        self.config = Some(config);
        self
    }

    /// Only the first so many documents.
    pub fn limit(mut self, documents: u64) -> Self {
        self.limit = Some(documents);
        self
    }

    /// Goes on with the run in the directory: what its stages gave is not asked for again.
    pub fn resume(mut self) -> Self {
        self.resume = true;
        self
    }

    /// Removes the artifacts that earlier runs wrote, and nothing else, before it begins.
    pub fn clean(mut self) -> Self {
        self.clean = true;
        self
    }

    /// Ends the run when `token` is cancelled; documents under way are left for a resumption.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Counts all calls of the run against `budget`. When what is left of it does not cover another call,
    /// the run [pauses](super::PipelineStatus::Paused). A call waits for what others only reserve, and a
    /// document that all of the budget is too small for fails alone.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }
}
