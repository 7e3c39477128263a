//! Which calls a question is about.

use std::time::SystemTime;

use super::figures::Figures;
use crate::call_log::{CallStatus, Record, ToolRecord};
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
    documents: Vec<String>,
    stages: Vec<String>,
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

    /// Calls made for this document; more than one may be named.
    pub fn document(mut self, id: impl Into<String>) -> Self {
        self.documents.push(id.into());
        self
    }

    /// Calls made in this stage of a flow; more than one may be named.
    pub fn stage(mut self, name: impl Into<String>) -> Self {
        self.stages.push(name.into());
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
        self.passes_fields(&Fields {
            agent: &record.agent,
            model: &record.model,
            status: record.status,
            document: record.document_id.as_deref(),
            stage: record.stage.as_deref(),
            started_at: &record.started_at,
        })
    }

    pub(super) fn passes_figures(&self, call: &Figures<'_>) -> bool {
        self.passes_fields(&Fields {
            agent: &call.agent,
            model: &call.model,
            status: call.status,
            document: call.document_id.as_deref(),
            stage: call.stage.as_deref(),
            started_at: &call.started_at,
        })
    }

    /// Whether only the calls themselves tell whether their tool calls pass.
    pub(super) fn is_about_calls(&self) -> bool {
        let of_calls = [&self.models, &self.statuses, &self.documents, &self.stages];
        of_calls.iter().any(|wanted| !wanted.is_empty())
    }

    /// Whether agent and time of a tool call pass.
    pub(super) fn passes_tool(&self, tool: &ToolRecord) -> bool {
        is_any(&self.agents, &*tool.agent) && self.passes_time(&tool.started_at)
    }

    fn passes_fields(&self, call: &Fields<'_>) -> bool {
        let status = call.status.map_or("running", CallStatus::as_str);
        is_any(&self.agents, call.agent)
            && is_any(&self.models, call.model)
            && is_any(&self.statuses, status)
            && is_any(&self.documents, call.document)
            && is_any(&self.stages, call.stage)
            && self.passes_time(call.started_at)
    }

    fn passes_time(&self, started_at: &str) -> bool {
        let since = self.since.as_deref();
        since.is_none_or(|since| started_at >= since)
    }
}

/// What of a call a filter looks at.
struct Fields<'a> {
    agent: &'a str,
    model: &'a str,
    status: Option<CallStatus>,
    document: Option<&'a str>,
    stage: Option<&'a str>,
    started_at: &'a str,
}

/// Whether `found` is one of those that are wanted; nothing wanted is all of them.
fn is_any<'a>(wanted: &[String], found: impl Into<Option<&'a str>>) -> bool {
    let found = found.into();
    wanted.is_empty() || wanted.iter().any(|name| Some(name.as_str()) == found)
}
