//! [`AgentRunner`]: the way in.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::conversation::Conversation;
use super::outcome::Outcome;
use super::schema::{AnswerSchema, SchemaCache};
use super::spec::AgentSpec;
use super::turn::{Execution, Surroundings};
use crate::call_log::CallLog;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::prompt::PromptLibrary;
use crate::provider::{Limited, Provider, RetryPolicy, Retrying};

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
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) prompts: PromptLibrary,
    pub(super) log: CallLog,
    pub(super) clock: Arc<dyn Clock>,
    schemas: SchemaCache,
}

impl fmt::Debug for AgentRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRunner")
            .field("provider", &self.shared.provider)
            .field("log", &self.shared.log)
            .finish()
    }
}

/// What surrounds one run besides its agent and variables. All of it is optional.
#[derive(Debug, Default)]
#[must_use]
pub struct RunOptions<'a> {
    pub(super) iteration: u32,
    pub(super) deadline: Option<Duration>,
    pub(super) cancel: Option<CancellationToken>,
    pub(super) conversation: Option<&'a mut Conversation>,
    pub(super) parent_call_id: Option<String>,
    pub(super) job_id: Option<String>,
    pub(super) document_id: Option<String>,
}

impl<'a> RunOptions<'a> {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The round of a refinement loop, from 0; above 0 the pack's `user_refinement` is used.
    pub fn iteration(mut self, iteration: u32) -> Self {
        self.iteration = iteration;
        self
    }

    /// Longest time of this run; with a deadline in the spec as well, the shorter one holds.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the run when `token` is cancelled: the error is [`ErrorKind::Cancelled`] and holds the ledger.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Goes on with this conversation, and adds the turn to it when the run succeeds.
    pub fn conversation(mut self, conversation: &'a mut Conversation) -> Self {
        self.conversation = Some(conversation);
        self
    }

    /// The call that caused this run.
    pub fn parent_call(mut self, call_id: impl Into<String>) -> Self {
        self.parent_call_id = Some(call_id.into());
        self
    }

    /// The job that this run belongs to.
    pub fn job(mut self, job_id: impl Into<String>) -> Self {
        self.job_id = Some(job_id.into());
        self
    }

    /// The document that this run is about.
    pub fn document(mut self, document_id: impl Into<String>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }
}

impl AgentRunner {
    /// A runner without a call log, with the default [`RetryPolicy`].
    pub fn new(provider: impl Provider + 'static, prompts: impl Into<PromptLibrary>) -> Self {
        Self::builder(provider, prompts).build()
    }

    /// Starts building a runner; `prompts` is a library, or the path of its directory.
    pub fn builder(
        provider: impl Provider + 'static,
        prompts: impl Into<PromptLibrary>,
    ) -> AgentRunnerBuilder {
        AgentRunnerBuilder {
            provider: Arc::new(provider),
            prompts: prompts.into(),
            log: CallLog::off(),
            clock: Arc::new(SystemClock),
            retry: RetryPolicy::default(),
            max_in_flight: None,
        }
    }

    /// Runs `spec` once and gives its answer as JSON. `variables` is anything that serializes to a
    /// JSON object: a map, a struct, `json!({…})`, or `()` for none.
    ///
    /// # Errors
    /// Before any request: [`ErrorKind::Config`] for the spec or the variables, [`ErrorKind::Prompt`]
    /// for the pack or a missing variable, [`ErrorKind::Schema`] for the schema. After one: the kind
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
        let variables = to_map(variables, &spec.name)?;
        let schema = self.schema_of(spec)?;
        self.shared
            .execute(spec, schema, variables, options, &mut |_| Ok(()))
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
        let variables = to_map(variables, &spec.name)?;
        let schema = match &spec.response_schema {
            Some(_) => self.schema_of(spec)?,
            None => self.shared.schemas.of_type::<T>(&spec.name)?,
        };
        let typed = Mutex::new(None);
        let mut decode = |answer: &Value| {
            let value = T::deserialize(answer).map_err(|error| error.to_string())?;
            *typed.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
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
        futures::stream::iter(runs)
            .map(|(spec, variables)| self.run(spec, variables))
            .buffered(concurrency.max(1))
            .collect()
            .await
    }

    /// Looks at a spec without a request: its figures, its schema, its prompt pack.
    ///
    /// # Errors
    /// What [`run`](Self::run) would find before its first request, variables aside.
    pub fn check(&self, spec: &AgentSpec) -> Result<()> {
        spec.validate()?;
        self.schema_of(spec)?;
        self.shared.prompts.pack(&spec.prompt_pack)?;
        Ok(())
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

    fn schema_of(&self, spec: &AgentSpec) -> Result<Arc<AnswerSchema>> {
        match &spec.response_schema {
            Some(schema) => self.shared.schemas.of_value(schema, &spec.name),
            None => self.shared.schemas.of_value(&any_object(), &spec.name),
        }
    }
}

impl Shared {
    async fn execute(
        &self,
        spec: &AgentSpec,
        schema: Arc<AnswerSchema>,
        variables: Map<String, Value>,
        options: RunOptions<'_>,
        decode: &mut (dyn FnMut(&Value) -> std::result::Result<(), String> + Send),
    ) -> Result<Outcome<Value>> {
        let surroundings = Surroundings {
            provider: &*self.provider,
            prompts: &self.prompts,
            log: &self.log,
            clock: &*self.clock,
        };
        Execution::prepare(surroundings, spec, schema, variables, options)?
            .run(decode)
            .await
    }
}

fn any_object() -> Value {
    serde_json::json!({"type": "object"})
}

fn to_map(variables: impl Serialize, agent: &str) -> Result<Map<String, Value>> {
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

/// Builds an [`AgentRunner`].
#[derive(Debug)]
#[must_use]
pub struct AgentRunnerBuilder {
    provider: Arc<dyn Provider>,
    prompts: PromptLibrary,
    log: CallLog,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    max_in_flight: Option<usize>,
}

impl AgentRunnerBuilder {
    /// Where calls are recorded. Default: nowhere.
    pub fn logger(mut self, log: impl Into<CallLog>) -> Self {
        self.log = log.into();
        self
    }

    /// How failed attempts are repeated. Default: [`RetryPolicy::default`]; the runner is the one
    /// owner of retries, so give it a provider that does not retry itself.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Most requests on the wire at once. Default: no limit.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// Where ids and durations come from. Default: the system.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The runner.
    pub fn build(self) -> AgentRunner {
        let provider: Arc<dyn Provider> = match self.max_in_flight {
            Some(limit) => Arc::new(Retrying::new(
                Limited::new(self.provider, limit),
                self.retry,
            )),
            None => Arc::new(Retrying::new(self.provider, self.retry)),
        };
        AgentRunner {
            shared: Arc::new(Shared {
                provider,
                prompts: self.prompts,
                log: self.log.with_clock(self.clock.clone()),
                clock: self.clock,
                schemas: SchemaCache::default(),
            }),
        }
    }
}
