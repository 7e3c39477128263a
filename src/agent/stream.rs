//! [`AgentStream`]: a run that tells what happens while it happens.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{FusedStream, Stream, StreamExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument as _;

use super::options::RunOptions;
use super::outcome::Outcome;
use super::runner::{AgentRunner, variables_of};
use super::spec::AgentSpec;
use super::stream_event::StreamEvent;
use super::stream_sink::Events;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::extract::PartialJson;

/// One part in so many is how much a text must have grown for another [`StreamEvent::PartialJson`]:
/// so what is copied stays in proportion to the answer.
const SNAPSHOT_SHARE: usize = 4;

type Run<'a, T> = Pin<Box<dyn Future<Output = Result<Outcome<T>>> + Send + 'a>>;

/// The events of one run; made by [`AgentRunner::stream`].
///
/// It is the run itself, not a window to it: nothing happens unless it is polled, no task is
/// started, and one that is no longer polled lets the model wait (its deadline is noticed at the next
/// poll). It ends with [`StreamEvent::Finished`] or with one error that holds the
/// [ledger](Error::ledger); what fails before the first request is the first item.
///
/// # Cancel safety
/// Dropping it cancels the run: the call under way is recorded as cancelled, with the text that came
/// and its tokens.
#[must_use = "nothing runs unless the stream is polled"]
pub struct AgentStream<'a, T = Value> {
    run: Option<Run<'a, T>>,
    /// What the run gave, until all events before it are taken.
    end: Option<Result<Outcome<T>>>,
    events: Events,
    snapshots: Option<Snapshots>,
    /// Follows the piece that was given last.
    snapshot: Option<Value>,
}

/// Nothing of it is pinned in place.
impl<T> Unpin for AgentStream<'_, T> {}

impl<'a, T> AgentStream<'a, T> {
    fn new<R>(mut options: RunOptions<'a>, run: impl FnOnce(RunOptions<'a>) -> R) -> Self
    where
        R: Future<Output = Result<Outcome<T>>> + Send + 'a,
    {
        let events = Events::streamed();
        options.events = events.clone();
        Self {
            // It may be polled anywhere, and belongs where it was asked for.
            run: Some(Box::pin(run(options).in_current_span())),
            end: None,
            events,
            snapshots: Some(Snapshots::default()),
            snapshot: None,
        }
    }

    /// The same stream without [`StreamEvent::PartialJson`], for those who do not look at it.
    pub fn without_partial_json(mut self) -> Self {
        self.snapshots = None;
        self
    }

    /// The value of the current call's answer as far as it has come, after every piece; looking
    /// copies nothing. `None` before its first bracket, and
    /// [without partial JSON](Self::without_partial_json).
    pub fn partial_json(&mut self) -> Option<&Value> {
        self.snapshots.as_mut()?.json.value()
    }

    /// Runs to the end, and gives what [`AgentRunner::run`] gives.
    ///
    /// # Errors
    /// As [`AgentRunner::run`]; [`ErrorKind::Config`] when the stream was read to its end already.
    pub async fn outcome(self) -> Result<Outcome<T>> {
        let mut rest = self.without_partial_json();
        while let Some(event) = rest.next().await {
            if let StreamEvent::Finished(outcome) = event? {
                return Ok(*outcome);
            }
        }
        Err(Error::new(
            ErrorKind::Config,
            "the stream has given its outcome already",
        )
        .with_hint("take it from `StreamEvent::Finished`, or do not read to the end"))
    }

    fn next_event(&mut self) -> Option<Result<StreamEvent<T>>> {
        if let Some(value) = self.snapshot.take() {
            return Some(Ok(StreamEvent::PartialJson(value)));
        }
        if let Some(event) = self.events.take() {
            let event = event.of_run();
            if let Some(snapshots) = &mut self.snapshots {
                self.snapshot = snapshots.after(&event);
            }
            return Some(Ok(event));
        }
        let end = self.end.take()?;
        Some(end.map(|outcome| StreamEvent::Finished(Box::new(outcome))))
    }
}

