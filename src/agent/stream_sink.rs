//! The way of events from a run to its stream: a queue that both share, on one task.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stream_event::StreamEvent;
use crate::attempt::Attempts;
use crate::chat::{Delta, Request, Response};
use crate::provider::Listener;

/// An event before there is an outcome.
type Event = StreamEvent<Infallible>;

/// Where an execution tells its events; nowhere unless it is streamed.
#[derive(Debug, Clone, Default)]
pub(super) struct Events(Option<Arc<Mutex<VecDeque<Event>>>>);

impl Events {
    /// Events that somebody takes.
    pub(super) fn streamed() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether anybody listens.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The oldest event that was not taken.
    pub(super) fn take(&self) -> Option<Event> {
        lock(self.0.as_ref()?).pop_front()
    }

    /// Whether all events were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| lock(queue).is_empty())
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(queue) = &self.0 {
            let event = event();
            lock(queue).push_back(event);
        }
    }

    /// The call number `attempt` of the execution is about to leave.
    pub(super) fn call_started(
        &self,
        execution_id: &str,
        call_id: &str,
        attempt: usize,
        request: &Request,
    ) {
        if attempt == 1 {
            self.tell(|| Event::Started {
                execution_id: execution_id.to_owned(),
            });
        }
        self.tell(|| Event::CallStarted {
            call_id: call_id.to_owned(),
            model: request.model.clone(),
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        });
    }

    /// Who hears the pieces of an answer.
    pub(super) fn listener(&self) -> Option<Listener> {
        let queue = Arc::clone(self.0.as_ref()?);
        Some(Arc::new(move |delta| {
            if let Some(event) = event_of(delta) {
                lock(&queue).push_back(event);
            }
        }))
    }

    /// The answer is there: tells what its pieces did not.
    pub(super) fn answered(&self, response: &Response, attempts: &Attempts) {
        if !self.is_on() {
            return;
        }
        if !response.usage.is_unknown() && attempts.told_usage() != Some(response.usage) {
            self.tell(|| Event::Usage(response.usage));
        }
        for call in &response.tool_calls {
            self.tell(|| Event::ToolCall(call.clone()));
        }
    }

    /// A tool has answered.
    pub(super) fn tool_answered(&self, id: &str, name: &str, text: &str, is_error: bool) {
        self.tell(|| Event::ToolResult {
            tool_call_id: id.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            is_error,
        });
    }

    /// The model is asked to repair its answer.
    pub(super) fn repaired(&self, repair: u32, violations: usize) {
        self.tell(|| Event::Repaired { repair, violations });
    }
}

fn event_of(delta: &Delta<'_>) -> Option<Event> {
    Some(match delta {
        Delta::Text("") | Delta::Reasoning("") => return None,
        Delta::Text(text) => Event::TextDelta((*text).to_owned()),
        Delta::Reasoning(text) => Event::ReasoningDelta((*text).to_owned()),
        Delta::ToolCall(piece) => Event::ToolCallDelta {
            index: piece.index,
            id: piece.id.map(str::to_owned),
            name: piece.name.map(str::to_owned),
            arguments: piece.arguments.to_owned(),
        },
        Delta::Usage(usage) if usage.is_unknown() => return None,
        Delta::Usage(usage) => Event::Usage(*usage),
        Delta::Restarted => Event::Restarted,
    })
}

fn lock(queue: &Mutex<VecDeque<Event>>) -> MutexGuard<'_, VecDeque<Event>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
