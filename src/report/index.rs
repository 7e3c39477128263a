//! What the page knows of every call without opening it: enough to list, draw and filter.
//!
//! Columns in place of rows, since a hundred thousand calls would repeat their names.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::call_log::{CallStatus, Record};
use crate::cost::Cost;

/// The calls in the order of the page: executions by their start, their calls in a row.
#[derive(Debug, Default, Serialize)]
pub(super) struct Calls {
    /// When the first call began, in milliseconds since 1970; times of calls count from here.
    origin_ms: i64,
    agents: Vec<String>,
    models: Vec<String>,
    errors: Vec<String>,
    documents: Vec<String>,
    stages: Vec<String>,

    /// The place in `logs ls`, from 1.
    number: Vec<usize>,
    id: Vec<String>,
    execution: Vec<usize>,
    agent: Vec<usize>,
    model: Vec<usize>,
    /// Empty where no call has one.
    document: Vec<Option<usize>>,
    stage: Vec<Option<usize>>,
    status: Vec<Option<CallStatus>>,
    error: Vec<Option<usize>>,
    attempt: Vec<u32>,
    start_ms: Vec<Option<i64>>,
    duration_ms: Vec<Option<u64>>,
    wait_ms: Vec<u64>,
    /// Backoff, duration and whether it failed, of each request; none where one request did it.
    requests: Vec<Vec<(u64, u64, u8)>>,
    input_tokens: Vec<Option<u64>>,
    output_tokens: Vec<Option<u64>>,
    cost_usd: Vec<Option<Cost>>,
}

/// Names in the order in which they were met.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.0.get(name) {
            return *number;
        }
        let number = self.0.len();
        self.0.insert(name.to_owned(), number);
        number
    }

    fn into_list(self) -> Vec<String> {
        let mut names: Vec<(String, usize)> = self.0.into_iter().collect();
        names.sort_by_key(|(_, number)| *number);
        names.into_iter().map(|(name, _)| name).collect()
    }
}

/// The places of `records` in the order of the page.
pub(super) fn order(records: &[Record]) -> Vec<usize> {
    let mut executions: HashMap<&str, usize> = HashMap::new();
    let mut keys: Vec<(usize, u32, usize)> = Vec::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        let first = if record.execution_id.is_empty() {
            place
        } else {
            *executions.entry(&record.execution_id).or_insert(place)
        };
        keys.push((first, record.attempt, place));
    }
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, place)| place).collect()
}

impl Calls {
    /// `order` is that of [`order`].
    pub(super) fn of(records: &[Record], order: &[usize]) -> Self {
        let started = |record: &Record| -> Option<i64> {
            let started: Timestamp = record.started_at.parse().ok()?;
            Some(started.as_millisecond())
        };
        let origin_ms = records.iter().filter_map(started).min().unwrap_or(0);
        let (mut agents, mut models) = (Names::default(), Names::default());
        let (mut errors, mut executions) = (Names::default(), Names::default());
        let (mut documents, mut stages) = (Names::default(), Names::default());
        let mut calls = Self {
            origin_ms,
            ..Self::default()
        };
        for &place in order {
            let record = &records[place];
            let error = record.error.as_ref();
            calls.number.push(place + 1);
            calls.id.push(record.call_id.clone());
            calls.execution.push(if record.execution_id.is_empty() {
                executions.number(&format!("#{place}"))
            } else {
                executions.number(&record.execution_id)
            });
            calls.agent.push(agents.number(&record.agent));
            calls.model.push(models.number(&record.model));
            let document = record.document_id.as_deref();
            calls.document.push(document.map(|id| documents.number(id)));
            let stage = record.stage.as_deref();
            calls.stage.push(stage.map(|name| stages.number(name)));
            calls.status.push(record.status);
            calls
                .error
                .push(error.map(|error| errors.number(error.kind.as_str())));
            calls.attempt.push(record.attempt);
            calls
                .start_ms
                .push(started(record).map(|start| start - origin_ms));
            calls.duration_ms.push(record.duration_ms);
            calls.wait_ms.push(record.limiter_wait_ms.unwrap_or(0));
            calls.requests.push(requests(record));
            calls.input_tokens.push(record.usage.input_tokens);
            calls.output_tokens.push(record.usage.output_tokens);
            calls.cost_usd.push(record.cost_usd);
        }
        calls.agents = agents.into_list();
        calls.models = models.into_list();
        calls.errors = errors.into_list();
        calls.documents = documents.into_list();
        calls.stages = stages.into_list();
        if calls.documents.is_empty() {
            calls.document.clear();
        }
        if calls.stages.is_empty() {
            calls.stage.clear();
        }
        calls
    }
}

fn requests(record: &Record) -> Vec<(u64, u64, u8)> {
    match &record.attempts[..] {
        [] => Vec::new(),
        [one] if one.error.is_none() && one.delay_ms == 0 => Vec::new(),
        all => all
            .iter()
            .map(|request| {
                let failed = u8::from(request.error.is_some());
                (request.delay_ms, request.duration_ms, failed)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(execution: &str, attempt: u32) -> Record {
        Record {
            execution_id: execution.to_owned(),
            attempt,
            ..Record::default()
        }
    }

    #[test]
    fn the_calls_of_an_execution_stand_in_a_row() {
        let records = [
            record("a", 1),
            record("b", 1),
            record("", 1),
            record("a", 2),
            record("", 1),
        ];
        assert_eq!(order(&records), [0, 3, 1, 2, 4]);
    }
}
