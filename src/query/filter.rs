//! Which calls a question is about.

use std::time::SystemTime;

use super::figures::Figures;
use crate::call_log::{Record, ToolRecord};
use crate::clock::rfc3339;

/// Which calls a question is about; the default is all of them.
///
/// ```
/// use duologue::query::Filter;
/// use std::time::{Duration, SystemTime};
///
/// let failed_judges = Filter::default()
///     .agent("judge")
///     .status("invalid")
///     .status("failed")
///     .since(SystemTime::now() - Duration::from_secs(3600));
/// assert!(!failed_judges.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    agents: Vec<String>,
    models: Vec<String>,
    statuses: Vec<String>,
    since: Option<String>,
}

impl Filter {
    /// Calls of this agent; more than one agent may be named.
    pub fn agent(mut self, name: impl Into<String>) -> Self {
        self.agents.push(name.into());
        self
    }

    /// Calls that asked for this model; more than one may be named.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.models.push(name.into());
        self
    }

    /// Calls of this status (`succeeded`, `invalid`, …, or `running`); more than one may be named.
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.statuses.push(status.into());
        self
    }

    /// Calls that began at this time or later.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(rfc3339(time));
        self
    }

    /// Whether every call passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `record` is one of those that are asked for.
    pub fn passes(&self, record: &Record) -> bool {
        let status = record.status.map_or("running", |status| status.as_str());
        self.passes_fields(&record.agent, &record.model, status, &record.started_at)
    }

    pub(super) fn passes_figures(&self, call: &Figures<'_>) -> bool {
        let status = call.status.map_or("running", |status| status.as_str());
        self.passes_fields(&call.agent, &call.model, status, &call.started_at)
    }

    /// Whether only the calls themselves tell whether their tool calls pass.
    pub(super) fn is_about_calls(&self) -> bool {
        !self.models.is_empty() || !self.statuses.is_empty()
    }

    /// Whether agent and time of a tool call pass.
    pub(super) fn passes_tool(&self, tool: &ToolRecord) -> bool {
        let model = self.models.first().map_or("", String::as_str);
        let status = self.statuses.first().map_or("", String::as_str);
        self.passes_fields(&tool.agent, model, status, &tool.started_at)
    }

    fn passes_fields(&self, agent: &str, model: &str, status: &str, started_at: &str) -> bool {
        let any = |wanted: &[String], found: &str| {
            wanted.is_empty() || wanted.iter().any(|name| name == found)
        };
        any(&self.agents, agent)
            && any(&self.models, model)
            && any(&self.statuses, status)
            && self
                .since
                .as_deref()
                .is_none_or(|since| started_at >= since)
    }
}
