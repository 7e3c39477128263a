//! What is under way, as those who hear the lifecycle know it: whatever began has an end.

use std::thread;
use std::time::Duration;

use super::run::Run;
use crate::error::ErrorKind;
use crate::lifecycle::{EventError, LifecycleEvent, Phase};

/// The run, a document or a stage whose start was told. Dropped before its end, it fails as cancelled.
#[must_use = "what is dropped fails as cancelled"]
pub(super) struct Told<'r> {
    run: &'r Run<'r>,
    since: Duration,
    /// The start.
    event: Option<Box<LifecycleEvent>>,
}

impl Run<'_> {
    /// Tells `event`, a start.
    pub(super) fn start(&self, event: LifecycleEvent) -> Told<'_> {
        self.tell(event.clone());
        Told {
            run: self,
            since: self.runner.clock().elapsed(),
            event: Some(Box::new(event)),
        }
    }
}

impl Told<'_> {
    /// Tells `event`, the end.
    pub(super) fn end(mut self, event: LifecycleEvent) {
        self.event = None;
        self.run.tell(event);
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let Some(mut event) = self.event.take() else {
            return;
        };
        let (kind, message) = if thread::panicking() {
            (ErrorKind::Internal, "a panic ended it")
        } else {
            (ErrorKind::Cancelled, "it was dropped before it ended")
        };
        event.phase = Phase::Failed;
        event.documents = None;
        event.duration_ms = Some(self.run.elapsed_ms(self.since));
        event.error = Some(EventError {
            kind,
            message: message.to_owned(),
        });
        self.run.tell(*event);
    }
}
