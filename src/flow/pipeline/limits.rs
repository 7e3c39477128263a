//! How much of a pipeline runs at once.

use std::collections::BTreeMap;

/// How much of a pipeline runs at once. A stage begins when its model and its agent both have room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most documents under way. Default 8.
    pub documents: usize,
    /// Most stages at once by model. Default: no limit.
    pub models: BTreeMap<String, usize>,
    /// Most stages at once by agent. Default: no limit.
    pub agents: BTreeMap<String, usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            documents: 8,
            models: BTreeMap::new(),
            agents: BTreeMap::new(),
        }
    }
}

impl Limits {
    /// At most so many documents under way.
    pub fn documents(mut self, documents: usize) -> Self {
        self.documents = documents;
        self
    }

    /// At most so many stages at once with this model.
    pub fn model(mut self, model: impl Into<String>, stages: usize) -> Self {
        self.models.insert(model.into(), stages);
        self
    }

    /// At most so many stages at once with this agent.
    pub fn agent(mut self, agent: impl Into<String>, stages: usize) -> Self {
        self.agents.insert(agent.into(), stages);
        self
    }
}
