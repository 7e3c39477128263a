//! From a job file to a [`Job`]: overrides, relative paths, schemas, inputs, environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::environment::read_environment;
use super::file::{JobBudget, JobFile, ProviderConfig, not_allowed};
use super::pipeline::{PipelinePlan, Surroundings};
use super::provider;
use super::review::{self, JobReview};
use super::tools::{self, Asked};
use crate::agent::{AgentRunner, AgentSpec};
use crate::call_log::{CallLog, LlmLogging, LoggerConfig, create_llm_logger, run_directory};
use crate::clock::{SystemClock, new_run_id};
use crate::config;
use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::Lifecycle;
use crate::pricing::PriceTable;
use crate::tool::PermissionRule;
use crate::tool::mcp::McpServerConfig;

/// What a caller changes in a job file.
#[derive(Debug, Clone, Default)]
pub struct JobOverrides {
    /// Values by dotted key: `agents.0.model=gpt-5`, `provider.max_retries=0`. A value is read as
    /// JSON where it is JSON, else as text.
    pub set: Vec<String>,
    /// Replaces `output_dir`; relative to the working directory.
    pub output_dir: Option<PathBuf>,
    /// Replaces `run_id`.
    pub run_id: Option<String>,
    /// Most runs of the whole job, or most documents of its pipeline; the others are left out.
    pub limit: Option<usize>,
}

/// A job, ready to be checked and run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Job {
    /// The file it came from.
    pub path: PathBuf,
    /// The run's id.
    pub run_id: String,
    /// Where runs are kept.
    pub output_dir: PathBuf,
    /// The directory of prompt packs.
    pub prompts: PathBuf,
    /// Most agents running at once.
    pub concurrency: usize,
    /// What models cost: the bundled prices, and the job's own over them.
    pub prices: PriceTable,
    /// What all runs together may spend.
    pub budget: Option<JobBudget>,
    /// The agents and their inputs.
    pub agents: Vec<JobAgent>,
    /// The call log's settings, as the file has them.
    pub llm_logging: LlmLogging,
    /// The MCP servers whose tools the agents have.
    pub mcp_servers: BTreeMap<String, McpServerConfig>,
    /// Which tools may run.
    pub permissions: Vec<PermissionRule>,
    pub(super) review: Option<JobReview>,
    pub(super) pipeline: Option<PipelinePlan>,
    pub(super) has_run_id: bool,
    pub(super) lifecycle: Lifecycle,
    pub(super) asked: Asked,
    pub(super) provider: ProviderConfig,
    pub(super) base: PathBuf,
    pub(super) environment: Environment,
    pub(super) limited: bool,
}

/// One agent of a job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobAgent {
    /// The agent, its schema read in.
    pub spec: AgentSpec,
    /// The variables of each run; none in a job with a pipeline, whose documents decide what runs.
    pub inputs: Vec<Map<String, Value>>,
}

impl Job {
    /// Reads a job file and everything that it names but the prompts.
    ///
    /// ```
    /// use duologue::job::{Job, JobOverrides};
    ///
    /// let job = Job::load("examples/jobs/quickstart.yaml", &JobOverrides::default())?;
    /// assert_eq!(job.agents[0].spec.name, "planner");
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the file, the key, its value and what is allowed.
    pub fn load(path: impl AsRef<Path>, overrides: &JobOverrides) -> Result<Self> {
        let path = &config::tidy(path.as_ref());
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let origin = format!("`{}`", path.display());
        let mut value = config::read_value(path)?;
        for assignment in &overrides.set {
            config::set(&mut value, assignment)?;
        }
        let file: JobFile = config::from_value(value.clone(), &origin)?;
        check_file(&file, &origin)?;
        refuse_concurrency(&value, &origin)?;
        let prices = read_prices(file.prices.as_deref(), &base, &origin)?;
        let provider = ProviderConfig::read(file.provider, &origin)?;
        provider::check(&provider, &origin, "provider")?;
        let environment = read_environment(&base)?;
        let mut agents: Vec<JobAgent> = Vec::with_capacity(file.agents.len());
        for (index, entry) in file.agents.into_iter().enumerate() {
            let place = format!("agents[{index}]");
            if file.pipeline.is_some() {
                refuse_inputs(&entry, &origin, &place)?;
            }
            let agent = load_agent(entry, &base, &origin, &place)?;
            check_name_is_new(&agents, &agent, &origin)?;
            agents.push(agent);
        }
        let review = review::load(file.review, &mut agents, &base, &origin)?;
        let surroundings = Surroundings {
            path,
            base: &base,
            origin: &origin,
            agents: &agents,
            config: value,
        };
        let mut pipeline = PipelinePlan::read(file.pipeline, file.limits, surroundings)?;
        if let Some(pipeline) = &mut pipeline {
            pipeline.limit = overrides.limit.map(|limit| limit as u64);
            for agent in &mut agents {
                agent.inputs.clear();
            }
        }
        let limited = limit_runs(&mut agents, overrides.limit);
        let run_id = overrides.run_id.clone().or(file.run_id);
        let job = Self {
            path: path.to_owned(),
            has_run_id: run_id.is_some(),
            run_id: run_id.unwrap_or_else(|| new_run_id(&SystemClock)),
            output_dir: overrides
                .output_dir
                .clone()
                .unwrap_or_else(|| config::tidy(&base.join(file.output_dir))),
            prompts: config::tidy(&base.join(file.prompts)),
            concurrency: file.concurrency,
            prices,
            budget: file.budget,
            agents,
            llm_logging: file.agent.llm_logging,
            mcp_servers: file.mcp_servers,
            permissions: file.permissions,
            review,
            pipeline,
            lifecycle: Lifecycle::off(),
            asked: Asked::default(),
            provider,
            environment,
            base,
            limited,
        };
        if job.run_id.trim().is_empty() {
            let allowed = "a name; leave the key out for a new id";
            return Err(not_allowed(&origin, "run_id", &Value::Null, allowed));
        }
        Ok(job)
    }

