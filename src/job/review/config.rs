//! The keys of `review`, and the loop that they make.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{JobReview, KEY};
use crate::config;
use crate::cost::Cost;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::review::{Check, ReviewLoop, Rule, Severity};
use crate::job::file::not_allowed;
use crate::job::load::JobAgent;
use crate::text;

/// `review`: every input of the planner goes through a review loop. The judge gets drafts and has no
/// `inputs` of its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReviewConfig {
    /// The agent that makes drafts, by its name.
    pub planner: String,
    /// The agent that judges them, by its name.
    pub judge: String,
    /// Most drafts of an input. Default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub max_iterations: Option<u32>,
    /// A score from here up approves. Default 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub approve_at: Option<f64>,
    /// A score from here up is a soft fail, one below a hard one. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub soft_fail_at: Option<f64>,
    /// Most tokens of all rounds of an input. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub token_budget: Option<u64>,
    /// Most US dollars of all rounds of an input; the prices of both models must be known. Default: no
    /// limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub cost_budget_usd: Option<Cost>,
    /// Longest time of all rounds of an input. Default: no limit.
    #[serde(
        default,
        with = "config::duration",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "config::duration::schema")]
    pub deadline: Option<Duration>,
    /// Whether the first hard fail ends the loop. Default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_on_hard_fail: bool,
    /// Whether an input fails whose draft is not approved. Default `false`: the best draft is its answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_approval: bool,
    /// What is checked before the judge is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckConfig>,
}

/// A check of drafts: it has a `schema` or a `rule`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CheckConfig {
    /// A name that no other check has.
    pub name: String,
    /// A JSON Schema, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// A rule about one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// `error` sends the draft back without asking the judge, `warning` tells the judge. Default `error`.
    #[serde(default)]
    pub severity: Severity,
    /// What planner and judge are told. Default: what does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl ReviewConfig {
    /// The loop; the judge is no agent that runs by itself any more.
    pub(super) fn load(
        self,
        agents: &mut [JobAgent],
        base: &Path,
        origin: &str,
    ) -> Result<JobReview> {
        let planner = find(agents, "planner", &self.planner, origin)?;
        let judge = find(agents, "judge", &self.judge, origin)?;
        let mut builder =
            ReviewLoop::builder(agents[planner].spec.clone(), agents[judge].spec.clone());
        if let Some(drafts) = self.max_iterations {
            builder = builder.max_iterations(drafts);
        }
        if let Some(score) = self.approve_at {
            builder = builder.approve_at(score);
        }
        if let Some(score) = self.soft_fail_at {
            builder = builder.soft_fail_at(score);
        }
        if let Some(tokens) = self.token_budget {
            builder = builder.token_budget(tokens);
        }
        if let Some(cost) = self.cost_budget_usd {
            builder = builder.cost_budget_usd(cost.usd());
        }
        if let Some(deadline) = self.deadline {
            builder = builder.deadline(deadline);
        }
        if self.stop_on_hard_fail {
            builder = builder.stop_on_hard_fail();
        }
        for (index, check) in self.checks.into_iter().enumerate() {
            builder = builder.checked_by(check.load(index, base, origin)?);
        }
        let review = builder.build_at(origin, Some(KEY))?;
        leave_to_drafts(agents, judge, origin)?;
        Ok(JobReview {
            review,
            require_approval: self.require_approval,
        })
    }
}

fn find(agents: &[JobAgent], key: &str, name: &str, origin: &str) -> Result<usize> {
    let known = || agents.iter().map(|agent| agent.spec.name.as_str());
    known().position(|known| known == name).ok_or_else(|| {
        let message = format!("{origin}, key `{KEY}.{key}`: there is no agent `{name}`");
        let names: Vec<&str> = known().collect();
        Error::new(ErrorKind::Config, message).with_hint(text::did_you_mean(name, names))
    })
}

fn leave_to_drafts(agents: &mut [JobAgent], judge: usize, origin: &str) -> Result<()> {
    let inputs = &mut agents[judge].inputs;
    if *inputs != [Map::new()] {
        let message = format!("{origin}, key `agents[{judge}].inputs`: the judge has inputs");
        return Err(Error::new(ErrorKind::Config, message)
            .with_hint("take them out: the judge of a `review` gets the planner's drafts"));
    }
    inputs.clear();
    Ok(())
}

impl CheckConfig {
    fn load(self, index: usize, base: &Path, origin: &str) -> Result<Check> {
        let key = format!("{KEY}.checks[{index}]");
        let check = match (self.schema, self.rule) {
            (Some(Value::String(path)), None) => {
                let schema = config::read_value(&config::tidy(&base.join(path)));
                let place = format!("{origin}, key `{key}.schema`");
                Check::schema(self.name, schema.map_err(|error| error.within(&place))?)
            }
            (Some(schema @ (Value::Object(_) | Value::Bool(_))), None) => {
                Check::schema(self.name, schema)
            }
            (Some(other), None) => {
                let allowed = "a JSON Schema, or the path of one";
                return Err(not_allowed(
                    origin,
                    &format!("{key}.schema"),
                    &other,
                    allowed,
                ));
            }
            (None, Some(rule)) => Check::rule(self.name, rule),
            (schema, _) => {
                let found = if schema.is_some() { "both" } else { "neither" };
                let message = format!("{origin}, key `{key}`: {found} of `schema` and `rule`");
                return Err(Error::new(ErrorKind::Config, message)
                    .with_hint("allowed: one of them for each check"));
            }
        };
        let check = check.severity(self.severity);
        Ok(match self.message {
            Some(message) => check.message(message),
            None => check,
        })
    }
}
