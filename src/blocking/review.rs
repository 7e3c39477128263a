//! The review loop's methods, one line each.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{AgentRunner, block_on};
use crate::error::Result;
use crate::flow::review::{self, ReviewOptions, ReviewOutcome};

/// [`review::ReviewLoop`] without async: the same rounds, outcomes and records.
///
/// ```
/// use duologue::blocking::{AgentRunner, ReviewLoop};
/// use duologue::flow::review;
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::AgentSpec;
/// use serde_json::json;
///
/// let prompts = PromptLibrary::in_memory([
///     ("planner/system.tera", "Plan. {{ feedback | default(value='') }}"),
///     ("judge/system.tera", "Judge: {{ draft.title }}"),
/// ]);
/// let provider = ScriptedProvider::new([
///     Reply::json(json!({"title": "Tides"})),
///     Reply::json(json!({"score": 9, "feedback": "Good."})),
/// ]);
/// let runner = AgentRunner::new(provider, prompts);
///
/// let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
/// let judge = AgentSpec::new("judge", "judge", "gpt-5");
/// let review = ReviewLoop::from(review::ReviewLoop::builder(planner, judge).build()?);
/// assert!(review.run(&runner, ())?.is_approved());
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReviewLoop {
    inner: review::ReviewLoop,
}

impl From<review::ReviewLoop> for ReviewLoop {
    fn from(inner: review::ReviewLoop) -> Self {
        Self { inner }
    }
}

impl ReviewLoop {
    /// As [`review::ReviewLoop::run`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run(&self, runner: &AgentRunner, variables: impl Serialize) -> Result<ReviewOutcome> {
        block_on(self.inner.run(&runner.inner, variables))?
    }

    /// As [`review::ReviewLoop::run_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run_with(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
        options: ReviewOptions,
    ) -> Result<ReviewOutcome> {
        block_on(self.inner.run_with(&runner.inner, variables, options))?
    }

    /// As [`review::ReviewLoop::run_as`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run_as<T>(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
    ) -> Result<ReviewOutcome<T>>
    where
        T: DeserializeOwned + JsonSchema,
    {
        block_on(self.inner.run_as(&runner.inner, variables))?
    }

    /// As [`review::ReviewLoop::run_as_with`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run_as_with<T>(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
        options: ReviewOptions,
    ) -> Result<ReviewOutcome<T>>
    where
        T: DeserializeOwned + JsonSchema,
    {
        block_on(self.inner.run_as_with(&runner.inner, variables, options))?
    }
}
