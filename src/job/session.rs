//! What a job runs with, from the first look at it to the end of its servers.

use std::pin::pin;

use futures::future::{Either, select};
use tokio_util::sync::CancellationToken;

use super::load::Job;
use super::provider::Answering;
use super::tools::JobTools;
use crate::agent::AgentRunner;
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};

/// A job that was looked at, whose servers run and whose log is open.
pub(super) struct Session {
    pub(super) runner: AgentRunner,
    pub(super) answering: Answering,
    pub(super) tools: Option<JobTools>,
}

impl Job {
    /// Looks at the job, connects to its servers and opens its log.
    pub(super) async fn open(
        &self,
        cancel: &CancellationToken,
        sanitizer: &Sanitizer,
    ) -> Result<Session> {
        let mut answering = self.answering()?;
        self.check_with(&answering)?;
        let Some(tools) = unless_cancelled(cancel, self.tools(&answering, sanitizer)).await else {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "the job was cancelled before it began",
            ));
        };
        let tools = tools?;
        if let Some(tools) = &tools {
            answering.tools = tools.set.clone();
            self.check_tools(&answering)?;
        }
        let runner = answering.runner(self.create_logger()?);
        Ok(Session {
            runner,
            answering,
            tools,
        })
    }
}

/// What `work` gives, or nothing when the job is cancelled first.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (cancelled, work) = (pin!(cancel.cancelled()), pin!(work));
    match select(work, cancelled).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
