//! What a review loop tells those who hear the lifecycle, and the journal.

use std::time::Duration;

use super::settings::ReviewLoop;
use crate::agent::AgentRunner;
use crate::attempt::millis;
use crate::error::{Error, Ledger, Result, with_causes};
use crate::lifecycle::{EventError, LifecycleEvent, Phase, Subject};

/// Who is at work in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Planner,
    Judge,
}

impl Role {
    pub(super) fn stage(self) -> &'static str {
        match self {
            Self::Planner => ReviewLoop::PLAN,
            Self::Judge => ReviewLoop::JUDGE,
        }
    }
}

/// One stage of one round, for its events.
pub(super) struct Telling<'a> {
    pub(super) runner: &'a AgentRunner,
    pub(super) review: &'a ReviewLoop,
    pub(super) document_id: Option<&'a str>,
    pub(super) role: Role,
    pub(super) iteration: u32,
}

impl Telling<'_> {
    /// It begins.
    pub(super) fn started(&self) -> Result<()> {
        self.runner.tell(self.event(Phase::Started))
    }

    /// The last draft was sent back, and this round follows.
    pub(super) fn retried(&self) -> Result<()> {
        self.runner.tell(self.event(Phase::Retried))
    }

    /// It ended, after these calls.
    pub(super) fn ended(
        &self,
        ledger: &Ledger,
        duration: Duration,
        error: Option<&Error>,
    ) -> Result<()> {
        let phase = match error {
            Some(_) => Phase::Failed,
            None => Phase::Finished,
        };
        let mut event = self.event(phase);
        event.call_id = ledger.last().map(|call| call.call_id.clone());
        event.duration_ms = Some(millis(duration));
        event.usage = ledger.usage();
        event.cost_usd = ledger.cost();
        event.error = error.map(|error| EventError {
            kind: error.kind(),
            message: with_causes(error),
        });
        self.runner.tell(event)
    }

    fn event(&self, phase: Phase) -> LifecycleEvent {
        let spec = match self.role {
            Role::Planner => &self.review.planner,
            Role::Judge => &self.review.judge,
        };
        let run_id = self.runner.log().run_id();
        let mut event = LifecycleEvent::new(Subject::Stage, phase, run_id);
        event.document_id = self.document_id.map(str::to_owned);
        event.stage = Some(self.role.stage().to_owned());
        event.agent = Some(spec.name.clone());
        event.model = Some(spec.model.clone());
        event.attempt = Some(self.iteration + 1);
        event
    }
}
