//! Whose turn it is: agents in turns, the calls of one agent in their order.

use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Debug)]
pub(super) struct Queue<T> {
    turns: VecDeque<String>,
    waiting: HashMap<String, BTreeMap<u64, T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// `ticket` grows from call to call.
    pub(super) fn push(&mut self, agent: &str, ticket: u64, waiter: T) {
        if let Some(calls) = self.waiting.get_mut(agent) {
            calls.insert(ticket, waiter);
            return;
        }
        self.turns.push_back(agent.to_owned());
        self.waiting
            .insert(agent.to_owned(), BTreeMap::from([(ticket, waiter)]));
    }

    pub(super) fn front(&self) -> Option<(u64, &T)> {
        let calls = self.waiting.get(self.turns.front()?)?;
        calls
            .first_key_value()
            .map(|(ticket, waiter)| (*ticket, waiter))
    }

    /// Takes the next one out; its agent's turn comes again after all others.
    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        let agent = self.turns.pop_front()?;
        let calls = self.waiting.get_mut(&agent)?;
        let next = calls.pop_first();
        if calls.is_empty() {
            self.waiting.remove(&agent);
        } else {
            self.turns.push_back(agent);
        }
        next
    }

    /// Takes one out wherever it stands.
    pub(super) fn remove(&mut self, agent: &str, ticket: u64) {
        let Some(calls) = self.waiting.get_mut(agent) else {
            return;
        };
        calls.remove(&ticket);
        if calls.is_empty() {
            self.waiting.remove(agent);
            self.turns.retain(|other| other != agent);
        }
    }
}
