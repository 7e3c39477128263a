//! Which call of one run stands for which call of another.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::compare::LoneCall;
use super::run::Run;
use crate::call_log::Record;
use crate::error::Result;

/// What pairing needs of a call.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) place: usize,
    call_id: String,
    agent: String,
    execution: String,
    attempt: u32,
    iteration: u32,
    prompt: u64,
}

impl Outline {
    pub(super) fn alone(&self) -> LoneCall {
        LoneCall {
            place: self.place + 1,
            call_id: self.call_id.clone(),
            agent: self.agent.clone(),
            attempt: self.attempt,
        }
    }
}

/// What pairing needs of all calls of a run, in their order.
///
/// # Errors
/// [`ErrorKind::Log`](crate::ErrorKind::Log) when a call cannot be read.
pub(super) fn outlines(run: &Run) -> Result<Vec<Outline>> {
    type Found = Vec<std::result::Result<Outline, usize>>;
    let batches = run.fold(&|found: &mut Found, line| {
        let outline = line.record().map(|record| Outline {
            place: line.place,
            prompt: hash_of(&record),
            call_id: record.call_id,
            agent: record.agent,
            execution: record.execution_id,
            attempt: record.attempt,
            iteration: record.iteration,
        });
        found.push(outline.map_err(|_| line.place));
    })?;
    let mut outlines = Vec::new();
    for outline in batches.into_iter().flatten() {
        match outline {
            Ok(outline) => outlines.push(outline),
            // Read once more for the error that names it.
            Err(place) => drop(run.record(place).transpose()?),
        }
    }
    Ok(outlines)
}

fn hash_of(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    for message in &record.messages {
        (message.role.as_str(), &message.content).hash(&mut hasher);
    }
    hasher.finish()
}

/// An execution: the calls in it, in their order.
struct Execution<'a> {
    agent: &'a str,
    prompt: u64,
    calls: Vec<usize>,
}

fn executions(calls: &[Outline]) -> Vec<Execution<'_>> {
    let mut found: Vec<Execution<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (index, call) in calls.iter().enumerate() {
        let place = *places.entry(&call.execution).or_insert_with(|| {
            found.push(Execution {
                agent: &call.agent,
                prompt: call.prompt,
                calls: Vec::new(),
            });
            found.len() - 1
        });
        found[place].calls.push(index);
    }
    found
}

/// For each old call the new one that it is compared with.
pub(super) fn partners(old: &[Outline], new: &[Outline]) -> Vec<Option<usize>> {
    let (old_executions, new_executions) = (executions(old), executions(new));
    let mut partners = vec![None; old.len()];
    for (one, other) in paired(&old_executions, &new_executions) {
        for index in &old_executions[one].calls {
            let key = |call: &Outline| (call.iteration, call.attempt);
            let others = new_executions[other].calls.iter();
            let same = others
                .copied()
                .find(|other| key(&new[*other]) == key(&old[*index]));
            partners[*index] = same;
        }
    }
    partners
}

/// Executions of the same agent: those with the same first prompt, then those that are left.
fn paired(old: &[Execution<'_>], new: &[Execution<'_>]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut old_left: Vec<usize> = (0..old.len()).collect();
    let mut new_left: Vec<usize> = (0..new.len()).collect();
    let by_prompt = |execution: &Execution<'_>| hash_key(execution.agent, execution.prompt);
    let by_agent = |execution: &Execution<'_>| hash_key(execution.agent, 0);
    for key in [&by_prompt as &dyn Fn(&Execution<'_>) -> u64, &by_agent] {
        let mut waiting: HashMap<u64, VecDeque<usize>> = HashMap::new();
        for index in &new_left {
            waiting
                .entry(key(&new[*index]))
                .or_default()
                .push_back(*index);
        }
        old_left.retain(|index| {
            let partner = waiting
                .get_mut(&key(&old[*index]))
                .and_then(VecDeque::pop_front);
            pairs.extend(partner.map(|partner| (*index, partner)));
            partner.is_none()
        });
        new_left = waiting.into_values().flatten().collect();
        new_left.sort_unstable();
    }
    pairs
}

fn hash_key(agent: &str, prompt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (agent, prompt).hash(&mut hasher);
    hasher.finish()
}
