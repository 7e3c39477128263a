//! One attempt at a run, from its start to one end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RunState;
use super::context::{FlowContext, as_ms};
use super::delivery::refused;
use super::event::Event;
use super::plane::{Registered, Shared};
use super::run::{Change, RunCell};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{Audited, TraceEvent};
use crate::flow::envelope::{Envelope, EnvelopeStatus};
use crate::lifecycle::{EventError, Phase, Subject};

/// An attempt under way. Whoever holds it ends it; dropped, it ends itself.
pub(super) struct OpenRun {
    shared: Arc<Shared>,
    cell: Arc<RunCell>,
    attempt: u32,
    /// What the run becomes when this is dropped; `None` when it has an end.
    if_dropped: Option<RunState>,
    started: Option<Duration>,
    context: Option<FlowContext>,
}

/// How an attempt went.
pub(super) enum Ended {
    Well(OpenRun, Arc<Envelope>),
    Badly(OpenRun, Error),
    Cancelled(OpenRun),
    /// Whoever works was told to stop.
    Stopped(OpenRun),
    /// The run had ended before: nothing was done.
    BeforeItBegan,
}

enum Interruption {
    Cancelled,
    Stopped,
}

impl OpenRun {
    pub(super) fn new(
        shared: Arc<Shared>,
        cell: Arc<RunCell>,
        attempt: u32,
        if_dropped: RunState,
    ) -> Self {
        Self {
            shared,
            cell,
            attempt,
            if_dropped: Some(if_dropped),
            started: None,
            context: None,
        }
    }

    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The steps so far.
    pub(super) fn steps(&self) -> Vec<TraceEvent> {
        self.context
            .as_ref()
            .map(FlowContext::steps)
            .unwrap_or_default()
    }

    /// Runs the flow once; `stop` ends that from outside, without ending the run.
    pub(super) async fn execute(
        mut self,
        registered: &Registered,
        event: Event,
        stop: Option<&CancellationToken>,
    ) -> Ended {
        let (recorder, attempt) = (self.shared.recorder.clone(), self.attempt);
        if !recorder
            .state(&self.cell, attempt, RunState::Running, None)
            .await
        {
            self.if_dropped = None;
            return Ended::BeforeItBegan;
        }
        self.started = Some(recorder.clock.elapsed());
        self.tell(Phase::Started, None);
        let cancel = self.cell.cancel.child_token();
        let context = FlowContext::new(
            self.shared.clone(),
            self.cell.clone(),
            event,
            attempt,
            cancel.clone(),
        );
        self.context = Some(context.clone());
        let _cancelled_with_this = cancel.drop_guard();
        match self.run_flow(registered, context, stop).await {
            Ok(Ok(envelope)) => Ended::Well(self, Arc::new(envelope)),
            Ok(Err(error)) => Ended::Badly(self, error),
            Err(Interruption::Cancelled) => Ended::Cancelled(self),
            Err(Interruption::Stopped) => Ended::Stopped(self),
        }
    }

    async fn run_flow(
        &self,
        registered: &Registered,
        context: FlowContext,
        stop: Option<&CancellationToken>,
    ) -> Result<Result<Envelope>, Interruption> {
        if registered.options.delivers && !context.may_deliver() {
            context.refuse(context.flow()).await;
            return Ok(Err(refused(context.flow(), context.policy())));
        }
        let timeout = registered.options.timeout;
        let deadline = timeout.and_then(|limit| Instant::now().checked_add(limit));
        // The flow itself may panic before it gives a future.
        let running = AssertUnwindSafe(async { registered.flow.run(context).await }).catch_unwind();
        let limited = clock::until(deadline, running);
        let never = CancellationToken::new();
        let stoppable = stop.unwrap_or(&never).run_until_cancelled(limited);
        let Some(stopped) = self.cell.cancel.run_until_cancelled(stoppable).await else {
            return Err(Interruption::Cancelled);
        };
        let Some(done) = stopped else {
            return Err(Interruption::Stopped);
        };
        let flow = &self.cell.flow;
        Ok(match done {
            Some(Ok(given)) => given.and_then(|envelope| checked(flow, envelope)),
            Some(Err(_panic)) => {
                let message = format!("the flow `{flow}` panicked");
                Err(Error::new(ErrorKind::Internal, message))
            }
            None => {
                let limit = humantime::format_duration(timeout.unwrap_or_default());
                let message = format!("the flow `{flow}` took longer than {limit}");
                Err(Error::new(ErrorKind::DeadlineExceeded, message))
            }
        })
    }

