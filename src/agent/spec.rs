//! What an agent is: plain data that loads from a file and travels in a message.

use std::path::Path;
use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::AgentMode;
use crate::config;
use crate::cost::{Cost, Decimal};
use crate::error::{Error, ErrorKind, Result};

/// An agent: its prompts, its model, and what its answers must look like.
///
/// ```
/// use duologue::AgentSpec;
///
/// let spec: AgentSpec = serde_json::from_str(
///     r#"{"name": "planner", "prompt_pack": "planner", "model": "gpt-5-mini", "deadline": "90s"}"#,
/// )?;
/// assert_eq!(spec.max_schema_repair_attempts, 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = allow_short_name)]
#[non_exhaustive]
pub struct AgentSpec {
    /// The name that stands in records and file names.
    pub name: String,
    /// The directory of prompts, below the base of the prompt library.
    pub prompt_pack: String,
    /// The model, as its provider names it.
    pub model: String,
    /// Whether a conversation carries state from run to run. Default `oneshot`.
    #[serde(default)]
    pub mode: AgentMode,
    /// Sampling temperature, `0..=2`. Default: the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: Option<f64>,
    /// Most tokens of one answer. Default: the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// When an answer was cut at `max_output_tokens`: ask once more with this limit.
    /// Default: do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens_on_truncation: Option<u32>,
    /// The JSON Schema of the answers; in a file also the path of one. Default: any JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<Value>,
    /// How often a bad answer goes back to the model. Default 2; 0 switches repairs off.
    #[serde(default = "default_repairs")]
    pub max_schema_repair_attempts: u32,
    /// Variables of the prompts; those of a run win over them.
    #[serde(default, alias = "variables", skip_serializing_if = "Map::is_empty")]
    pub default_variables: Map<String, Value>,
    /// Most tokens of a run, prompts and answers together: reserved before each call, settled after
    /// it, as `agent::Budget` tells. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub token_budget: Option<u64>,
    /// Most US dollars of a run, in the same way; the model's price must be known. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub cost_budget_usd: Option<Cost>,
    /// Longest time of a run: waits, retries, backoff and repairs included. Default: no limit.
    #[serde(
        default,
        with = "config::duration",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "config::duration::schema")]
    pub deadline: Option<Duration>,
    /// The tools that the model may call: names, in which `*` stands for any characters. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Most answers of a run that ask for tools. Default 10.
    #[serde(default = "default_turns", skip_serializing_if = "are_default_turns")]
    #[schemars(range(min = 1))]
    pub max_turns: u32,
    /// Further parameters, passed to the provider verbatim.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

fn default_repairs() -> u32 {
    2
}

