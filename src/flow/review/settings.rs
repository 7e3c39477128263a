//! A review loop as it is put together, and what is wrong with one.

use std::time::Duration;

use serde_json::Value;

use super::check::{Check, ReadyCheck};
use super::issue::Issue;
use super::problem::{Problem, figure};
use super::verdict::{SCORES, Thresholds};
use crate::agent::{AgentSpec, Budget, BudgetNames};
use crate::cost::{Cost, Decimal};
use crate::error::Result;

/// Most drafts of a loop.
const MOST_ITERATIONS: u32 = 10;

/// A planner and a judge, round after round. See the [module](super).
#[derive(Debug, Clone)]
pub struct ReviewLoop {
    pub(super) planner: AgentSpec,
    pub(super) judge: AgentSpec,
    pub(super) checks: Vec<ReadyCheck>,
    pub(super) max_iterations: u32,
    pub(super) thresholds: Thresholds,
    pub(super) token_budget: Option<u64>,
    pub(super) cost_budget: Option<Cost>,
    pub(super) deadline: Option<Duration>,
    pub(super) on_hard_fail: OnHardFail,
}

/// What a hard fail does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnHardFail {
    GoOn,
    Stop,
}

impl ReviewLoop {
    /// The `stage` of the planner's records and events.
    pub const PLAN: &str = "plan";
    /// The `stage` of the judge's records and events.
    pub const JUDGE: &str = "judge";

    /// Starts a loop: `planner` makes drafts, `judge` says what they are worth. A judge without a
    /// `response_schema` is asked for `score`, `verdict`, `issues`, `strengths` and `feedback`; one with
    /// a schema of its own must give a `score` or a `verdict`, and may give the rest. It knows the planner's
    /// variables too, where it has none of the same name.
    pub fn builder(planner: AgentSpec, judge: AgentSpec) -> ReviewLoopBuilder {
        ReviewLoopBuilder {
            planner,
            judge,
            checks: Vec::new(),
            max_iterations: 3,
            thresholds: Thresholds {
                approve_at: 7.0,
                soft_fail_at: 5.0,
            },
            token_budget: None,
            cost_budget: None,
            deadline: None,
            on_hard_fail: OnHardFail::GoOn,
        }
    }

    /// The agent that makes drafts.
    pub fn planner(&self) -> &AgentSpec {
        &self.planner
    }

    /// The agent that judges them.
    pub fn judge(&self) -> &AgentSpec {
        &self.judge
    }

    /// The budget of one run of the loop, of which nothing is spent.
    pub(super) fn budget(&self) -> Option<Budget> {
        if self.token_budget.is_none() && self.cost_budget.is_none() {
            return None;
        }
        let mut budget = Budget::new().named(BudgetNames {
            tokens: "the review's `token_budget`",
            cost: "the review's `cost_budget_usd`",
        });
        if let Some(tokens) = self.token_budget {
            budget = budget.tokens(tokens);
        }
        if let Some(cost) = self.cost_budget {
            budget = budget.cost_usd(cost.usd());
        }
        Some(budget)
    }
}

/// Builds a [`ReviewLoop`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ReviewLoopBuilder {
    planner: AgentSpec,
    judge: AgentSpec,
    checks: Vec<Check>,
    max_iterations: u32,
    thresholds: Thresholds,
    token_budget: Option<u64>,
    cost_budget: Option<Cost>,
    deadline: Option<Duration>,
    on_hard_fail: OnHardFail,
}

impl ReviewLoopBuilder {
    /// Looks at every draft before the judge does; see [`Check::function`].
    pub fn check(
        self,
        name: impl Into<String>,
        check: impl Fn(&Value) -> Vec<Issue> + Send + Sync + 'static,
    ) -> Self {
        self.checked_by(Check::function(name, check))
    }

    /// Looks at every draft before the judge does: it should fit this JSON Schema.
    pub fn check_schema(self, name: impl Into<String>, schema: Value) -> Self {
        self.checked_by(Check::schema(name, schema))
    }

