//! The async runner's methods, one line each.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AgentStream, block_on};
use crate::agent::{self, AgentSpec, Outcome, RunOptions};
use crate::call_log::CallLog;
use crate::error::Result;
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
    pub(super) inner: agent::AgentRunner,
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
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<Value>> {
        block_on(self.inner.run(spec, variables))?
    }

    /// As [`agent::AgentRunner::run_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
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
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run_as<T>(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        block_on(self.inner.run_as(spec, variables))?
    }

    /// As [`agent::AgentRunner::run_as_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
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
    /// [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime; each run has its own result.
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
