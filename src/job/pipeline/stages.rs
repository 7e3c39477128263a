//! What can be wrong with a stage of a job file.

use serde_json::Value;

use super::config::StageConfig;
use super::parts::wrong;
use super::plan::Surroundings;
use crate::error::{Error, Result};
use crate::job::file::not_allowed;
use crate::text;

/// One stage beside the others, and beside the agents.
pub(super) struct StageCheck<'a> {
    pub(super) index: usize,
    pub(super) stage: &'a StageConfig,
    pub(super) stages: &'a [StageConfig],
    pub(super) job: &'a Surroundings<'a>,
}

impl StageCheck<'_> {
    pub(super) fn check(&self) -> Result<()> {
        self.check_name()?;
        self.check_work()?;
        self.check_ways()
    }

    fn check_name(&self) -> Result<()> {
        let name = &self.stage.name;
        if name.trim().is_empty() {
            return Err(self.not_allowed("name", &Value::Null, "a name of its own"));
        }
        let before = &self.stages[..self.index];
        match before.iter().position(|stage| stage.name == *name) {
            Some(first) => Err(self
                .wrong("name", &format!("is `{name}`, the name of stages[{first}]"))
                .with_hint("allowed: a name of its own")),
            None => Ok(()),
        }
    }

    fn check_work(&self) -> Result<()> {
        let StageConfig {
            agent,
            tool,
            arguments,
            ..
        } = self.stage;
        match (agent, tool) {
            (Some(_), Some(_)) => Err(self
                .wrong("tool", "stands beside `agent`")
                .with_hint("a stage has one of the two")),
            (None, None) => Err(self
                .wrong("", "has neither `agent` nor `tool`")
                .with_hint("give one of the two")),
            (Some(agent), None) => {
                let agents = self.job.agents.iter();
                self.one_of("agent", agent, agents.map(|agent| &*agent.spec.name))?;
                match arguments {
                    Some(_) => Err(self
                        .wrong("arguments", "goes with `tool` alone")
                        .with_hint("agents have `variables`")),
                    None => Ok(()),
                }
            }
            (None, Some(tool)) if tool.trim().is_empty() => {
                Err(self.not_allowed("tool", &Value::Null, "the name of a tool"))
            }
            (None, Some(_)) => match arguments {
                Some(value) if !value.is_object() => {
                    Err(self.not_allowed("arguments", value, "a mapping"))
                }
                _ => Ok(()),
            },
        }
    }

    fn check_ways(&self) -> Result<()> {
        let stages = || self.stages.iter().map(|stage| &*stage.name);
        if let Some(then) = &self.stage.then {
            self.one_of("then", then, stages())?;
        }
        for (value, target) in &self.stage.routes {
            self.one_of(&format!("routes.{value}"), target, stages())?;
        }
        match (&self.stage.route_by, self.stage.routes.is_empty()) {
            (Some(_), true) => {
                let empty = Value::Null;
                return Err(self.not_allowed("routes", &empty, "a stage for each value"));
            }
            (None, false) => {
                return Err(self
                    .wrong("routes", "goes with `route_by` alone")
                    .with_hint("name the key of the answer that says where the document goes"));
            }
            _ => {}
        }
        let Some(rework) = &self.stage.rework else {
            return Ok(());
        };
        if self.stage.approve_by.is_none() {
            return Err(self
                .wrong("rework", "goes with `approve_by` alone")
                .with_hint(
                    "name the key of the answer that says whether the document is approved",
                ));
        }
        if rework.max_cycles == 0 {
            let allowed = "1 or more; leave `rework` out for none";
            return Err(self.not_allowed("rework.max_cycles", &0.into(), allowed));
        }
        let targets = ["same", "router"].into_iter().chain(stages());
        self.one_of("rework.target", &rework.target, targets)
    }

    fn one_of<'n>(
        &self,
        key: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<()> {
        if known.clone().any(|known| known == name) {
            return Ok(());
        }
        Err(self
            .wrong(key, &format!("is `{name}`"))
            .with_hint(text::did_you_mean(name, known)))
    }

    fn key(&self, key: &str) -> String {
        let stage = format!("pipeline.stages[{}]", self.index);
        match key {
            "" => stage,
            key => format!("{stage}.{key}"),
        }
    }

    fn wrong(&self, key: &str, problem: &str) -> Error {
        wrong(self.job.origin, &self.key(key), problem)
    }

    fn not_allowed(&self, key: &str, value: &Value, allowed: &str) -> Error {
        not_allowed(self.job.origin, &self.key(key), value, allowed)
    }
}
