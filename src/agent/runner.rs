//! [`AgentRunner`]: the way in.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use super::admission::{budget_of, check_price};
use super::budget::Budget;
use super::builder::AgentRunnerBuilder;
use super::execution::{Execution, Surroundings};
use super::hashes::PromptHashes;
use super::lifecycle::SlowAfter;
use super::options::RunOptions;
use super::outcome::Outcome;
use super::spans::open_execution;
use super::spec::AgentSpec;
use super::turn::select;
use super::verdict::Decoded;
use crate::call_log::CallLog;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::Lifecycle;
use crate::pricing::PriceTable;
use crate::prompt::PromptLibrary;
use crate::provider::Provider;
use crate::schema::{CompiledSchema, SchemaCache};
use crate::telemetry::TelemetryContent;
use crate::tool::ToolSet;

/// Runs agents. Cheap to clone; one runner serves any number of runs at once.
///
/// ```
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::{AgentRunner, AgentSpec};
/// use serde_json::json;
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides", "steps": []}))]);
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan."), ("planner/user.tera", "Topic: {{ topic }}")]);
/// let runner = AgentRunner::new(provider, prompts);
///
/// let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
/// let plan = pollster::block_on(runner.run(&planner, json!({"topic": "tides"})))?;
/// assert_eq!(plan.data["title"], "Tides");
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Clone)]
pub struct AgentRunner {
    pub(super) shared: Arc<Shared>,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) prompts: PromptLibrary,
    pub(super) log: CallLog,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) prices: PriceTable,
    pub(super) budget: Option<Budget>,
    pub(super) tools: ToolSet,
    pub(super) schemas: Arc<SchemaCache>,
    pub(super) hashes: Arc<PromptHashes>,
    pub(super) content: TelemetryContent,
    pub(super) lifecycle: Lifecycle,
    pub(super) slow_after: SlowAfter,
    pub(super) gate: Option<Arc<dyn AgentGate>>,
}

/// Asked before an agent begins: its error is that of the run.
#[async_trait]
pub(crate) trait AgentGate: Send + Sync {
    async fn admit(&self, agent: &str) -> Result<()>;
}

impl fmt::Debug for AgentRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRunner")
            .field("provider", &self.shared.provider)
            .field("log", &self.shared.log)
            .finish()
    }
}

impl AgentRunner {
    /// A runner without a call log, with the default [`RetryPolicy`](crate::provider::RetryPolicy).
    pub fn new(provider: impl Provider + 'static, prompts: impl Into<PromptLibrary>) -> Self {
        Self::builder(provider, prompts).build()
    }

    /// Starts building a runner; `prompts` is a library, or the path of its directory.
    pub fn builder(
        provider: impl Provider + 'static,
        prompts: impl Into<PromptLibrary>,
    ) -> AgentRunnerBuilder {
        AgentRunnerBuilder::new(Arc::new(provider), prompts.into())
    }

    /// Runs `spec` once and gives its answer as JSON. `variables` is anything that serializes to a
    /// JSON object: a map, a struct, `json!({…})`, or `()` for none.
    ///
    /// # Errors
    /// Before any request: [`ErrorKind::Config`] for the spec or the variables, [`ErrorKind::Prompt`]
    /// for the pack or a missing variable, [`ErrorKind::Schema`] for the schema,
    /// [`ErrorKind::BudgetExhausted`] for a budget that does not cover the call. After one: the kind
    /// of what happened, with the [ledger](Error::ledger) of every call.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time: the call under way is recorded as cancelled.
    pub async fn run(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<Value>> {
        self.run_with(spec, variables, RunOptions::new()).await
    }

    /// [`run`](Self::run) with options: iteration, deadline, cancellation, conversation, ids.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`ErrorKind::Config`] also when a oneshot agent is given a conversation.
    pub async fn run_with(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'_>,
    ) -> Result<Outcome<Value>> {
        let variables = variables_of(variables, &spec.name);
        self.run_given(spec, variables, options).await
    }

    pub(super) async fn run_given(
        &self,
        spec: &AgentSpec,
        variables: Result<Map<String, Value>>,
        options: RunOptions<'_>,
    ) -> Result<Outcome<Value>> {
        spec.validate()?;
        let variables = variables?;
        let schema = self.schema_of(spec)?;
        self.shared
            .execute(spec, schema, variables, options, &mut |_| Ok(Decoded::AsIs))
            .await
    }

    /// Runs `spec` once and gives its answer as a `T`. Without a `response_schema` in the spec, the
    /// schema of `T` is asked for. An answer that `T` does not accept is repaired like any other.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_as<T>(&self, spec: &AgentSpec, variables: impl Serialize) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.run_as_with(spec, variables, RunOptions::new()).await
    }

