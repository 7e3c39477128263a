//! What calls and tools tell the lifecycle, and the warning of slow ones.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::calling::WatchedTool;
use super::execution::Execution;
use super::runner::AgentRunner;
use super::verdict::Verdict;
use crate::attempt::{Attempt, Attempts, millis};
use crate::call_log::CallLog;
use crate::chat::{Request, ToolCall};
use crate::clock::{self, Clock, rfc3339};
use crate::error::{ErrorKind, Result};
use crate::lifecycle::{EventError, Lifecycle, LifecycleEvent, Phase, Subject};
use crate::telemetry::names;
use crate::text::counted;

/// From when on something that still runs is slow.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowAfter {
    pub(super) call: Duration,
    pub(super) tool: Duration,
}

impl Default for SlowAfter {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(30),
            tool: Duration::from_secs(10),
        }
    }
}

/// A call or a tool under way, as those who hear the lifecycle know it. Dropped before its end, it
/// fails as cancelled.
#[must_use = "what is dropped fails as cancelled"]
pub(super) struct Told(Option<Box<Open>>);

#[derive(Clone)]
struct Open {
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    started: Duration,
    /// What all of its events hold.
    event: LifecycleEvent,
}

impl Open {
    fn tell(&self, phase: Phase, add: impl FnOnce(&mut LifecycleEvent)) {
        let mut event = self.event.clone();
        event.phase = phase;
        add(&mut event);
        self.send(event);
    }

    fn send(&self, mut event: LifecycleEvent) {
        event.time = rfc3339(self.clock.now());
        self.lifecycle.tell(event);
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.clock.elapsed().saturating_sub(self.started))
    }
}

impl Told {
    /// Tells `event`, a start, if anybody hears.
    pub(super) fn start(
        mut event: LifecycleEvent,
        lifecycle: &Lifecycle,
        log: &CallLog,
        clock: &Arc<dyn Clock>,
        started: Duration,
    ) -> Self {
        event.clean_by(&|text| log.outgoing_sanitizer().clean(text));
        let open = Open {
            lifecycle: lifecycle.clone(),
            clock: clock.clone(),
            started,
            event,
        };
        open.tell(Phase::Started, |_| ());
        Self(Some(Box::new(open)))
    }

    /// Nobody hears.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// Tells the end: `add` says what is known of it, and `follower` which call is made since this one
    /// gave nothing that can be used.
    pub(super) fn end(mut self, follower: Option<u32>, add: impl FnOnce(&mut LifecycleEvent)) {
        let Some(open) = self.0.take() else { return };
        let mut ended = open.event.clone();
        add(&mut ended);
        let error = ended.error.clone();
        ended.phase = match error {
            Some(_) => Phase::Failed,
            None => Phase::Finished,
        };
        open.send(ended);
        if follower.is_some() {
            open.tell(Phase::Retried, |event| {
                (event.attempt, event.error) = (follower, error);
            });
        }
    }

    pub(super) fn slow(&self, elapsed: Duration) {
        if let Some(open) = &self.0 {
            open.tell(Phase::Slow, |event| {
                event.duration_ms = Some(millis(elapsed));
            });
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let (kind, message) = if std::thread::panicking() {
            (ErrorKind::Internal, "a panic ended it")
        } else {
            (ErrorKind::Cancelled, "it was dropped before it ended")
        };
        open.tell(Phase::Failed, |event| {
            event.duration_ms = Some(open.elapsed_ms());
            event.error = Some(error(kind, message));
        });
    }
}

impl Execution<'_> {
    /// Tells that a call begins, and watches its `attempts`.
    pub(super) fn tell_call(
        &self,
        call_id: &str,
        request: &Request,
        attempts: &Attempts,
        started: Duration,
    ) -> Told {
        let told = self.tell_start(Subject::Call, started, |event| {
            event.call_id = Some(call_id.to_owned());
            event.model = Some(request.model.clone());
            event.attempt = Some(self.next_number());
        });
        if let Some(open) = &told.0 {
            let open = open.clone();
            attempts.on_retry(move |number, before| {
                open.tell(Phase::Retried, |event| {
                    event.attempt = u32::try_from(number).ok();
                    event.error = Some(why(number, before));
                });
            });
        }
        told
    }

    /// Tells that a tool call begins.
    pub(super) fn tell_tool(&self, call: &ToolCall, started: Duration) -> Told {
        self.tell_start(Subject::Tool, started, |event| {
            event.tool = Some(call.name.clone());
            event.call_id = self.ledger.last().map(|call| call.call_id.clone());
        })
    }

    fn tell_start(
        &self,
        subject: Subject,
        started: Duration,
        add: impl FnOnce(&mut LifecycleEvent),
    ) -> Told {
        let around = self.around;
        if !around.lifecycle.is_on() {
            return Told::nothing();
        }
        let mut event = LifecycleEvent::new(subject, Phase::Started, around.log.run_id());
        event.document_id.clone_from(&self.options.document_id);
        event.stage.clone_from(&self.options.stage);
        event.agent = Some(self.spec.name.clone());
        add(&mut event);
        Told::start(event, around.lifecycle, around.log, around.clock, started)
    }

