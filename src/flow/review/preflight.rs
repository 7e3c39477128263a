//! What can be known of a review loop before its first request.

use serde_json::{Map, Value};

use super::settings::ReviewLoop;
use super::variables::{OF_JUDGE, OF_PLANNER, TELLING};
use crate::agent::{AgentRunner, AgentSpec};
use crate::error::{Error, ErrorKind, Result};

impl ReviewLoop {
    /// Looks at the loop without a request: both agents as [`AgentRunner::check`] does, their prompt
    /// packs with these variables in the first round and in later ones, and that the judge's pack shows
    /// the draft. A run begins with it.
    ///
    /// # Errors
    /// What would make a run fail, with the kind that the run would give it.
    pub fn check(&self, runner: &AgentRunner, variables: &Map<String, Value>) -> Result<()> {
        for spec in [&self.planner, &self.judge] {
            let mut spec = spec.clone();
            // The loop's dollars need the prices of both.
            spec.cost_budget_usd = spec.cost_budget_usd.or(self.cost_budget);
            runner.check(&spec)?;
        }
        self.check_packs(runner, variables)
    }

    fn check_packs(&self, runner: &AgentRunner, variables: &Map<String, Value>) -> Result<()> {
        check_variables(runner, &self.planner, variables, &[], 0)?;
        if self.max_iterations > 1 {
            check_variables(runner, &self.planner, variables, &OF_PLANNER, 1)?;
        }
        let judge = &self.judge;
        let pack = runner.prompts().pack(&judge.prompt_pack)?;
        if !pack.may_use("draft") {
            let message = format!(
                "prompt pack `{}` does not mention `draft`: the judge would not see what it judges",
                judge.prompt_pack
            );
            return Err(Error::new(ErrorKind::Prompt, message)
                .with_hint("write `{{ draft }}` where the draft is to stand"));
        }
        let known = self.known_to_judge(variables);
        check_variables(runner, judge, &known, &OF_JUDGE, 0)?;
        check_variables(runner, judge, &known, &OF_JUDGE, 1)
    }

    /// Whether the planner's pack shows what was wrong with its last draft.
    pub(crate) fn tells_the_planner(&self, runner: &AgentRunner) -> Result<bool> {
        let pack = runner.prompts().pack(&self.planner.prompt_pack)?;
        let told = TELLING.iter().any(|name| pack.may_use(name));
        Ok(told || self.max_iterations == 1)
    }

    /// Whether the judge's pack may show `variable`.
    pub(crate) fn judge_may_use(&self, runner: &AgentRunner, variable: &str) -> Result<bool> {
        let pack = runner.prompts().pack(&self.judge.prompt_pack)?;
        Ok(pack.may_use(variable))
    }
}

fn check_variables(
    runner: &AgentRunner,
    spec: &AgentSpec,
    variables: &Map<String, Value>,
    of_loop: &[&str],
    iteration: u32,
) -> Result<()> {
    let defaults = spec.default_variables.keys();
    let given = defaults.chain(variables.keys()).map(String::as_str);
    let given = given.chain(of_loop.iter().copied());
    let pack = runner.prompts().pack(&spec.prompt_pack)?;
    let report = pack.check(given.chain(["response_schema"]), iteration);
    match report.into_result() {
        Ok(_) => Ok(()),
        Err(error) if iteration > 0 => {
            Err(error.within(&format!("agent `{}`, from its second round on", spec.name)))
        }
        Err(error) => Err(error.within(&format!("agent `{}`", spec.name))),
    }
}