    /// [`run_as`](Self::run_as) with options.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with).
    pub async fn run_as_with<T>(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        options: RunOptions<'_>,
    ) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        let variables = variables_of(variables, &spec.name);
        self.run_as_given(spec, variables, options).await
    }

    pub(super) async fn run_as_given<T>(
        &self,
        spec: &AgentSpec,
        variables: Result<Map<String, Value>>,
        options: RunOptions<'_>,
    ) -> Result<Outcome<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        spec.validate()?;
        let variables = variables?;
        let schema = match &spec.response_schema {
            Some(_) => self.schema_of(spec)?,
            None => self.shared.schemas.of_type::<T>(&Whose(spec))?,
        };
        let typed = Mutex::new(None);
        let mut decode = |answer: &Value| {
            let value = T::deserialize(answer).map_err(|error| error.to_string())?;
            *typed.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(Decoded::Typed)
        };
        let outcome = self
            .shared
            .execute(spec, schema, variables, options, &mut decode)
            .await?;
        let value = typed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    "the typed answer is missing although the run succeeded",
                )
            })?;
        Ok(outcome.map(|_| value))
    }

    /// Runs many agents, at most `concurrency` at once (0 counts as 1); the results are in the
    /// order of `runs`. One that fails does not stop the others.
    pub async fn run_all<'a, V: Serialize>(
        &self,
        runs: impl IntoIterator<Item = (&'a AgentSpec, V)>,
        concurrency: usize,
    ) -> Vec<Result<Outcome<Value>>> {
        let mut waiting = runs.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut results = Vec::new();
        // Not a stream's `buffered`: it counts what waits for an earlier run as running, and its
        // future cannot be sent.
        loop {
            while running.len() < concurrency.max(1)
                && let Some((index, (spec, variables))) = waiting.next()
            {
                running.push(async move { (index, self.run(spec, variables).await) });
            }
            let Some(result) = running.next().await else {
                break;
            };
            results.push(result);
        }
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Looks at a spec without a request: its figures, its schema, its tools, its prompt pack, and that
    /// the price of its model is known where a budget needs it.
    ///
    /// # Errors
    /// What [`run`](Self::run) would find before its first request, variables aside.
    pub fn check(&self, spec: &AgentSpec) -> Result<()> {
        spec.validate()?;
        self.schema_of(spec)?;
        select(&self.shared.tools, spec)?;
        self.shared.prompts.pack(&spec.prompt_pack)?;
        let own = budget_of(spec);
        let budgets = own.iter().chain(&self.shared.budget);
        check_price(spec, budgets, &self.shared.prices)
    }

    /// Waits until every record so far is where it belongs; safe on any runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] with what was lost since the last flush.
    pub async fn flush(&self) -> Result<()> {
        self.shared.log.flush().await
    }

    /// The log that the runner's calls go to.
    pub fn log(&self) -> &CallLog {
        &self.shared.log
    }

    /// Who is told what happens in its runs.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.shared.lifecycle
    }

    /// The tools that its agents may have.
    pub fn tools(&self) -> &ToolSet {
        &self.shared.tools
    }

    /// The same runner, whose agents may have these tools in place of its own.
    pub fn with_tools(&self, tools: ToolSet) -> Self {
        Self {
            shared: Arc::new(Shared {
                tools,
                ..(*self.shared).clone()
            }),
        }
    }

    /// The same runner with these tools, where `gate` is asked before each agent.
    pub(crate) fn gated(&self, tools: ToolSet, gate: Arc<dyn AgentGate>) -> Self {
        Self {
            shared: Arc::new(Shared {
                tools,
                gate: Some(gate),
                ..(*self.shared).clone()
            }),
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(crate) fn prompts(&self) -> &PromptLibrary {
        &self.shared.prompts
    }

    pub(super) fn schema_of(&self, spec: &AgentSpec) -> Result<Arc<CompiledSchema>> {
        match &spec.response_schema {
            Some(schema) => self.shared.schemas.of_value(schema, &Whose(spec)),
            None => self.shared.schemas.of_value(&any_object(), &Whose(spec)),
        }
    }
}

impl Shared {
    async fn execute(
        &self,
        spec: &AgentSpec,
        schema: Arc<CompiledSchema>,
        variables: Map<String, Value>,
        options: RunOptions<'_>,
        decode: &mut (dyn FnMut(&Value) -> std::result::Result<Decoded, String> + Send),
    ) -> Result<Outcome<Value>> {
        let open = open_execution(spec, &*self.provider, &self.log, &options);
        let surroundings = Surroundings {
            provider: &*self.provider,
            prompts: &self.prompts,
            log: &self.log,
            clock: &self.clock,
            hashes: &self.hashes,
            span: &open,
            content: self.content,
            prices: &self.prices,
            budget: self.budget.as_ref(),
            tools: &self.tools,
            lifecycle: &self.lifecycle,
            slow_after: self.slow_after,
        };
        let result = async {
            if let Some(gate) = &self.gate {
                gate.admit(&spec.name).await?;
            }
            Execution::prepare(surroundings, spec, schema, variables, options)?
                .run(decode)
                .await
        }
        .instrument(open.span())
        .await;
        open.end(result.as_ref().err().map(Error::kind));
        result
    }
}

/// Whose schema an error speaks of.
struct Whose<'a>(&'a AgentSpec);

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response schema of agent `{}`", self.0.name)
    }
}

fn any_object() -> Value {
    serde_json::json!({"type": "object"})
}

pub(crate) fn variables_of(variables: impl Serialize, agent: &str) -> Result<Map<String, Value>> {
    let not_a_map = |found: &str| {
        Error::new(
            ErrorKind::Config,
            format!("the variables of agent `{agent}` are {found}"),
        )
        .with_hint("allowed: a JSON object, a map or a struct")
    };
    match serde_json::to_value(variables) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Array(_)) => Err(not_a_map("a list")),
        Ok(_) => Err(not_a_map("a single value")),
        Err(error) => Err(not_a_map("not representable as JSON").with_source(error)),
    }
}
