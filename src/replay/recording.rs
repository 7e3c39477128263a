//! The calls of a recorded run, found by what they asked and given out once each.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::answer::{Given, redacted_by};
use super::key::Asked;
use super::report::UnusedCall;
use crate::attempt::Attempt;
use crate::call_log::{Record, Sanitizer};

/// One recorded call.
#[derive(Debug)]
pub(super) struct RecordedCall {
    /// Its place in the run, from 1.
    pub(super) number: usize,
    pub(super) call_id: String,
    pub(super) agent: String,
    pub(super) provider: String,
    pub(super) asked: Asked,
    pub(super) attempts: Vec<Attempt>,
    pub(super) given: Given,
    /// The rule that replaced something in the answer.
    pub(super) redacted_by: Option<String>,
}

impl RecordedCall {
    fn new(number: usize, mut record: Record, sanitizer: &Sanitizer) -> Self {
        Self {
            number,
            redacted_by: redacted_by(&record),
            asked: Asked::of_record(&mut record, sanitizer),
            given: Given::by(&mut record),
            call_id: record.call_id,
            agent: record.agent,
            provider: record.provider,
            attempts: record.attempts,
        }
    }
}

/// The calls of a run, and which of them were used.
#[derive(Debug)]
pub(super) struct Recording {
    calls: Vec<RecordedCall>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: Vec<bool>,
    by_key: HashMap<String, Equals>,
    by_agent: HashMap<String, VecDeque<usize>>,
}

/// The records of equal requests, by agent.
#[derive(Debug, Default)]
struct Equals {
    by_agent: HashMap<String, Line>,
}

/// Records in the order in which their calls began.
#[derive(Debug, Default)]
struct Line {
    recorded: usize,
    asked: usize,
    waiting: VecDeque<usize>,
}

/// How often something was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) recorded: usize,
    pub(super) asked: usize,
}

/// What the recording has for a request.
pub(super) enum Found<'r> {
    Call(&'r RecordedCall),
    /// All records of this request are used.
    UsedUp(Times),
    /// No record has this request.
    Unknown,
}

impl Recording {
    /// The records that hold a prompt; those at level `minimal` answer nothing.
    pub(super) fn new(records: Vec<Record>, sanitizer: &Sanitizer) -> Self {
        let calls: Vec<RecordedCall> = records
            .into_iter()
            .enumerate()
            .filter(|(_, record)| !record.messages.is_empty())
            .map(|(index, record)| RecordedCall::new(index + 1, record, sanitizer))
            .collect();
        let mut state = State {
            used: vec![false; calls.len()],
            ..State::default()
        };
        for (index, call) in calls.iter().enumerate() {
            let equals = state.by_key.entry(call.asked.key()).or_default();
            let line = equals.by_agent.entry(call.agent.clone()).or_default();
            line.recorded += 1;
            line.waiting.push_back(index);
            let of_agent = state.by_agent.entry(call.agent.clone()).or_default();
            of_agent.push_back(index);
        }
        Self {
            calls,
            state: Mutex::new(state),
        }
    }

    pub(super) fn calls(&self) -> &[RecordedCall] {
        &self.calls
    }