    /// The end of a call's `work`; that it is slow is said while it goes on.
    pub(super) async fn noting_slow_call<F: Future>(
        &self,
        told: &Told,
        model: &str,
        work: F,
    ) -> F::Output {
        let limit = self.around.slow_after.call;
        clock::noting_slow(limit, work, |elapsed| {
            told.slow(elapsed);
            tracing::warn!(
                { names::GEN_AI_AGENT_NAME } = self.clean(&self.spec.name),
                { names::GEN_AI_REQUEST_MODEL } = self.clean(model),
                { names::DOCUMENT_ID } = self.document(),
                { names::ELAPSED_MS } = i64::try_from(millis(elapsed)).ok(),
                "a model call is slow"
            );
        })
        .await
    }

    /// A tool of this execution.
    pub(super) fn watched<'w>(&'w self, told: &'w Told) -> WatchedTool<'w> {
        WatchedTool {
            told,
            log: self.around.log,
            slow_after: self.around.slow_after.tool,
            agent: &self.spec.name,
            document: self.options.document_id.as_deref(),
        }
    }

    fn clean(&self, text: &str) -> String {
        self.around.log.outgoing_sanitizer().clean(text)
    }

    fn document(&self) -> Option<String> {
        let id = self.options.document_id.as_deref();
        id.map(|id| self.clean(id))
    }

    /// What an event says of an answer that cannot be used: nothing that the model or its server said.
    pub(super) fn event_error(&self, verdict: &Verdict) -> Option<EventError> {
        let kind = verdict.error_kind()?;
        let message = match verdict {
            Verdict::Invalid { violations, .. } => format!(
                "the answer does not fit its schema: {}",
                counted(violations.len(), "error")
            ),
            Verdict::Failed(failure) => match &failure.source {
                None => self.clean(&failure.message),
                Some(source) => {
                    let attempts = self.ledger.last().map_or(0, |call| call.attempts.len());
                    let made = counted(attempts, "attempt");
                    let status = source.status().map(|status| format!(" (HTTP {status})"));
                    format!("it failed after {made}{}", status.unwrap_or_default())
                }
            },
            Verdict::Valid { .. } | Verdict::AsksForTools => String::new(),
        };
        Some(EventError { kind, message })
    }
}

/// An event's error; `message` is ours.
pub(super) fn error(kind: ErrorKind, message: impl Into<String>) -> EventError {
    EventError {
        kind,
        message: message.into(),
    }
}

/// Why the attempt `number` is made.
fn why(number: usize, before: &Attempt) -> EventError {
    let status = before.status.map(|status| format!(" (HTTP {status})"));
    error(
        before.error.unwrap_or(ErrorKind::Unavailable),
        format!(
            "attempt {} failed{}",
            number - 1,
            status.unwrap_or_default()
        ),
    )
}

impl AgentRunner {
    /// Tells what happened to the run, a document or a stage: those who hear the
    /// [lifecycle](super::AgentRunnerBuilder::lifecycle) are told, and the call log keeps it. The flows of
    /// this crate tell their own; it is for those that you write. The event's texts are sanitized, its run
    /// is that of the runner, and its time is now where it has none. What is about a call or a tool is not
    /// kept: the runner tells that itself, and has records of it.
    ///
    /// ```
    /// use duologue::call_log::MemoryCallLogger;
    /// use duologue::lifecycle::{LifecycleEvent, Phase, Subject};
    /// use duologue::prompt::PromptLibrary;
    /// use duologue::provider::ScriptedProvider;
    /// use duologue::AgentRunner;
    ///
    /// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan.")]);
    /// let log = MemoryCallLogger::new();
    /// let runner = AgentRunner::builder(ScriptedProvider::new([]), prompts).logger(log.clone()).build();
    ///
    /// let mut event = LifecycleEvent::new(Subject::Document, Phase::Started, "");
    /// event.document_id = Some("tides".to_owned());
    /// runner.tell(event)?;
    /// assert_eq!(log.happened()[0].document_id.as_deref(), Some("tides"));
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when it could not be kept and the log is set to
    /// [`OnError::Fail`](crate::call_log::OnError::Fail); the others are told all the same.
    pub fn tell(&self, mut event: LifecycleEvent) -> Result<()> {
        let (log, lifecycle) = (self.log(), self.lifecycle());
        if !log.is_on() && !lifecycle.is_on() {
            return Ok(());
        }
        log.run_id().clone_into(&mut event.run_id);
        if event.time.is_empty() {
            event.time = rfc3339(self.clock().now());
        }
        let kept = log.happened(&event);
        if lifecycle.is_on() {
            event.clean_by(&|text| log.outgoing_sanitizer().clean(text));
            lifecycle.tell(event);
        }
        kept
    }
}
