//! The summary of a run, kept as running totals: its size does not grow with the calls.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::{CallStatus, Record};
use crate::chat::Usage;
use crate::cost::{self, Cost};
use crate::error::ErrorKind;
use crate::text::counted;

/// How many errors a summary shows.
const MAX_ERRORS: usize = 10;

/// How a run went, judged by its executions.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RunStatus {
    /// Every execution ended with a valid answer.
    #[default]
    Succeeded,
    /// None did.
    Failed,
    /// Some did.
    Partial,
    /// Calls are under way.
    Running,
}

/// The document `summary.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Summary {
    /// `duologue.summary/1`: name and version of this format.
    pub schema: String,
    /// The run.
    pub run_id: String,
    /// When the summary was written: RFC 3339, UTC.
    pub updated_at: String,
    /// How the executions ended.
    pub status: RunStatus,
    /// Executions that ended (one agent answering once, repairs included).
    pub executions: u64,
    /// Executions without a valid answer.
    pub failed_executions: u64,
    /// Highest iteration seen, plus one.
    pub iterations: u32,
    /// Calls that ended.
    pub calls: u64,
    /// Calls by status.
    pub calls_by_status: BTreeMap<String, u64>,
    /// Calls that have begun and not ended.
    pub calls_in_flight: u64,
    /// Requests on the wire.
    pub transport_attempts: u64,
    /// Answers that did not fit and went back to the model.
    pub repairs: u64,
    /// Tokens of all calls.
    pub usage: Usage,
    /// Calls whose usage the provider did not report; `usage` lacks theirs.
    pub calls_without_usage: u64,
    /// What all calls cost, in US dollars; absent when no cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Calls whose cost is not known; `cost_usd` lacks theirs.
    pub calls_without_cost: u64,
    /// Durations of all calls added up, in milliseconds; calls side by side count each.
    pub duration_ms: u64,
    /// The same figures by agent.
    pub agents: Vec<AgentTotals>,
    /// The first ten errors.
    pub errors: Vec<ErrorLine>,
    /// The log's level.
    pub log_level: String,
    /// The format of the call files.
    pub format: String,
    /// What could not be written; absent when nothing was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<Losses>,
}

/// The figures of one agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct AgentTotals {
    /// The agent's name.
    pub name: String,
    /// Executions that ended.
    pub executions: u64,
    /// Executions without a valid answer.
    pub failed_executions: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Answers that did not fit and went back to the model.
    pub repairs: u64,
    /// Tokens of all calls.
    pub usage: Usage,
    /// What all calls cost, in US dollars; absent when no cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Durations of all calls added up, in milliseconds.
    pub duration_ms: u64,
    /// `duration_ms` per call.
    pub mean_duration_ms: u64,
}

/// One error, as the summary shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErrorLine {
    /// The call.
    pub call_id: String,
    /// The agent.
    pub agent: String,
    /// The failure's kind.
    pub kind: ErrorKind,
    /// One line about it; empty at level minimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What a log could not write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Losses {
    /// Journal events that could not be written: these are gone.
    pub journal_events: u64,
    /// Call files that could not be written; their records are in the journal.
    pub call_files: u64,
    /// The first reason.
    pub first_error: String,
}

impl Losses {
    pub(crate) fn of_event(error: String) -> Self {
        Self {
            journal_events: 1,
            first_error: error,
            ..Self::default()
        }
    }

    pub(crate) fn of_call_file(error: String) -> Self {
        Self {
            call_files: 1,
            first_error: error,
            ..Self::default()
        }
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.journal_events == 0 && self.call_files == 0 && self.first_error.is_empty()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.journal_events = self.journal_events.saturating_add(other.journal_events);
        self.call_files = self.call_files.saturating_add(other.call_files);
        if self.first_error.is_empty() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: u64, what| counted(usize::try_from(count).unwrap_or(usize::MAX), what);
        write!(
            f,
            "{} and {} could not be written: {}",
            count(self.journal_events, "journal event"),
            count(self.call_files, "call file"),
            self.first_error
        )
    }
}

impl Summary {
    /// Name and version of the format.
    pub const SCHEMA: &str = "duologue.summary/1";

