//! Looking at the pipeline of a job without a request.

use serde_json::Value;

use super::plan::PipelinePlan;
use crate::agent::AgentRunner;
use crate::error::Result;
use crate::flow::pipeline::{Pipeline, Stage};
use crate::job::check::JobWarning;
use crate::job::load::{Job, JobAgent};

/// Whether the tools of a job are known before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Tools {
    Known,
    /// Their servers tell them when they run.
    ToldLater,
}

impl Job {
    /// What a run of the pipeline would find before its first request; agents that have nothing to do.
    pub(in crate::job) fn check_pipeline(
        &self,
        runner: &AgentRunner,
        tools: Tools,
    ) -> Result<Vec<JobWarning>> {
        let Some(plan) = &self.pipeline else {
            return Ok(Vec::new());
        };
        let mut pipeline = self.pipeline()?;
        if tools == Tools::ToldLater {
            pipeline = self.without_tools(plan)?;
        }
        pipeline
            .check(runner)
            .map_err(|error| error.within(&format!("`{}`", self.path.display())))?;
        plan.source()
            .check()
            .map_err(|error| error.within(&self.key("pipeline.documents")))?;
        let output = plan.output.as_ref();
        if let Some(directory) = output.and_then(|output| output.directory.as_ref()) {
            self.check_writable("pipeline.output.dir", directory)?;
        }
        Ok(self.idle_agents(plan))
    }

    /// The same stages and agents with nothing that asks for a tool.
    fn without_tools(&self, plan: &PipelinePlan) -> Result<Pipeline> {
        let mut agents: Vec<JobAgent> = self.agents.clone();
        for agent in &mut agents {
            agent.spec.tools.clear();
        }
        plan.build_with(&agents, |config, stage| match config.tool {
            Some(_) => Stage::function(&config.name, async |_| Ok(Value::Null)),
            None => stage,
        })
    }

    fn idle_agents(&self, plan: &PipelinePlan) -> Vec<JobWarning> {
        let works = |agent: &&JobAgent| {
            let name = Some(agent.spec.name.as_str());
            plan.stages
                .iter()
                .any(|stage| stage.agent.as_deref() == name)
        };
        let idle = self.agents.iter().filter(|agent| !works(agent));
        idle.map(|agent| JobWarning {
            agent: agent.spec.name.clone(),
            message: "no stage of the pipeline names it".to_owned(),
        })
        .collect()
    }
}
