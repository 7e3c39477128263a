//! The job file as it is written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fallback::FallbackConfig;
use super::http_config::{AnthropicConfig, AzureConfig, HttpConfig, OpenAiConfig};
use super::pipeline::{LimitsConfig, PipelineConfig};
use super::review::ReviewConfig;
use crate::agent::{AgentSpec, Budget, BudgetNames};
use crate::call_log::LlmLogging;
use crate::config;
use crate::cost::Cost;
use crate::error::{Error, ErrorKind, Result};
use crate::replay::ReplayMode;
use crate::tool::PermissionRule;
use crate::tool::mcp::McpServerConfig;

/// A job file, key by key. Its JSON Schema is `schemas/job.schema.json`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JobFile {
    /// The JSON Schema of this file, for editors; ignored.
    #[serde(default, rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The run's id and directory name. A run that exists is continued; one that a pipeline has begun
    /// only with `--resume`. Default: `run_YYYYmmdd_HHMMSS_xxxxxx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Where runs are kept. Default `artifacts`.
    #[serde(default = "default_output_dir")]
    pub output_dir: PathBuf,
    /// The directory of prompt packs. Default `prompts`.
    #[serde(default = "default_prompts")]
    pub prompts: PathBuf,
    /// A file of prices (`duologue.prices/1`) that win over the bundled ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<PathBuf>,
    /// What all runs of the job together may spend. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<JobBudget>,
    /// Who answers.
    #[schemars(with = "ProviderConfig")]
    pub provider: Value,
    /// Settings for all agents.
    #[serde(default)]
    pub agent: AgentDefaults,
    /// Most agents running at once; in a job with a `pipeline`, `limits` has its place. Default 8.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1))]
    pub concurrency: usize,
    /// MCP servers by name; their tools are called `name__tool`. They run as long as the job does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_servers: BTreeMap<String, McpServerConfig>,
    /// Which tools may run; the first rule that fits wins. Default: the command asks about those that
    /// act on the world, and all else runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionRule>,
    /// A review loop: which agent makes drafts, which one judges them. Default: every agent runs by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewConfig>,
    /// The agents, at least one.
    #[schemars(with = "Vec<AgentEntry>", length(min = 1))]
    pub agents: Vec<Value>,
    /// Documents that the agents work on, stage by stage; `duologue pipeline` runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<PipelineConfig>,
    /// How much of the pipeline runs at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsConfig>,
}

/// Settings for all agents of a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentDefaults {
    /// The call log.
    pub llm_logging: LlmLogging,
}

/// What all runs of a job together may spend: reserved before each call, settled after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
#[non_exhaustive]
pub struct JobBudget {
    /// Most tokens, prompts and answers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// Most US dollars; the price of every model must be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub cost_usd: Option<Cost>,
}

impl JobBudget {
    pub(super) fn check(&self, origin: &str) -> Result<()> {
        if self.tokens == Some(0) {
            return Err(not_allowed(origin, "budget.tokens", &0.into(), "1 or more"));
        }
        if let Some(cost) = self.cost_usd
            && cost <= Cost::ZERO
        {
            let cost = serde_json::json!(cost);
            return Err(not_allowed(origin, "budget.cost_usd", &cost, "more than 0"));
        }
        if self.tokens.is_none() && self.cost_usd.is_none() {
            let allowed = "`tokens`, `cost_usd` or both";
            return Err(not_allowed(origin, "budget", &Value::Null, allowed));
        }
        Ok(())
    }

    /// A budget of which nothing is spent.
    pub(super) fn open(self) -> Budget {
        let mut budget = Budget::new().named(BudgetNames {
            tokens: "the job's `budget.tokens`",
            cost: "the job's `budget.cost_usd`",
        });
        if let Some(tokens) = self.tokens {
            budget = budget.tokens(tokens);
        }
        if let Some(cost) = self.cost_usd {
            budget = budget.cost_usd(cost.usd());
        }
        budget
    }
}

/// One agent of a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct AgentEntry {
    /// The agent.
    #[serde(flatten)]
    pub spec: AgentSpec,
    /// A JSONL file: one run per line, whose object holds variables. For a conversational agent the
    /// lines are the turns of one conversation. Default: one run without further variables.
    pub inputs: Option<PathBuf>,
}

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProviderConfig {
    /// An endpoint that speaks OpenAI's chat completions.
    OpenAi(OpenAiConfig),
    /// Anthropic's Messages API.
    Anthropic(AnthropicConfig),
    /// `OpenAI`'s models, served by Azure.
    Azure(AzureConfig),
    /// Gemini's `generateContent`.
    Gemini(HttpConfig),
    /// Ollama's own API; without a key, at `http://127.0.0.1:11434` by default.
    Ollama(HttpConfig),
    /// Replies from a file, in order; no request leaves.
    Scripted(ScriptedConfig),
    /// The records of an earlier run; no request leaves, unless it falls through.
    Replay(ReplayConfig),
    /// Several providers: the next one is asked when one fails.
    Fallback(FallbackConfig),
}