    /// Adds a call that has ended.
    pub(crate) fn add(&mut self, record: &Record) {
        let status = record.status.unwrap_or(CallStatus::Interrupted);
        let ended = record.ends_execution.unwrap_or(true);
        let failed = ended && status != CallStatus::Succeeded;
        let repairs = u64::from(status == CallStatus::Invalid && !ended);
        let duration_ms = record.duration_ms.unwrap_or(0);

        self.calls += 1;
        match self.calls_by_status.get_mut(status.as_str()) {
            Some(count) => *count += 1,
            None => drop(self.calls_by_status.insert(status.as_str().to_owned(), 1)),
        }
        self.executions += u64::from(ended);
        self.failed_executions += u64::from(failed);
        self.iterations = self.iterations.max(record.iteration.saturating_add(1));
        self.transport_attempts += record.attempts.len() as u64;
        self.repairs += repairs;
        self.usage = self.usage.plus(record.usage);
        self.calls_without_usage += u64::from(record.usage.is_unknown());
        self.cost_usd = cost::add(self.cost_usd, record.cost_usd);
        self.calls_without_cost += u64::from(record.cost_usd.is_none());
        self.duration_ms = self.duration_ms.saturating_add(duration_ms);
        self.status = self.judge();
        if failed && self.errors.len() < MAX_ERRORS {
            self.errors.push(ErrorLine::of(record, status));
        }

        let agent = self.agent(&record.agent);
        agent.executions += u64::from(ended);
        agent.failed_executions += u64::from(failed);
        agent.calls += 1;
        agent.repairs += repairs;
        agent.usage = agent.usage.plus(record.usage);
        agent.cost_usd = cost::add(agent.cost_usd, record.cost_usd);
        agent.duration_ms = agent.duration_ms.saturating_add(duration_ms);
        agent.mean_duration_ms = agent.duration_ms / agent.calls;
    }

    /// The totals of both; id, level and format are those of `other`.
    pub(crate) fn merged(mut self, other: &Self) -> Self {
        self.schema.clone_from(&other.schema);
        self.run_id.clone_from(&other.run_id);
        self.log_level.clone_from(&other.log_level);
        self.format.clone_from(&other.format);
        self.executions += other.executions;
        self.failed_executions += other.failed_executions;
        self.iterations = self.iterations.max(other.iterations);
        self.calls += other.calls;
        for (status, count) in &other.calls_by_status {
            *self.calls_by_status.entry(status.clone()).or_default() += count;
        }
        self.calls_in_flight += other.calls_in_flight;
        self.transport_attempts += other.transport_attempts;
        self.repairs += other.repairs;
        self.usage = self.usage.plus(other.usage);
        self.calls_without_usage += other.calls_without_usage;
        self.cost_usd = cost::add(self.cost_usd, other.cost_usd);
        self.calls_without_cost += other.calls_without_cost;
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
        self.errors.extend(
            other
                .errors
                .iter()
                .take(MAX_ERRORS.saturating_sub(self.errors.len()))
                .cloned(),
        );
        for totals in &other.agents {
            self.agent(&totals.name).merge(totals);
        }
        self.status = self.judge();
        self
    }

    /// Ready to be shown: a run with calls under way has not ended, and one that was continued at
    /// level minimal shows no text of the calls before.
    pub(crate) fn completed(mut self) -> Self {
        if self.calls_in_flight > 0 {
            self.status = RunStatus::Running;
        }
        if self.log_level == "minimal" {
            self.errors
                .iter_mut()
                .for_each(|error| error.message.clear());
        }
        self
    }

    fn judge(&self) -> RunStatus {
        match (self.executions, self.failed_executions) {
            (_, 0) => RunStatus::Succeeded,
            (all, failed) if all == failed => RunStatus::Failed,
            _ => RunStatus::Partial,
        }
    }

    fn agent(&mut self, name: &str) -> &mut AgentTotals {
        let known = self.agents.iter().position(|agent| agent.name == name);
        let index = known.unwrap_or_else(|| {
            self.agents.push(AgentTotals {
                name: name.to_owned(),
                ..AgentTotals::default()
            });
            self.agents.len() - 1
        });
        &mut self.agents[index]
    }
}

impl AgentTotals {
    fn merge(&mut self, other: &Self) {
        self.executions += other.executions;
        self.failed_executions += other.failed_executions;
        self.calls += other.calls;
        self.repairs += other.repairs;
        self.usage = self.usage.plus(other.usage);
        self.cost_usd = cost::add(self.cost_usd, other.cost_usd);
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
        self.mean_duration_ms = self.duration_ms.checked_div(self.calls).unwrap_or(0);
    }
}

impl ErrorLine {
    fn of(record: &Record, status: CallStatus) -> Self {
        let (kind, message) = match &record.error {
            Some(error) => (error.kind, error.message.clone()),
            None if status == CallStatus::Interrupted => {
                (ErrorKind::Cancelled, "the process died".to_owned())
            }
            None => (ErrorKind::Internal, String::new()),
        };
        Self {
            call_id: record.call_id.clone(),
            agent: record.agent.clone(),
            kind,
            message,
        }
    }
}
