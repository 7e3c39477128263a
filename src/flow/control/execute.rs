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
use super::run::{Change, RunCell, cancelled};
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
    if_dropped: Option<End>,
    started: Option<Duration>,
    context: Option<FlowContext>,
}

/// What a run comes to, and what is told of it.
#[derive(Clone)]
struct End {
    state: RunState,
    phase: Phase,
    error: Option<EventError>,
}

impl End {
    fn given_up(state: RunState) -> Self {
        let error = EventError {
            kind: ErrorKind::Cancelled,
            message: "whoever ran it gave it up".to_owned(),
        };
        Self {
            state,
            phase: Phase::Failed,
            error: Some(error),
        }
    }
}

/// How an attempt went.
pub(super) enum Ended {
    Well(OpenRun, Arc<Envelope>),
    Badly(OpenRun, Error),
    Cancelled(OpenRun),
    /// Whoever works was told to stop.
    Stopped(OpenRun),
    /// The run was cancelled while it waited: nothing was done.
    CancelledBefore,
    /// The run had ended before: nothing was done.
    Before,
}

enum Interruption {
    Cancelled,
    Stopped,
}

impl OpenRun {
    /// Dropped, the run is interrupted: it comes again.
    pub(super) fn new(shared: Arc<Shared>, cell: Arc<RunCell>, attempt: u32) -> Self {
        Self {
            shared,
            cell,
            attempt,
            if_dropped: Some(End::given_up(RunState::Interrupted)),
            started: None,
            context: None,
        }
    }

    /// Dropped, the run is cancelled: nobody else has it.
    pub(super) fn or_cancelled(mut self) -> Self {
        self.if_dropped = Some(End::given_up(RunState::Cancelled));
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.cell.id
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
            return self.cell.ended_before(attempt);
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

    /// The run waits in a queue, and others see to its end.
    pub(super) async fn queued(mut self) {
        self.if_dropped = None;
        let (recorder, run) = (&self.shared.recorder, self.cell.status());
        // A worker may have been faster.
        if run.state == RunState::Queued {
            let mut entry = recorder.queued_entry(&self.cell, self.attempt);
            entry.time = run.created_at;
            recorder.put(entry).await;
        }
    }

    /// The run is one that others have; it stands where the audit store says.
    pub(super) async fn leave(mut self) {
        self.if_dropped = None;
        if let Some(known) = self.shared.recorder.known(&self.cell.id).await {
            self.cell.adopt(known);
        }
    }

    /// The run was not taken in. That is told and not kept: its id may come again.
    pub(super) fn refuse(mut self, error: &Error) {
        self.if_dropped = None;
        let error = Some(self.shared.recorder.said(error));
        let is_new = self.cell.change(&Change {
            state: RunState::Failed,
            attempt: self.attempt,
            time: &self.shared.recorder.now(),
            error: error.clone(),
        });
        if is_new {
            self.tell(Phase::Failed, error);
        }
    }

    pub(super) async fn succeed(mut self, envelope: Arc<Envelope>) {
        let recorder = self.shared.recorder.clone();
        let state = match envelope.status {
            EnvelopeStatus::Success => RunState::Succeeded,
            EnvelopeStatus::NoResults => RunState::NoResults,
            EnvelopeStatus::Error => RunState::Failed,
        };
        if !self.cell.status().may_take(state, self.attempt) {
            self.if_dropped = None;
            return;
        }
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
        let error = Some(cancelled());
        self.end(RunState::Cancelled, Phase::Failed, error).await;
    }

    /// The run goes back to its queue, to be tried again.
    pub(super) async fn back(mut self, error: Option<&Error>) {
        let said = error.map(|error| self.shared.recorder.said(error));
        self.end(RunState::Queued, Phase::Retried, said).await;
    }

    async fn end(&mut self, state: RunState, phase: Phase, error: Option<EventError>) {
        let recorder = self.shared.recorder.clone();
        // The store may have it when this is dropped: then it is the end here too.
        self.if_dropped = Some(End {
            state,
            phase,
            error: error.clone(),
        });
        let is_new = recorder
            .state(&self.cell, self.attempt, state, error.clone())
            .await;
        self.if_dropped = None;
        if is_new {
            self.tell(phase, error);
        }
    }

    fn tell(&self, phase: Phase, error: Option<EventError>) {
        let recorder = &self.shared.recorder;
        recorder.tell(&self.cell, Subject::Run, phase, self.attempt, |event| {
            if phase != Phase::Started {
                let took = |started| as_ms(recorder.clock.elapsed().saturating_sub(started));
                event.duration_ms = self.started.map(took);
            }
            event.error = error;
        });
    }
}

impl Drop for OpenRun {
    fn drop(&mut self) {
        let Some(end) = self.if_dropped.take() else {
            return;
        };
        let recorder = &self.shared.recorder;
        let is_new = self.cell.change(&Change {
            state: end.state,
            attempt: self.attempt,
            time: &recorder.now(),
            error: end.error.clone(),
        });
        if is_new {
            recorder.detached_state(&self.cell);
            self.tell(end.phase, end.error);
        }
    }
}

fn checked(flow: &str, envelope: Envelope) -> Result<Envelope> {
    match envelope.validate() {
        Ok(()) => Ok(envelope),
        Err(error) => Err(error.within(&format!("the flow `{flow}`"))),
    }
}