    /// The next record of this request, which is used from now on.
    pub(super) fn take(&self, asked: &Asked, agent: &str) -> Found<'_> {
        let mut used_up: Option<Times> = None;
        let keys: [fn(&Asked) -> String; 2] = [Asked::key, Asked::key_without_schema];
        for key in keys {
            // Outside of the lock: a prompt may be long.
            let key = key(asked);
            match self.lock().take(&key, agent) {
                Some(Ok(index)) => return Found::Call(&self.calls[index]),
                Some(Err(times)) => {
                    let before = used_up.map_or(0, |times| times.recorded);
                    used_up = Some(Times {
                        recorded: before + times.recorded,
                        asked: before + times.asked,
                    });
                }
                None => {}
            }
            if asked.schema_hash.is_none() {
                break;
            }
        }
        used_up.map_or(Found::Unknown, Found::UsedUp)
    }

    /// The first unused record of `agent` that holds an answer, which is used from now on.
    pub(super) fn take_first_unused(&self, agent: &str) -> Option<&RecordedCall> {
        let mut state = self.lock();
        let State { used, by_agent, .. } = &mut *state;
        let line = by_agent.get_mut(agent)?;
        while let Some(index) = line.pop_front() {
            let call = &self.calls[index];
            if !used[index] && !matches!(call.given, Given::Nothing(_)) {
                used[index] = true;
                return Some(call);
            }
        }
        None
    }

    /// Records that no call has used, in recorded order.
    pub(super) fn unused(&self) -> Vec<UnusedCall> {
        let state = self.lock();
        self.calls
            .iter()
            .zip(&state.used)
            .filter(|(_, used)| !**used)
            .map(|(call, _)| UnusedCall {
                call_id: call.call_id.clone(),
                agent: call.agent.clone(),
            })
            .collect()
    }

    /// The calls of `agent`, those that were not used first; of any agent, if it has none.
    pub(super) fn candidates(&self, agent: &str) -> Vec<&RecordedCall> {
        let state = self.lock();
        let is_known = self.calls.iter().any(|call| call.agent == agent);
        let of_agent = |used: bool| {
            self.calls
                .iter()
                .zip(&state.used)
                .filter(move |(call, is_used)| {
                    **is_used == used && (!is_known || call.agent == agent)
                })
                .map(|(call, _)| call)
        };
        of_agent(false).chain(of_agent(true)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next record under `key`, or how many there were; `None` when there was none.
    fn take(&mut self, key: &str, agent: &str) -> Option<Result<usize, Times>> {
        let Self { used, by_key, .. } = self;
        let equals = by_key.get_mut(key)?;
        for line in equals.by_agent.values_mut() {
            while line.waiting.front().is_some_and(|index| used[*index]) {
                line.waiting.pop_front();
            }
        }
        let line = if equals.by_agent.contains_key(agent) {
            equals.by_agent.get_mut(agent)
        } else {
            let first = |line: &&mut Line| line.waiting.front().copied().unwrap_or(usize::MAX);
            equals.by_agent.values_mut().min_by_key(first)
        }?;
        line.asked += 1;
        let Some(index) = line.waiting.pop_front() else {
            return Some(Err(Times {
                recorded: line.recorded,
                asked: line.asked,
            }));
        };
        used[index] = true;
        Some(Ok(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Message;

    fn record(agent: &str, schema_hash: Option<&str>) -> Record {
        Record {
            call_id: format!("call_{agent}"),
            agent: agent.to_owned(),
            messages: vec![Message::user("go")],
            schema_hash: schema_hash.map(str::to_owned),
            ..Record::default()
        }
    }

    fn asked(schema_hash: &str) -> Asked {
        Asked::of_record(&mut record("x", Some(schema_hash)), &Sanitizer::off())
    }

    fn taken<'r>(recording: &'r Recording, asked: &Asked, agent: &str) -> Option<&'r str> {
        match recording.take(asked, agent) {
            Found::Call(call) => Some(&call.call_id),
            _ => None,
        }
    }

    #[test]
    fn a_record_that_does_not_know_its_schema_answers_any() {
        let records = vec![record("a", None), record("b", Some("s1"))];
        let recording = Recording::new(records, &Sanitizer::off());
        assert_eq!(taken(&recording, &asked("s1"), "b"), Some("call_b"));
        assert_eq!(taken(&recording, &asked("s2"), "a"), Some("call_a"));
        assert_eq!(taken(&recording, &asked("s2"), "a"), None);
    }

    #[test]
    fn an_agent_gets_its_own_records_and_leaves_those_of_others() {
        let records = vec![
            record("a", Some("s")),
            record("b", Some("s")),
            record("a", Some("s")),
        ];
        let recording = Recording::new(records, &Sanitizer::off());
        assert_eq!(taken(&recording, &asked("s"), "b"), Some("call_b"));
        assert_eq!(taken(&recording, &asked("s"), "b"), None);
        assert_eq!(taken(&recording, &asked("s"), "new"), Some("call_a"));
        assert_eq!(recording.unused().len(), 1);
    }
}
