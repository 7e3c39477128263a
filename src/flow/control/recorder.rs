//! What happens to runs, told to the lifecycle and kept by the audit store.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;

use super::RunState;
use super::run::{Change, RunCell};
use crate::background;
use crate::call_log::Sanitizer;
use crate::clock::{Clock, rfc3339};
use crate::error::{Error, Result};
use crate::flow::audit::{AuditEntry, AuditStore, Audited, AuditedRun, StateChange, clean_name};
use crate::lifecycle::{EventError, Lifecycle, LifecycleEvent, Phase, Subject};

/// Who hears of everything that a control plane does.
pub(super) struct Recorder {
    pub(super) audit: Option<Arc<dyn AuditStore>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sanitizer: Sanitizer,
    /// Whether a run that waits or runs ends with this process.
    pub(super) queue_outlives_process: bool,
    /// The first failure of the audit store since the last flush.
    pub(super) lost: Arc<Mutex<Option<Error>>>,
}

impl Recorder {
    pub(super) fn now(&self) -> String {
        rfc3339(self.clock.now())
    }

    /// `error` as it may leave the process.
    pub(super) fn said(&self, error: &Error) -> EventError {
        EventError {
            kind: error.kind(),
            message: self.sanitizer.clean(&error.to_string()),
        }
    }

    /// What the audit store knows of a run; `None` where there is none, and when it cannot be read.
    pub(super) async fn known(&self, run_id: &str) -> Option<AuditedRun> {
        match self.audit.as_ref()?.history(run_id).await {
            Ok(history) => Some(history?.run),
            Err(error) => {
                lose(&self.lost, error);
                None
            }
        }
    }

    /// Changes the run's state and keeps that; false when it had ended already, or a later attempt has
    /// begun.
    ///
    /// An end is kept before it is seen, so that who waits for it finds it in the store.
    pub(super) async fn state(
        &self,
        cell: &RunCell,
        attempt: u32,
        state: RunState,
        error: Option<EventError>,
    ) -> bool {
        if !cell.status().may_take(state, attempt) {
            return false;
        }
        let time = self.now();
        let entry = self.entry_of(cell, attempt, state, error.clone(), &time);
        let change = Change {
            state,
            attempt,
            time: &time,
            error,
        };
        if state.is_final() {
            self.put(entry).await;
            return cell.change(&change);
        }
        let is_new = cell.change(&change);
        if is_new {
            self.put(entry).await;
        }
        is_new
    }

    /// Keeps the state that the run has now, from where nobody can wait for it.
    pub(super) fn detached_state(&self, cell: &RunCell) {
        let run = cell.status();
        let entry = self.entry_of(cell, run.attempt, run.state, run.error, &run.changed_at);
        self.put_detached(entry);
    }

    fn entry_of(
        &self,
        cell: &RunCell,
        attempt: u32,
        state: RunState,
        error: Option<EventError>,
        time: &str,
    ) -> AuditEntry {
        let ends_with_process = match state {
            RunState::Running => true,
            RunState::Queued => !self.queue_outlives_process,
            _ => false,
        };
        let change = StateChange {
            state,
            error,
            ends_with_process,
        };
        AuditEntry {
            time: time.to_owned(),
            ..self.entry(cell, attempt, Audited::State(change))
        }
    }

    /// The entry of a run that waits.
    pub(super) fn queued_entry(&self, cell: &RunCell, attempt: u32) -> AuditEntry {
        self.entry_of(cell, attempt, RunState::Queued, None, &self.now())
    }

    pub(super) fn entry(&self, cell: &RunCell, attempt: u32, what: Audited) -> AuditEntry {
        AuditEntry {
            run_id: cell.id.clone(),
            flow: cell.flow.clone(),
            attempt,
            time: self.now(),
            what,
        }
    }

    /// Keeps `entry`; a store that cannot does not fail the run.
    pub(super) async fn put(&self, entry: AuditEntry) {
        let Some(store) = &self.audit else { return };
        if let Err(error) = store.put(entry).await {
            lose(&self.lost, error);
        }
    }

    fn put_detached(&self, entry: AuditEntry) {
        let Some(store) = self.audit.clone() else {
            return;
        };
        let lost = self.lost.clone();
        let mut putting = Box::pin(async move {
            if let Err(error) = store.put(entry).await {
                lose(&lost, error);
            }
        });
        if (&mut putting).now_or_never().is_some() {
            return;
        }
        match background::handle() {
            // Nobody is left to own it; it ends with one write.
            Ok(handle) => drop(handle.spawn(putting)),
            Err(error) => tracing::warn!(%error, "the end of a run was not kept"),
        }
    }

    /// The first failure since this was asked last.
    pub(super) fn take_lost(&self) -> Result<()> {
        let lost = self
            .lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        lost.map_or(Ok(()), Err)
    }

    /// Tells what happened to a run, or to a step of it, with what `more` adds.
    pub(super) fn tell(
        &self,
        cell: &RunCell,
        subject: Subject,
        phase: Phase,
        attempt: u32,
        more: impl FnOnce(&mut LifecycleEvent),
    ) {
        if !self.lifecycle.is_on() {
            return;
        }
        let mut event = LifecycleEvent::new(subject, phase, &cell.id);
        event.time = self.now();
        event.flow = Some(cell.flow.clone());
        event.attempt = Some(attempt);
        more(&mut event);
        event.stage = event.stage.map(|name| clean_name(&name, &self.sanitizer));
        event.clean_by(&|text| self.sanitizer.clean(text));
        self.lifecycle.tell(event);
    }
}

fn lose(lost: &Mutex<Option<Error>>, error: Error) {
    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
    if lost.is_none() {
        tracing::warn!(%error, "the audit store does not keep what happens to runs");
        *lost = Some(error);
    }
}