    /// The same job, which tells `lifecycle` what happens while it runs. Default: nobody.
    pub fn telling(mut self, lifecycle: Lifecycle) -> Self {
        self.lifecycle = lifecycle;
        self
    }

    /// Opens the job's call log, environment included.
    ///
    /// # Errors
    /// As [`create_llm_logger`].
    pub fn create_logger(&self) -> Result<CallLog> {
        create_llm_logger(&LoggerConfig {
            output_dir: self.output_dir.clone(),
            run_id: Some(self.run_id.clone()),
            llm_logging: self.llm_logging.clone(),
            environment: self.environment.clone(),
        })
    }

    /// A runner with the job's provider, prompts and call log.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] for a missing key, [`ErrorKind::Config`] and [`ErrorKind::Log`] for the rest.
    pub fn runner(&self) -> Result<AgentRunner> {
        let answering = self.answering()?;
        Ok(answering.runner(self.create_logger()?))
    }

    /// The directory of the run, as its log has it.
    pub(super) fn directory(&self) -> Result<PathBuf> {
        let sanitizer = self.llm_logging.sanitize.to_sanitizer()?;
        let run_id = sanitizer.clean(&self.run_id);
        Ok(run_directory(&self.output_dir, &run_id))
    }

    /// The place of `key`, for errors.
    pub(super) fn key(&self, key: &str) -> String {
        format!("`{}`, key `{key}`", self.path.display())
    }
}

fn check_file(file: &JobFile, origin: &str) -> Result<()> {
    if file.review.is_some() && file.pipeline.is_some() {
        let message = format!("{origin}, key `review`: goes without `pipeline`");
        return Err(Error::new(ErrorKind::Config, message).with_hint(
            "take one of them out; a pipeline reviews by a stage with `approve_by` and `rework`",
        ));
    }
    if file.concurrency == 0 {
        return Err(not_allowed(origin, "concurrency", &0.into(), "1 or more"));
    }
    if file.agents.is_empty() {
        let empty = Value::Array(Vec::new());
        return Err(not_allowed(origin, "agents", &empty, "at least one agent"));
    }
    tools::check(&file.mcp_servers, &file.permissions, origin)?;
    match &file.budget {
        Some(budget) => budget.check(origin),
        None => Ok(()),
    }
}

/// Documents are what runs at once in a pipeline.
fn refuse_concurrency(file: &Value, origin: &str) -> Result<()> {
    let has = |key: &str| file.get(key).is_some_and(|value| !value.is_null());
    if !has("pipeline") || !has("concurrency") {
        return Ok(());
    }
    let message = format!("{origin}, key `concurrency`: stands beside `pipeline`");
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("`limits.documents` says how many documents are under way at once"))
}

/// The bundled prices, and over them those of the file that `prices` names.
fn read_prices(path: Option<&Path>, base: &Path, origin: &str) -> Result<PriceTable> {
    let bundled = PriceTable::bundled();
    let Some(path) = path else {
        return Ok(bundled);
    };
    let own = PriceTable::from_file(config::tidy(&base.join(path)))
        .map_err(|error| error.within(&format!("{origin}, key `prices`")))?;
    Ok(bundled.merged(&own))
}

/// Results are told apart by agent and index, so two agents must not share a name.
fn check_name_is_new(agents: &[JobAgent], agent: &JobAgent, origin: &str) -> Result<()> {
    let name = &agent.spec.name;
    let Some(first) = agents.iter().position(|known| known.spec.name == *name) else {
        return Ok(());
    };
    let place = format!("agents[{}].name", agents.len());
    let message = format!("{origin}, key `{place}`: is `{name}`, the name of agents[{first}]");
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("allowed: a name of its own; one agent takes many inputs through `inputs`"))
}

/// Documents are the inputs of a pipeline.
fn refuse_inputs(entry: &Value, origin: &str, place: &str) -> Result<()> {
    if entry.get("inputs").is_none_or(Value::is_null) {
        return Ok(());
    }
    let message = format!("{origin}, key `{place}.inputs`: stands beside `pipeline`");
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("the agents of a pipeline work on its `documents`"))
}

fn load_agent(mut entry: Value, base: &Path, origin: &str, place: &str) -> Result<JobAgent> {
    let at = |key: &str| format!("{origin}, key `{place}.{key}`");
    let inputs = entry
        .as_object_mut()
        .and_then(|entry| entry.shift_remove("inputs"));
    let mut spec: AgentSpec = config::from_value_beside(entry, origin, place, &["inputs"])?;
    spec.resolve_schema(base)
        .map_err(|error| error.within(&at("response_schema")))?;
    spec.validate_at(origin, place)?;
    let inputs = match inputs {
        None | Some(Value::Null) => vec![Map::new()],
        Some(Value::String(path)) => config::read_objects(&config::tidy(&base.join(path)))
            .map_err(|error| error.within(&at("inputs")))?,
        Some(other) => {
            let key = format!("{place}.inputs");
            let allowed = "the path of a JSONL file";
            return Err(not_allowed(origin, &key, &other, allowed));
        }
    };
    Ok(JobAgent { spec, inputs })
}

/// Leaves only the first `limit` runs; tells whether any were left out.
fn limit_runs(agents: &mut [JobAgent], limit: Option<usize>) -> bool {
    let Some(mut left) = limit else {
        return false;
    };
    let mut cut = false;
    for agent in agents {
        cut |= agent.inputs.len() > left;
        agent.inputs.truncate(left);
        left -= agent.inputs.len();
    }
    cut
}
