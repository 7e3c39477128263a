//! What surrounds one run of a review loop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::agent::{Budget, RunOptions};

/// What surrounds one run of a [`ReviewLoop`](super::ReviewLoop). All of it is optional.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ReviewOptions {
    pub(super) deadline: Option<Duration>,
    cancel: Option<CancellationToken>,
    budgets: Vec<Budget>,
    pub(super) parent_call_id: Option<String>,
    job_id: Option<String>,
    pub(super) document_id: Option<String>,
}

impl ReviewOptions {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Longest time of all rounds together; with a deadline of the loop as well, the shorter one holds.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the loop when `token` is cancelled; the best draft so far stays.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Counts all calls against `budget` as well, which others may share.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// The call that caused this.
    pub fn parent_call(mut self, call_id: impl Into<String>) -> Self {
        self.parent_call_id = Some(call_id.into());
        self
    }

    /// The job that this belongs to.
    pub fn job(mut self, job_id: impl Into<String>) -> Self {
        self.job_id = Some(job_id.into());
        self
    }

    /// The document that this is about.
    pub fn document(mut self, document_id: impl Into<String>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }

    /// The options of one execution; those that differ from one to the next are the loop's matter.
    pub(super) fn of_execution(&self) -> RunOptions<'static> {
        let mut options = RunOptions::new();
        for budget in &self.budgets {
            options = options.budget(budget.clone());
        }
        if let Some(token) = &self.cancel {
            options = options.cancel_on(token.clone());
        }
        if let Some(id) = &self.job_id {
            options = options.job(id);
        }
        if let Some(id) = &self.document_id {
            options = options.document(id);
        }
        options
    }
}