const KINDS: &str =
    "`openai`, `anthropic`, `azure`, `gemini`, `ollama`, `scripted`, `replay`, `fallback`";

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    OpenAi,
    Anthropic,
    Azure,
    Gemini,
    Ollama,
    Scripted,
    Replay,
    Fallback,
}

impl ProviderConfig {
    /// What `provider` holds. Not by serde's tags: their errors do not say which key is wrong.
    pub(super) fn read(value: Value, origin: &str) -> Result<Self> {
        Self::read_at(value, origin, "provider")
    }

    /// What `key` of the file holds.
    pub(super) fn read_at(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        let kind = match value.as_object_mut() {
            Some(provider) => provider.shift_remove("kind"),
            None => {
                return Err(not_allowed(origin, key, &value, "a mapping with `kind`"));
            }
        };
        let Some(kind) = kind else {
            let message = format!("{origin}: key `{key}.kind` is missing");
            return Err(
                Error::new(ErrorKind::Config, message).with_hint(format!("allowed: {KINDS}"))
            );
        };
        match config::from_value_at(kind, origin, &format!("{key}.kind"))? {
            Kind::OpenAi => OpenAiConfig::read(value, origin, key).map(Self::OpenAi),
            Kind::Anthropic => AnthropicConfig::read(value, origin, key).map(Self::Anthropic),
            Kind::Gemini => config::from_value_at(value, origin, key).map(Self::Gemini),
            Kind::Azure => AzureConfig::read(value, origin, key).map(Self::Azure),
            Kind::Ollama => config::from_value_at(value, origin, key).map(Self::Ollama),
            Kind::Scripted => config::from_value_at(value, origin, key).map(Self::Scripted),
            Kind::Replay => ReplayConfig::read(value, origin, key).map(Self::Replay),
            Kind::Fallback => FallbackConfig::read(value, origin, key).map(Self::Fallback),
        }
    }

    /// The model that it is asked for in a fallback.
    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Self::OpenAi(config) => config.http.model.as_deref(),
            Self::Gemini(config) | Self::Ollama(config) => config.model.as_deref(),
            Self::Anthropic(config) => config.http.model.as_deref(),
            Self::Azure(config) => config.http.model.as_deref(),
            Self::Scripted(config) => config.model.as_deref(),
            Self::Replay(_) | Self::Fallback(_) => None,
        }
    }
}

/// The error for a value of a job file that is not allowed.
pub(super) fn not_allowed(origin: &str, key: &str, value: &Value, allowed: &str) -> Error {
    config::not_allowed(&format!("{origin}, key `{key}`"), value, allowed)
}

/// `kind: scripted`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ScriptedConfig {
    /// The reply file.
    pub replies: PathBuf,
    /// How often a failed attempt is repeated. Default 3.
    #[serde(default)]
    pub max_retries: Option<u32>,
    /// In a fallback: the model that it is asked for. Default: the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// `kind: replay`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplayConfig {
    /// The directory of the run that answers: `{output_dir}/{run_id}`.
    pub from: PathBuf,
    /// What happens to a request that no record answers. Default `strict`: it fails.
    #[serde(default)]
    pub mode: ReplayMode,
    /// Who answers it in mode `fall_through`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<ProviderConfig>>,
    /// Whether answers are replayed in which the sanitizer replaced something. Default `false`.
    #[serde(default)]
    pub allow_redacted: bool,
}

impl ReplayConfig {
    fn read(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        let fallback = value
            .as_object_mut()
            .and_then(|replay| replay.shift_remove("fallback"))
            .filter(|fallback| !fallback.is_null());
        let mut config: Self = config::from_value_beside(value, origin, key, &["fallback"])?;
        config.fallback = match fallback {
            Some(fallback) => {
                let key = format!("{key}.fallback");
                let fallback = ProviderConfig::read_at(fallback, origin, &key)?;
                Some(Box::new(fallback))
            }
            None => None,
        };
        Ok(config)
    }
}

/// Debug leaves the provider out: its headers may hold what nobody should read.
impl fmt::Debug for JobFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobFile")
            .field("run_id", &self.run_id)
            .field("output_dir", &self.output_dir)
            .field("prompts", &self.prompts)
            .field("prices", &self.prices)
            .field("budget", &self.budget)
            .field("agent", &self.agent)
            .field("concurrency", &self.concurrency)
            .field("mcp_servers", &self.mcp_servers)
            .field("permissions", &self.permissions)
            .field("review", &self.review)
            .field("agents", &self.agents.len())
            .field("pipeline", &self.pipeline)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn default_output_dir() -> PathBuf {
    "artifacts".into()
}

fn default_prompts() -> PathBuf {
    "prompts".into()
}

fn default_concurrency() -> usize {
    8
}
