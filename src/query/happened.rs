//! What happened to a run, its documents and its stages, as flows have told it.

use super::run::Run;
use crate::error::Result;
use crate::lifecycle::LifecycleEvent;

/// How a journal line about it begins.
const HEAD: &[u8] = b"{\"event\":\"lifecycle\"";

impl Run {
    /// What happened to the run, its documents and its stages, by time; the journals are read for it.
    /// Lines that cannot be read are left out: [`problems`](Self::problems) has them.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn happened(&self) -> Result<Vec<LifecycleEvent>> {
        self.happened_that(&|_| true)
    }

    /// What happened to one document, by time.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn happened_to(&self, document_id: &str) -> Result<Vec<LifecycleEvent>> {
        self.happened_that(&|event| event.document_id.as_deref() == Some(document_id))
    }

    fn happened_that(
        &self,
        is_wanted: &dyn Fn(&LifecycleEvent) -> bool,
    ) -> Result<Vec<LifecycleEvent>> {
        let mut events = Vec::new();
        self.each_line(&|line| line.starts_with(HEAD), &mut |line, _| {
            let event = line.lifecycle.map(|event| *event);
            events.extend(event.filter(is_wanted));
        })?;
        events.sort_by(|a, b| a.time.cmp(&b.time));
        Ok(events)
    }
}
