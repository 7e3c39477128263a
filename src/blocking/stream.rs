//! A stream of events as an iterator.

use std::iter::FusedIterator;

use futures::StreamExt as _;
use serde_json::Value;

use super::block_on;
use crate::agent::{self, Outcome, StreamEvent};
use crate::error::Result;

/// [`agent::AgentStream`] as an iterator: the same events, and cancelled when it is dropped.
///
/// ```
/// use duologue::AgentSpec;
/// use duologue::agent::StreamEvent;
/// use duologue::blocking::AgentRunner;
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use serde_json::json;
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"}))]);
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan.")]);
/// let runner = AgentRunner::new(provider, prompts);
///
/// for event in runner.stream(&AgentSpec::new("planner", "planner", "gpt-5-mini"), ()) {
///     match event? {
///         StreamEvent::TextDelta(text) => print!("{text}"),
///         StreamEvent::Finished(plan) => assert_eq!(plan.data["title"], "Tides"),
///         _ => {}
///     }
/// }
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing runs unless the iterator is asked"]
pub struct AgentStream<'a, T = Value> {
    inner: agent::AgentStream<'a, T>,
    /// A thread that must not block has asked.
    refused: bool,
}

impl<'a, T> From<agent::AgentStream<'a, T>> for AgentStream<'a, T> {
    fn from(inner: agent::AgentStream<'a, T>) -> Self {
        Self {
            inner,
            refused: false,
        }
    }
}

impl<T> AgentStream<'_, T> {
    /// As [`agent::AgentStream::without_partial_json`].
    pub fn without_partial_json(self) -> Self {
        self.inner.without_partial_json().into()
    }

    /// As [`agent::AgentStream::partial_json`].
    pub fn partial_json(&mut self) -> Option<&Value> {
        self.inner.partial_json()
    }

    /// As [`agent::AgentStream::outcome`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn outcome(self) -> Result<Outcome<T>> {
        block_on(self.inner.outcome())?
    }
}

/// On a thread of the background runtime the item is an error of [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant), and the
/// last one.
impl<T> Iterator for AgentStream<'_, T> {
    type Item = Result<StreamEvent<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.refused {
            return None;
        }
        block_on(self.inner.next()).unwrap_or_else(|error| {
            self.refused = true;
            Some(Err(error))
        })
    }
}

impl<T> FusedIterator for AgentStream<'_, T> {}