fn default_turns() -> u32 {
    10
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn are_default_turns(turns: &u32) -> bool {
    *turns == default_turns()
}

impl AgentSpec {
    /// An agent with the defaults for all else.
    pub fn new(
        name: impl Into<String>,
        prompt_pack: impl Into<String>,
        model: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            prompt_pack: prompt_pack.into(),
            model: model.into(),
            mode: AgentMode::default(),
            temperature: None,
            max_output_tokens: None,
            max_output_tokens_on_truncation: None,
            response_schema: None,
            max_schema_repair_attempts: default_repairs(),
            default_variables: Map::new(),
            token_budget: None,
            cost_budget_usd: None,
            deadline: None,
            tools: Vec::new(),
            max_turns: default_turns(),
            extra: Map::new(),
        }
    }

    /// Reads a spec from a YAML or JSON file; a `response_schema` that is a string is the path of a
    /// schema, relative to the file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the file, the key and what is allowed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut spec: Self =
            config::from_value(config::read_value(path)?, &format!("`{}`", path.display()))?;
        spec.resolve_schema(path.parent().unwrap_or(Path::new(".")))?;
        spec.validate()?;
        Ok(spec)
    }

    /// Replaces a schema that is a path by the schema that it leads to.
    pub(crate) fn resolve_schema(&mut self, base: &Path) -> Result<()> {
        if let Some(Value::String(path)) = &self.response_schema {
            let path = config::tidy(&base.join(path));
            self.response_schema = Some(config::read_value(&path)?);
        }
        Ok(())
    }

    /// The same agent with a response schema.
    pub fn with_response_schema(mut self, schema: Value) -> Self {
        self.response_schema = Some(schema);
        self
    }

    /// The same agent in another mode.
    pub fn with_mode(mut self, mode: AgentMode) -> Self {
        self.mode = mode;
        self
    }

    /// The same agent with this many repairs.
    pub fn with_max_schema_repair_attempts(mut self, attempts: u32) -> Self {
        self.max_schema_repair_attempts = attempts;
        self
    }

    /// The same agent with a default variable.
    pub fn with_default_variable(
        mut self,
        name: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        self.default_variables.insert(name.into(), value.into());
        self
    }

    /// The same agent with a deadline for each run.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same agent with a token budget for each run.
    pub fn with_token_budget(mut self, tokens: u64) -> Self {
        self.token_budget = Some(tokens);
        self
    }

    /// The same agent with a budget in US dollars for each run.
    pub fn with_cost_budget_usd(mut self, dollars: Decimal) -> Self {
        self.cost_budget_usd = Some(Cost::from_usd(dollars));
        self
    }

    /// The same agent with the tools whose names fit one of these patterns, in which `*` stands for
    /// any characters.
    pub fn with_tools<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.tools.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// The same agent with at most so many answers of a run that ask for tools.
    pub fn with_max_turns(mut self, turns: u32) -> Self {
        self.max_turns = turns;
        self
    }

    /// Looks at every figure.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the agent, the key, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.check_figures().map_err(|problem| {
            let Problem { key, value, .. } = &problem;
            let message = format!("agent `{}`: `{key}` is {value}", self.name);
            problem.error(message)
        })
    }

    /// [`validate`](Self::validate) for an agent that stands in a file under `key`.
    pub(crate) fn validate_at(&self, origin: &str, place: &str) -> Result<()> {
        self.check_figures().map_err(|problem| {
            let Problem { key, value, .. } = &problem;
            let message = format!("{origin}, key `{place}.{key}`: is {value}");
            problem.error(message)
        })
    }

    fn check_figures(&self) -> std::result::Result<(), Problem> {
        for (key, value) in [
            ("name", &self.name),
            ("prompt_pack", &self.prompt_pack),
            ("model", &self.model),
        ] {
            if value.trim().is_empty() {
                return Err(Problem::new(key, "empty", "a name"));
            }
        }
        if let Some(temperature) = self.temperature
            && !(0.0..=2.0).contains(&temperature)
        {
            return Err(Problem::new("temperature", temperature, "0 to 2"));
        }
        for (key, limit) in [
            ("max_output_tokens", self.max_output_tokens.map(u64::from)),
            (
                "max_output_tokens_on_truncation",
                self.max_output_tokens_on_truncation.map(u64::from),
            ),
            ("token_budget", self.token_budget),
            ("max_turns", Some(self.max_turns.into())),
        ] {
            if limit == Some(0) {
                return Err(Problem::new(key, 0, "1 or more"));
            }
        }
        if let Some(budget) = self.cost_budget_usd
            && budget <= Cost::ZERO
        {
            return Err(Problem::new("cost_budget_usd", budget.usd(), "more than 0"));
        }
        match &self.response_schema {
            None | Some(Value::Object(_) | Value::Bool(_)) => Ok(()),
            Some(other) => Err(Problem::new(
                "response_schema",
                other,
                "a JSON Schema, or in a file its path",
            )),
        }
    }
}

/// A figure that is not allowed.
struct Problem {
    key: &'static str,
    value: String,
    allowed: &'static str,
}

impl Problem {
    fn new(key: &'static str, value: impl std::fmt::Display, allowed: &'static str) -> Self {
        Self {
            key,
            value: value.to_string(),
            allowed,
        }
    }

    fn error(&self, message: String) -> Error {
        Error::new(ErrorKind::Config, message).with_hint(format!("allowed: {}", self.allowed))
    }
}

/// `variables`, the short name that job files use.
fn allow_short_name(schema: &mut Schema) {
    let properties = schema
        .get_mut("properties")
        .and_then(serde_json::Value::as_object_mut);
    if let Some(properties) = properties
        && let Some(variables) = properties.get("default_variables").cloned()
    {
        properties.insert("variables".to_owned(), variables);
    }
}