    /// The run waits in a queue.
    pub(super) async fn queued(&self) {
        let recorder = &self.shared.recorder;
        let run = self.cell.status();
        let mut entry = recorder.queued_entry(&self.cell, self.attempt);
        entry.time = run.changed_at;
        recorder.put(entry).await;
    }

    /// Others see to the end of the run.
    pub(super) fn leave(mut self) {
        self.if_dropped = None;
    }

    pub(super) async fn succeed(mut self, envelope: Arc<Envelope>) {
        let recorder = self.shared.recorder.clone();
        let state = match envelope.status {
            EnvelopeStatus::Success => RunState::Succeeded,
            EnvelopeStatus::NoResults => RunState::NoResults,
            EnvelopeStatus::Error => RunState::Failed,
        };
        let what = Audited::Envelope {
            envelope: Box::new((*envelope).clone()),
        };
        recorder
            .put(recorder.entry(&self.cell, self.attempt, what))
            .await;
        let error = envelope.error.as_ref().map(|error| EventError {
            kind: ErrorKind::Tool,
            message: recorder.sanitizer.clean(error),
        });
        self.cell.keep(envelope);
        let phase = if error.is_some() {
            Phase::Failed
        } else {
            Phase::Finished
        };
        self.end(state, phase, error).await;
    }

    pub(super) async fn fail(mut self, state: RunState, error: &Error) {
        let said = self.shared.recorder.said(error);
        self.end(state, Phase::Failed, Some(said)).await;
    }

    pub(super) async fn cancelled(mut self) {
        let error = EventError {
            kind: ErrorKind::Cancelled,
            message: "the run was cancelled".to_owned(),
        };
        self.end(RunState::Cancelled, Phase::Failed, Some(error))
            .await;
    }

    /// The run goes back to its queue, to be tried again.
    pub(super) async fn back(mut self, error: Option<&Error>) {
        let said = error.map(|error| self.shared.recorder.said(error));
        self.end(RunState::Queued, Phase::Retried, said).await;
    }

    async fn end(&mut self, state: RunState, phase: Phase, error: Option<EventError>) {
        let recorder = self.shared.recorder.clone();
        recorder
            .state(&self.cell, self.attempt, state, error.clone())
            .await;
        self.if_dropped = None;
        self.tell(phase, error);
    }

    fn tell(&self, phase: Phase, error: Option<EventError>) {
        let recorder = &self.shared.recorder;
        if !recorder.lifecycle.is_on() {
            return;
        }
        let mut event = recorder.event(Subject::Run, phase, &self.cell, self.attempt);
        if phase != Phase::Started {
            let took = |started| as_ms(recorder.clock.elapsed().saturating_sub(started));
            event.duration_ms = self.started.map(took);
        }
        event.error = error;
        recorder.lifecycle.tell(event);
    }
}

impl Drop for OpenRun {
    fn drop(&mut self) {
        let Some(state) = self.if_dropped.take() else {
            return;
        };
        let recorder = &self.shared.recorder;
        let error = EventError {
            kind: ErrorKind::Cancelled,
            message: "whoever ran it gave it up".to_owned(),
        };
        let is_new = self.cell.change(&Change {
            state,
            attempt: self.attempt.max(self.cell.attempt()),
            time: &recorder.now(),
            error: Some(error.clone()),
        });
        if is_new {
            recorder.detached_state(&self.cell);
            self.tell(Phase::Failed, Some(error));
        }
    }
}

fn checked(flow: &str, envelope: Envelope) -> Result<Envelope> {
    match envelope.validate() {
        Ok(()) => Ok(envelope),
        Err(error) => Err(error.within(&format!("the flow `{flow}`"))),
    }
}
