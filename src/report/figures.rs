//! The figures at the top of the page: totals, latencies, agents, errors.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::call_log::{AgentTotals, Record, Summary};
use crate::chat::Usage;
use crate::error::ErrorKind;
use crate::query::Latency;

/// What a whole run came to.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    executions: u64,
    failed_executions: u64,
    calls: u64,
    calls_in_flight: u64,
    repairs: u64,
    retries: u64,
    replayed: usize,
    usage: Usage,
    calls_without_usage: u64,
    cost: Option<String>,
    calls_without_cost: u64,
    latency: Latency,
    agents: Vec<AgentFigures>,
    errors: Vec<ErrorFigures>,
}

/// The same figures of one agent.
#[derive(Debug, Serialize)]
struct AgentFigures {
    name: String,
    executions: u64,
    failed_executions: u64,
    calls: u64,
    repairs: u64,
    retries: u64,
    usage: Usage,
    cost: Option<String>,
    calls_without_cost: u64,
    latency: Latency,
}

/// How many calls had an error of one kind, and how many of them ended their execution.
#[derive(Debug, Serialize)]
struct ErrorFigures {
    kind: ErrorKind,
    calls: u64,
    final_calls: u64,
}

/// What the summary does not hold.
#[derive(Default)]
struct Further {
    retries: u64,
    calls_without_cost: u64,
    durations: Vec<u64>,
}

impl Further {
    fn add(&mut self, record: &Record) {
        self.retries += (record.attempts.len() as u64).saturating_sub(1);
        self.calls_without_cost += u64::from(record.cost_usd.is_none());
        self.durations.extend(record.duration_ms);
    }
}

impl Figures {
    pub(super) fn of(summary: Summary, records: &[Record]) -> Self {
        let mut all = Further::default();
        let mut by_agent: HashMap<&str, Further> = HashMap::new();
        for record in records.iter().filter(|record| record.status.is_some()) {
            all.add(record);
            by_agent.entry(&record.agent).or_default().add(record);
        }
        let agents = summary.agents.into_iter().map(|totals| {
            let further = by_agent.remove(totals.name.as_str()).unwrap_or_default();
            AgentFigures::of(totals, further)
        });
        Self {
            agents: agents.collect(),
            executions: summary.executions,
            failed_executions: summary.failed_executions,
            calls: summary.calls,
            calls_in_flight: summary.calls_in_flight,
            repairs: summary.repairs,
            retries: all.retries,
            replayed: records
                .iter()
                .filter(|record| record.replay_of.is_some())
                .count(),
            usage: summary.usage,
            calls_without_usage: summary.calls_without_usage,
            cost: summary.cost_usd.map(|cost| cost.to_string()),
            calls_without_cost: summary.calls_without_cost,
            latency: Latency::of(all.durations),
            errors: errors(records),
        }
    }
}

impl AgentFigures {
    fn of(totals: AgentTotals, further: Further) -> Self {
        Self {
            name: totals.name,
            executions: totals.executions,
            failed_executions: totals.failed_executions,
            calls: totals.calls,
            repairs: totals.repairs,
            retries: further.retries,
            usage: totals.usage,
            cost: totals.cost_usd.map(|cost| cost.to_string()),
            calls_without_cost: further.calls_without_cost,
            latency: Latency::of(further.durations),
        }
    }
}

/// By kind, the most frequent first.
fn errors(records: &[Record]) -> Vec<ErrorFigures> {
    let mut kinds: BTreeMap<ErrorKind, (u64, u64)> = BTreeMap::new();
    for record in records {
        if let Some(error) = &record.error {
            let (calls, final_calls) = kinds.entry(error.kind).or_default();
            *calls += 1;
            *final_calls += u64::from(record.ends_execution.unwrap_or(true));
        }
    }
    let mut errors: Vec<ErrorFigures> = kinds
        .into_iter()
        .map(|(kind, (calls, final_calls))| ErrorFigures {
            kind,
            calls,
            final_calls,
        })
        .collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.calls));
    errors
}
