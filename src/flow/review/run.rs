//! The ways to run a review loop.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::options::ReviewOptions;
use super::outcome::ReviewOutcome;
use super::rounds::Rounds;
use super::settings::ReviewLoop;
use crate::agent::{AgentRunner, variables_of};
use crate::error::Result;
use crate::schema::schema_of;

impl ReviewLoop {
    /// Runs the loop once. `variables` are those of the planner's prompts and of the judge's, as for
    /// [`AgentRunner::run`].
    ///
    /// # Errors
    /// What [`check`](Self::check) finds, before any request. After that only when there is no draft at
    /// all: the planner's error, or that of the limit that came first. Whatever ends the loop later
    /// is in the outcome.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time: the call under way is recorded as cancelled. To keep the best
    /// draft, cancel by [`ReviewOptions::cancel_on`].
    pub async fn run(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
    ) -> Result<ReviewOutcome> {
        self.run_with(runner, variables, ReviewOptions::new()).await
    }

    /// [`run`](Self::run) with options: deadline, cancellation, budgets, ids.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_with(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
        options: ReviewOptions,
    ) -> Result<ReviewOutcome> {
        let variables = variables_of(variables, &self.planner.name);
        self.run_given(runner, variables?, options).await
    }

    /// Runs the loop once and gives the best draft as a `T`. Without a `response_schema` of the planner,
    /// the schema of `T` is asked for.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`ErrorKind::InvalidAnswer`](crate::ErrorKind::InvalidAnswer) when `T` does not accept what its schema allows.
    pub async fn run_as<T>(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
    ) -> Result<ReviewOutcome<T>>
    where
        T: DeserializeOwned + JsonSchema,
    {
        self.run_as_with(runner, variables, ReviewOptions::new())
            .await
    }

    /// [`run_as`](Self::run_as) with options.
    ///
    /// # Errors
    /// As [`run_as`](Self::run_as).
    pub async fn run_as_with<T>(
        &self,
        runner: &AgentRunner,
        variables: impl Serialize,
        options: ReviewOptions,
    ) -> Result<ReviewOutcome<T>>
    where
        T: DeserializeOwned + JsonSchema,
    {
        let variables = variables_of(variables, &self.planner.name)?;
        let mut review = self.clone();
        let schema = &mut review.planner.response_schema;
        schema.get_or_insert_with(|| schema_of::<T>());
        review.run_given(runner, variables, options).await?.typed()
    }

    async fn run_given(
        &self,
        runner: &AgentRunner,
        variables: Map<String, Value>,
        options: ReviewOptions,
    ) -> Result<ReviewOutcome> {
        self.check(runner, &variables)?;
        Rounds::new(self, runner, variables, options).run().await
    }
}
