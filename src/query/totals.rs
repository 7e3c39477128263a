//! Figures of many calls added up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::Figures;
use super::latency::Latency;
use crate::call_log::{CallStatus, RunStatus};
use crate::chat::Usage;
use crate::cost::{self, Cost};

/// The figures of many calls. Names and meanings are those of a
/// [`Summary`](crate::call_log::Summary) where that has the same figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Totals {
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
    /// Requests beyond the first of their call.
    pub retries: u64,
    /// Answers that did not fit and went back to the model.
    pub repairs: u64,
    /// Calls that were answered by a record; their tokens and costs are those of the recorded calls,
    /// and were not spent again.
    pub replayed: u64,
    /// Calls by the kind of their error, repaired ones included.
    pub errors_by_kind: BTreeMap<String, u64>,
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
    /// `duration_ms` per call.
    pub mean_duration_ms: u64,
    /// From a call's start to its end, waits and backoff included.
    pub latency: Latency,
    /// Time to the first byte of the last attempt's answer.
    pub first_byte: Latency,
    /// Time spent waiting for a free slot, all calls added up, in milliseconds.
    pub limiter_wait_ms: u64,
    /// Time spent in backoff between attempts, all calls added up, in milliseconds.
    pub backoff_ms: u64,
}

/// The figures of the calls that share something.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// The name of the agent or model.
    pub name: String,
    /// The figures of its calls.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Totals on their way, with all the times that percentiles are taken from.
#[derive(Debug, Default)]
pub(super) struct Sum {
    totals: Totals,
    durations: Vec<u64>,
    first_bytes: Vec<u64>,
}

impl Sum {
    pub(super) fn add(&mut self, call: &Figures<'_>) {
        let totals = &mut self.totals;
        let Some(status) = call.status else {
            totals.calls_in_flight += 1;
            return;
        };
        let ended = call.ends_execution.unwrap_or(true);
        totals.calls += 1;
        increase(&mut totals.calls_by_status, status.as_str(), 1);
        totals.executions += u64::from(ended);
        totals.failed_executions += u64::from(ended && status != CallStatus::Succeeded);
        totals.iterations = totals.iterations.max(call.iteration.saturating_add(1));
        totals.transport_attempts += call.attempts.0;
        totals.retries += call.attempts.0.saturating_sub(1);
        totals.repairs += u64::from(status == CallStatus::Invalid && !ended);
        totals.replayed += u64::from(call.is_replayed());
        if let Some(error) = &call.error {
            increase(&mut totals.errors_by_kind, error.kind.as_str(), 1);
        }
        totals.usage = totals.usage.plus(call.usage);
        totals.calls_without_usage += u64::from(call.usage.is_unknown());
        totals.cost_usd = cost::add(totals.cost_usd, call.cost_usd);
        totals.calls_without_cost += u64::from(call.cost_usd.is_none());
        totals.duration_ms = totals
            .duration_ms
            .saturating_add(call.duration_ms.unwrap_or(0));
        totals.limiter_wait_ms = totals
            .limiter_wait_ms
            .saturating_add(call.limiter_wait_ms.unwrap_or(0));
        totals.backoff_ms = totals
            .backoff_ms
            .saturating_add(call.backoff_ms.unwrap_or(0));
        self.durations.extend(call.duration_ms);
        self.first_bytes.extend(call.first_byte_ms);
    }

    pub(super) fn merge(&mut self, other: Self) {
        let (sum, more) = (&mut self.totals, other.totals);
        sum.executions += more.executions;
        sum.failed_executions += more.failed_executions;
        sum.iterations = sum.iterations.max(more.iterations);
        sum.calls += more.calls;
        sum.calls_in_flight += more.calls_in_flight;
        sum.transport_attempts += more.transport_attempts;
        sum.retries += more.retries;
        sum.repairs += more.repairs;
        sum.replayed += more.replayed;
        sum.usage = sum.usage.plus(more.usage);
        sum.calls_without_usage += more.calls_without_usage;
        sum.cost_usd = cost::add(sum.cost_usd, more.cost_usd);
        sum.calls_without_cost += more.calls_without_cost;
        sum.duration_ms = sum.duration_ms.saturating_add(more.duration_ms);
        sum.limiter_wait_ms = sum.limiter_wait_ms.saturating_add(more.limiter_wait_ms);
        sum.backoff_ms = sum.backoff_ms.saturating_add(more.backoff_ms);
        for (counts, more) in [
            (&mut sum.calls_by_status, more.calls_by_status),
            (&mut sum.errors_by_kind, more.errors_by_kind),
        ] {
            for (name, count) in more {
                increase(counts, &name, count);
            }
        }
        self.durations.extend(other.durations);
        self.first_bytes.extend(other.first_bytes);
    }

    pub(super) fn into_totals(self) -> Totals {
        let mut totals = self.totals;
        totals.status = match (totals.executions, totals.failed_executions) {
            _ if totals.calls_in_flight > 0 => RunStatus::Running,
            (_, 0) => RunStatus::Succeeded,
            (all, failed) if all == failed => RunStatus::Failed,
            _ => RunStatus::Partial,
        };
        totals.mean_duration_ms = totals.duration_ms.checked_div(totals.calls).unwrap_or(0);
        totals.latency = Latency::of(self.durations);
        totals.first_byte = Latency::of(self.first_bytes);
        totals
    }
}

fn increase(counts: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += by,
        None => drop(counts.insert(name.to_owned(), by)),
    }
}