    /// One more check. They run in their order, all of them.
    pub fn checked_by(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Most drafts, the first one included: 1 to 10. Default 3.
    pub fn max_iterations(mut self, drafts: u32) -> Self {
        self.max_iterations = drafts;
        self
    }

    /// A score from here up approves: 0 to 10. Default 7.
    pub fn approve_at(mut self, score: f64) -> Self {
        self.thresholds.approve_at = score;
        self
    }

    /// A score from here up is a soft fail, one below a hard one: 0 to `approve_at`. Default 5.
    pub fn soft_fail_at(mut self, score: f64) -> Self {
        self.thresholds.soft_fail_at = score;
        self
    }

    /// Most tokens of all rounds together, as [`Budget`] counts them. Default: no limit.
    pub fn token_budget(mut self, tokens: u64) -> Self {
        self.token_budget = Some(tokens);
        self
    }

    /// Most US dollars of all rounds together; the prices of both models must be known. Default: no limit.
    pub fn cost_budget_usd(mut self, dollars: Decimal) -> Self {
        self.cost_budget = Some(Cost::from_usd(dollars));
        self
    }

    /// Longest time of all rounds together. Default: no limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the loop at the first hard fail. Default: it goes on, and the planner starts again.
    pub fn stop_on_hard_fail(mut self) -> Self {
        self.on_hard_fail = OnHardFail::Stop;
        self
    }

    /// The loop.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the setting, its value and what is allowed;
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for
    /// the schema of a check.
    pub fn build(self) -> Result<ReviewLoop> {
        self.build_at("a review loop", None)
    }

    /// [`build`](Self::build) for a loop whose settings stand below `key` of the file `origin`.
    pub(crate) fn build_at(self, origin: &str, key: Option<&str>) -> Result<ReviewLoop> {
        self.planner.validate()?;
        self.judge.validate()?;
        if self.planner.name == self.judge.name {
            let name = Value::from(self.judge.name);
            let problem = Problem::new("judge", name, "another agent than the planner");
            return Err(problem.error(origin, key));
        }
        self.assemble()
            .map_err(|problem| problem.error(origin, key))
    }

    fn assemble(self) -> Result<ReviewLoop, Problem> {
        self.check_figures()?;
        let mut checks: Vec<ReadyCheck> = Vec::with_capacity(self.checks.len());
        let mut names: Vec<String> = Vec::with_capacity(self.checks.len());
        for (index, check) in self.checks.into_iter().enumerate() {
            let place = format!("checks[{index}]");
            let name = check.name().to_owned();
            if name.trim().is_empty() || names.contains(&name) {
                let problem = Problem::new("name", name, "a name that no other check has");
                return Err(problem.below(&place));
            }
            names.push(name);
            checks.push(check.ready().map_err(|problem| problem.below(&place))?);
        }
        Ok(ReviewLoop {
            planner: self.planner,
            judge: self.judge,
            checks,
            max_iterations: self.max_iterations,
            thresholds: self.thresholds,
            token_budget: self.token_budget,
            cost_budget: self.cost_budget,
            deadline: self.deadline,
            on_hard_fail: self.on_hard_fail,
        })
    }

    fn check_figures(&self) -> Result<(), Problem> {
        let Thresholds {
            approve_at,
            soft_fail_at,
        } = self.thresholds;
        if !(1..=MOST_ITERATIONS).contains(&self.max_iterations) {
            let allowed = format!("1 to {MOST_ITERATIONS}");
            return Err(Problem::new("max_iterations", self.max_iterations, allowed));
        }
        if !SCORES.contains(&approve_at) {
            return Err(Problem::new("approve_at", figure(approve_at), "0 to 10"));
        }
        if !(0.0..=approve_at).contains(&soft_fail_at) {
            let allowed = format!("0 to `approve_at`, which is {approve_at}");
            return Err(Problem::new("soft_fail_at", figure(soft_fail_at), allowed));
        }
        if self.token_budget == Some(0) {
            return Err(Problem::new("token_budget", 0, "1 or more"));
        }
        if let Some(cost) = self.cost_budget.filter(|cost| *cost <= Cost::ZERO) {
            let cost = figure(cost.usd());
            return Err(Problem::new("cost_budget_usd", cost, "more than 0"));
        }
        Ok(())
    }
}
