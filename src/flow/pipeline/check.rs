//! What is wrong with a pipeline, as far as it can be known before its first request.

use super::arguments::Arguments;
use super::journey::VARIABLES;
use super::settings::Pipeline;
use super::stage::{Stage, Work};
use crate::agent::AgentRunner;
use crate::error::Result;

impl Pipeline {
    /// Looks at everything that can be known before the first request: the agents, their tools, that
    /// their packs have all variables that they need, in the first round and in rework, and that the
    /// tools of stages exist. [`run`](Self::run) does so as well.
    ///
    /// # Errors
    /// What [`AgentRunner::check`] finds, and [`ErrorKind::Prompt`](crate::ErrorKind::Prompt) for a
    /// variable that no stage has, naming the stage, the file and the line.
    pub fn check(&self, runner: &AgentRunner) -> Result<()> {
        let has_rework = self.stages.iter().any(|stage| stage.rework.is_some());
        let rounds = if has_rework { 0..=1 } else { 0..=0 };
        for stage in &self.stages {
            for round in rounds.clone() {
                let place = || format!("pipeline `{}`, stage `{}`", self.name, stage.name);
                check_stage(stage, runner, round).map_err(|error| error.within(&place()))?;
            }
        }
        Ok(())
    }
}

fn check_stage(stage: &Stage, runner: &AgentRunner, round: u32) -> Result<()> {
    match &stage.work {
        Work::Agent(spec) => runner.check_with(spec, &VARIABLES, round),
        Work::Tool { tool, arguments } => {
            runner.check_tool(tool)?;
            Arguments::compile(arguments)?.check(&VARIABLES)
        }
        Work::Function(_) => Ok(()),
    }
}