impl<T> Stream for AgentStream<'_, T> {
    type Item = Result<StreamEvent<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(event) = this.next_event() {
            return Poll::Ready(Some(event));
        }
        // Taken out, so that a run that panics is not polled again.
        let Some(mut run) = this.run.take() else {
            return Poll::Ready(None);
        };
        match run.as_mut().poll(context) {
            Poll::Ready(end) => this.end = Some(end),
            Poll::Pending => this.run = Some(run),
        }
        match this.next_event() {
            Some(event) => Poll::Ready(Some(event)),
            None => Poll::Pending,
        }
    }
}

impl<T> FusedStream for AgentStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.run.is_none()
            && self.end.is_none()
            && self.snapshot.is_none()
            && self.events.is_empty()
    }
}

/// Debug says whether the run goes on, never what it told.
impl<T> fmt::Debug for AgentStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentStream")
            .field("is_running", &self.run.is_some())
            .finish_non_exhaustive()
    }
}

/// The value of the answer so far, and when it is worth showing.
#[derive(Debug, Default)]
struct Snapshots {
    json: PartialJson,
    bytes: usize,
    /// How many of the bytes came since the last snapshot.
    new_bytes: usize,
}

impl Snapshots {
    /// What is to be shown after `event`.
    fn after<T>(&mut self, event: &StreamEvent<T>) -> Option<Value> {
        let piece = match event {
            StreamEvent::TextDelta(piece) => piece,
            StreamEvent::CallStarted { .. } | StreamEvent::Restarted => {
                *self = Self::default();
                return None;
            }
            _ => return None,
        };
        self.json.push(piece);
        self.bytes += piece.len();
        self.new_bytes += piece.len();
        let due = self.json.is_complete() || self.new_bytes * SNAPSHOT_SHARE >= self.bytes;
        if !due || !self.json.take_change() {
            return None;
        }
        self.new_bytes = 0;
        self.json.value().cloned()
    }
}

impl AgentRunner {
    /// [`run`](Self::run) as a stream of what happens: text as it arrives, the answer's value so far,
    /// retries, repairs, and the outcome at the end. Runner and spec are copied into the stream, so
    /// it can be kept or sent anywhere.
    ///
    /// A provider that cannot stream tells its answer in one piece; the events are the same.
    ///
    /// ```
    /// use duologue::agent::StreamEvent;
    /// use duologue::prompt::PromptLibrary;
    /// use duologue::provider::{Reply, ScriptedProvider};
    /// use duologue::{AgentRunner, AgentSpec};
    /// use futures::StreamExt;
    /// use serde_json::json;
    ///
    /// # pollster::block_on(async {
    /// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).chunks_of(8)]);
    /// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan.")]);
    /// let runner = AgentRunner::new(provider, prompts);
    ///
    /// let mut shown = String::new();
    /// let mut events = runner.stream(&AgentSpec::new("planner", "planner", "gpt-5-mini"), ());
    /// while let Some(event) = events.next().await {
    ///     match event? {
    ///         StreamEvent::TextDelta(text) => shown.push_str(&text),
    ///         StreamEvent::CallStarted { .. } | StreamEvent::Restarted => shown.clear(),
    ///         StreamEvent::Finished(plan) => assert_eq!(plan.data["title"], "Tides"),
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(shown, r#"{"title":"Tides"}"#);
    /// # Ok::<(), duologue::Error>(())
    /// # })?;
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn stream(&self, spec: &AgentSpec, variables: impl Serialize) -> AgentStream<'static> {
        self.stream_with(spec, variables, RunOptions::new())
    }

    /// [`stream`](Self::stream) with options.
    pub fn stream_with<'a>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'a>,
    ) -> AgentStream<'a> {
        let (runner, spec) = (self.clone(), spec.clone());
        let variables = variables_of(variables, &spec.name);
        AgentStream::new(options, move |options| async move {
            runner.run_given(&spec, variables, options).await
        })
    }

    /// [`run_as`](Self::run_as) as a stream. The partial values are JSON, since half a `T` is none.
    pub fn stream_as<T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
    ) -> AgentStream<'static, T>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.stream_as_with(spec, variables, RunOptions::new())
    }

    /// [`stream_as`](Self::stream_as) with options.
    pub fn stream_as_with<'a, T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'a>,
    ) -> AgentStream<'a, T>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        let (runner, spec) = (self.clone(), spec.clone());
        let variables = variables_of(variables, &spec.name);
        AgentStream::new(options, move |options| async move {
            runner.run_as_given(&spec, variables, options).await
        })
    }
}
