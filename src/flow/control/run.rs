//! One run: where it stands, and what it gave.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::RunState;
use super::execute::Ended;
use super::recorder::Recorder;
use crate::error::ErrorKind;
use crate::flow::audit::AuditedRun;
use crate::flow::envelope::Envelope;
use crate::lifecycle::{EventError, Phase, Subject};

/// One run of a flow, as [`ControlPlane::ingest`](super::ControlPlane::ingest) gives it. A clone is of
/// the same run; dropping it changes nothing.
#[derive(Clone)]
pub struct Run {
    pub(super) cell: Arc<RunCell>,
    pub(super) recorder: Arc<Recorder>,
}

impl Run {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.cell.id
    }

    /// The flow.
    pub fn flow(&self) -> &str {
        &self.cell.flow
    }

    /// Where it stands.
    pub fn state(&self) -> RunState {
        self.cell.state()
    }

    /// Where it stands, since when, and what went wrong last.
    pub fn status(&self) -> AuditedRun {
        self.cell.status()
    }

    /// What the flow gave, once it has ended with a valid envelope in this process; the audit store has
    /// those of others.
    pub fn envelope(&self) -> Option<Arc<Envelope>> {
        self.cell.envelope()
    }

    /// Waits until the run has ended. A run in a queue ends here when this control plane's own
    /// [`work`](super::ControlPlane::work) ends it. What other processes do stands in the audit store, and
    /// is not waited for: a run that one of them has taken never ends here.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn wait(&self) -> AuditedRun {
        let mut changes = self.cell.status.subscribe();
        match changes.wait_for(|run| run.state.is_final()).await {
            Ok(run) => run.clone(),
            // The cell holds the sender, so it cannot have gone.
            Err(_) => self.status(),
        }
    }

    /// Cancels the run: one that waits does not begin, one that runs is stopped at its next await. A run
    /// that waits for another process does not begin there if both keep their history in one audit store;
    /// one that runs there goes on.
    pub fn cancel(&self) {
        self.cell.cancel.cancel();
        if let Some(attempt) = self.cell.cancel_queued(&self.recorder.now()) {
            self.recorder.detached_state(&self.cell);
            let (subject, phase) = (Subject::Run, Phase::Failed);
            self.recorder
                .tell(&self.cell, subject, phase, attempt, |event| {
                    event.error = Some(cancelled());
                });
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("id", &self.cell.id)
            .field("flow", &self.cell.flow)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What all who hold a run share.
pub(super) struct RunCell {
    pub(super) id: String,
    pub(super) flow: String,
    pub(super) cancel: CancellationToken,
    status: watch::Sender<AuditedRun>,
    envelope: Mutex<Option<Arc<Envelope>>>,
}

impl RunCell {
    pub(super) fn new(id: String, flow: String, time: String) -> Self {
        let status = AuditedRun {
            run_id: id.clone(),
            flow: flow.clone(),
            state: RunState::Queued,
            attempt: 0,
            created_at: time.clone(),
            changed_at: time,
            error: None,
        };
        Self {
            id,
            flow,
            cancel: CancellationToken::new(),
            status: watch::Sender::new(status),
            envelope: Mutex::new(None),
        }
    }

    /// One that the audit store knows.
    pub(super) fn known(run: AuditedRun) -> Self {
        let cell = Self::new(run.run_id.clone(), run.flow.clone(), String::new());
        cell.status.send_replace(run);
        cell
    }

    pub(super) fn status(&self) -> AuditedRun {
        self.status.borrow().clone()
    }

    pub(super) fn state(&self) -> RunState {
        self.status.borrow().state
    }

    fn envelope(&self) -> Option<Arc<Envelope>> {
        self.envelope
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn keep(&self, envelope: Arc<Envelope>) {
        *self.envelope.lock().unwrap_or_else(PoisonError::into_inner) = Some(envelope);
    }

    /// Whether the state is new: an end stays, and so does what a later attempt has begun.
    pub(super) fn change(&self, change: &Change<'_>) -> bool {
        self.status.send_if_modified(|run| {
            if !run.may_take(change.state, change.attempt) {
                return false;
            }
            run.state = change.state;
            run.attempt = change.attempt;
            run.error.clone_from(&change.error);
            change.time.clone_into(&mut run.changed_at);
            true
        })
    }

    /// How an attempt ends whose run has ended before it began.
    pub(super) fn ended_before(&self, attempt: u32) -> Ended {
        let run = self.status();
        if run.state == RunState::Cancelled && run.attempt < attempt {
            Ended::CancelledBefore
        } else {
            Ended::Before
        }
    }

    /// Takes over what the audit store knows of a run that others run, or have run.
    pub(super) fn adopt(&self, known: AuditedRun) {
        self.status.send_if_modified(|run| {
            let is_untouched = run.state == RunState::Queued && run.attempt == 0;
            if is_untouched {
                *run = known;
            }
            is_untouched
        });
    }

    /// Cancels a run that waits; the attempt that it waited after, if it did.
    fn cancel_queued(&self, time: &str) -> Option<u32> {
        let mut attempt = None;
        self.status.send_if_modified(|run| {
            let waits = run.state == RunState::Queued;
            if waits {
                run.state = RunState::Cancelled;
                run.error = Some(cancelled());
                time.clone_into(&mut run.changed_at);
                attempt = Some(run.attempt);
            }
            waits
        });
        attempt
    }
}

/// The error of a run that was cancelled.
pub(super) fn cancelled() -> EventError {
    EventError {
        kind: ErrorKind::Cancelled,
        message: "the run was cancelled".to_owned(),
    }
}

/// A run's new state.
pub(super) struct Change<'a> {
    pub(super) state: RunState,
    pub(super) attempt: u32,
    pub(super) time: &'a str,
    pub(super) error: Option<EventError>,
}
