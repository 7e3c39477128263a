//! What surrounds one run besides its agent and variables.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::conversation::Conversation;
use super::stream_sink::Events;

/// What surrounds one run besides its agent and variables. All of it is optional.
#[derive(Debug, Default)]
#[must_use]
pub struct RunOptions<'a> {
    pub(super) iteration: u32,
    pub(super) deadline: Option<Duration>,
    pub(super) cancel: Option<CancellationToken>,
    pub(super) budgets: Vec<Budget>,
    pub(super) conversation: Option<&'a mut Conversation>,
    pub(super) parent_call_id: Option<String>,
    pub(super) job_id: Option<String>,
    pub(super) document_id: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) events: Events,
}

impl<'a> RunOptions<'a> {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The round of a refinement loop, from 0; above 0 the pack's `user_refinement` is used.
    pub fn iteration(mut self, iteration: u32) -> Self {
        self.iteration = iteration;
        self
    }

    /// Longest time of this run; with a deadline in the spec as well, the shorter one holds.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the run when `token` is cancelled: the error is [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) and holds the ledger.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Counts this run against `budget`, which other runs may share. The spec's budget and the
    /// runner's hold as well, and so do those of further calls of this.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// Goes on with this conversation, and adds the turn to it when the run succeeds.
    pub fn conversation(mut self, conversation: &'a mut Conversation) -> Self {
        self.conversation = Some(conversation);
        self
    }

    /// The call that caused this run.
    pub fn parent_call(mut self, call_id: impl Into<String>) -> Self {
        self.parent_call_id = Some(call_id.into());
        self
    }

    /// The job that this run belongs to.
    pub fn job(mut self, job_id: impl Into<String>) -> Self {
        self.job_id = Some(job_id.into());
        self
    }

    /// The document that this run is about.
    pub fn document(mut self, document_id: impl Into<String>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }

    /// The stage of a flow that this run is made in.
    pub fn stage(mut self, name: impl Into<String>) -> Self {
        self.stage = Some(name.into());
        self
    }
}
