//! The sync face: the same runner for code without async.
//!
//! A call polls the async runner on the caller's own thread; timers and connections live on one
//! background runtime that is started at first use. So it works from a plain thread, inside
//! `spawn_blocking`, on a worker of any runtime, and from a destructor; errors and panics arrive at
//! the caller. One limit: on a current-thread runtime the call keeps that runtime waiting, so
//! nothing that the call needs (a custom provider, say) may be a task there.

use std::future::Future;
use std::iter::FusedIterator;

use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agent::{self, AgentSpec, Outcome, RunOptions, StreamEvent};
use crate::background;
use crate::call_log::CallLog;
use crate::error::{Error, ErrorKind, Result};
use crate::prompt::PromptLibrary;
use crate::provider::Provider;

/// [`agent::AgentRunner`] without async: the same methods, results and records.
///
/// ```
/// use duologue::blocking::AgentRunner;
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::AgentSpec;
/// use serde_json::json;
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"}))]);
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan."), ("planner/user.tera", "Topic: {{ topic }}")]);
/// let runner = AgentRunner::new(provider, prompts);
///
/// let plan = runner.run(&AgentSpec::new("planner", "planner", "gpt-5-mini"), json!({"topic": "tides"}))?;
/// assert_eq!(plan.data["title"], "Tides");
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AgentRunner {
    inner: agent::AgentRunner,
}

/// An async runner as a blocking one; they share provider, prompts and log.
impl From<agent::AgentRunner> for AgentRunner {
    fn from(inner: agent::AgentRunner) -> Self {
        Self { inner }
    }
}

impl AgentRunner {
    /// As [`agent::AgentRunner::new`]. For more, build the async runner and convert it.
    pub fn new(provider: impl Provider + 'static, prompts: impl Into<PromptLibrary>) -> Self {
        agent::AgentRunner::new(provider, prompts).into()
    }

    /// As [`agent::AgentRunner::run`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`] on a thread of the background runtime.
    pub fn run(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<Value>> {
        block_on(self.inner.run(spec, variables))?
    }

    /// As [`agent::AgentRunner::run_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`] on a thread of the background runtime.
    pub fn run_with(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'_>,
    ) -> Result<Outcome<Value>> {
        block_on(self.inner.run_with(spec, variables, options))?
    }

    /// As [`agent::AgentRunner::run_as`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`] on a thread of the background runtime.
    pub fn run_as<T>(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        block_on(self.inner.run_as(spec, variables))?
    }

    /// As [`agent::AgentRunner::run_as_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`] on a thread of the background runtime.
    pub fn run_as_with<T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'_>,
    ) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        block_on(self.inner.run_as_with(spec, variables, options))?
    }

    /// As [`agent::AgentRunner::run_all`]: many at once from one sync call.
    ///
    /// # Errors
    /// [`ErrorKind::Reentrant`] on a thread of the background runtime; each run has its own result.
    pub fn run_all<'a, V: Serialize>(
        &self,
        runs: impl IntoIterator<Item = (&'a AgentSpec, V)>,
        concurrency: usize,
    ) -> Result<Vec<Result<Outcome<Value>>>> {
        block_on(self.inner.run_all(runs, concurrency))
    }

    /// As [`agent::AgentRunner::stream`]: an iterator of what happens, which runs while it is asked.
    pub fn stream(&self, spec: &AgentSpec, variables: impl Serialize) -> AgentStream<'static> {
        self.inner.stream(spec, variables).into()
    }

    /// As [`agent::AgentRunner::stream_with`].
    pub fn stream_with<'a>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'a>,
    ) -> AgentStream<'a> {
        self.inner.stream_with(spec, variables, options).into()
    }

    /// As [`agent::AgentRunner::stream_as`].
    pub fn stream_as<T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
    ) -> AgentStream<'static, T>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.inner.stream_as(spec, variables).into()
    }

    /// As [`agent::AgentRunner::stream_as_with`].
    pub fn stream_as_with<'a, T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'a>,
    ) -> AgentStream<'a, T>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.inner.stream_as_with(spec, variables, options).into()
    }

    /// As [`agent::AgentRunner::flush`].
    ///
    /// # Errors
    /// The same.
    pub fn flush(&self) -> Result<()> {
        self.inner.log().flush_blocking()
    }

    /// As [`agent::AgentRunner::log`].
    pub fn log(&self) -> &CallLog {
        self.inner.log()
    }
}

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
    /// The same, and [`ErrorKind::Reentrant`] on a thread of the background runtime.
    pub fn outcome(self) -> Result<Outcome<T>> {
        block_on(self.inner.outcome())?
    }
}

/// On a thread of the background runtime the item is an error of [`ErrorKind::Reentrant`], and the
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

/// Runs `future` to its end on this thread, with the background runtime around it.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    if background::is_background_thread() {
        return Err(Error::new(
            ErrorKind::Reentrant,
            "a blocking call was made on a thread of the background runtime, which it would keep waiting for itself",
        ));
    }
    let runtime = background::handle().map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot start the background runtime").with_source(error)
    })?;
    let _context = runtime.enter();
    // Without `unconstrained`, tokio's budget runs out after 128 ready operations and, since no
    // scheduler refills it here, nothing would ever be ready again.
    Ok(pollster::block_on(tokio::task::unconstrained(future)))
}
