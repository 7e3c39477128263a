//! The runs that a control plane remembers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::run::RunCell;

/// Runs that nobody holds are forgotten when there are more than this.
const MAX_KNOWN: usize = 10_000;

/// How many runs are looked at to forget one; those that have ended go first among them.
const LOOKED_AT: usize = 32;

/// Runs by id. Those that somebody holds are always known: who works on them, and who has their
/// [`Run`](super::Run).
pub(super) struct KnownRuns {
    runs: Mutex<Runs>,
    most: usize,
}

impl Default for KnownRuns {
    fn default() -> Self {
        Self::at_most(MAX_KNOWN)
    }
}

#[derive(Default)]
struct Runs {
    by_id: HashMap<String, Known>,
    /// By turn: who is first may be forgotten first.
    order: BTreeMap<u64, Arc<RunCell>>,
    counter: u64,
}

struct Known {
    /// How many came before it.
    number: u64,
    /// Its place in the order.
    turn: u64,
    cell: Arc<RunCell>,
}

impl KnownRuns {
    fn at_most(most: usize) -> Self {
        Self {
            runs: Mutex::default(),
            most,
        }
    }

    /// The run of this id, and whether it is new.
    pub(super) fn add(&self, id: &str, make: impl FnOnce() -> RunCell) -> (Arc<RunCell>, bool) {
        let mut runs = self.lock();
        if let Some(known) = runs.by_id.get(id) {
            return (known.cell.clone(), false);
        }
        let cell = Arc::new(make());
        let number = runs.queue(cell.clone());
        let known = Known {
            number,
            turn: number,
            cell: cell.clone(),
        };
        runs.by_id.insert(id.to_owned(), known);
        if runs.order.len() > self.most {
            runs.forget_one();
        }
        (cell, true)
    }

    pub(super) fn remove(&self, id: &str) {
        let mut runs = self.lock();
        if let Some(known) = runs.by_id.remove(id) {
            runs.order.remove(&known.turn);
        }
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<RunCell>> {
        let runs = self.lock();
        let mut all: Vec<_> = runs.by_id.values().collect();
        all.sort_unstable_by_key(|known| known.number);
        all.into_iter().map(|known| known.cell.clone()).collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<RunCell>> {
        self.lock().by_id.get(id).map(|known| known.cell.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    /// Puts `cell` behind all others; gives its turn.
    fn queue(&mut self, cell: Arc<RunCell>) -> u64 {
        let turn = self.counter;
        self.counter += 1;
        self.order.insert(turn, cell);
        turn
    }

    fn forget_one(&mut self) {
        let mut chosen = None;
        let mut held = Vec::new();
        for (turn, cell) in self.order.iter().take(LOOKED_AT) {
            // This map's and the other's.
            if Arc::strong_count(cell) > 2 {
                held.push(*turn);
            } else if cell.state().is_final() {
                chosen = Some(*turn);
                break;
            } else {
                chosen.get_or_insert(*turn);
            }
        }
        for turn in held {
            self.send_back(turn);
        }
        if let Some(cell) = chosen.and_then(|turn| self.order.remove(&turn)) {
            self.by_id.remove(&cell.id);
        }
    }

    /// Those that are held have another turn later, lest they hide the others.
    fn send_back(&mut self, turn: u64) {
        let Some(cell) = self.order.remove(&turn) else {
            return;
        };
        let turn = self.queue(cell.clone());
        if let Some(known) = self.by_id.get_mut(&cell.id) {
            known.turn = turn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(id: &str) -> RunCell {
        RunCell::new(id.to_owned(), "tides".to_owned(), String::new())
    }

    #[test]
    fn runs_that_never_end_are_forgotten_unless_somebody_holds_them() {
        let runs = KnownRuns::at_most(2);
        let (held, _) = runs.add("held", || cell("held"));
        for number in 0..100 {
            let id = number.to_string();
            assert!(runs.add(&id, || cell(&id)).1);
            assert!(runs.all().len() <= 2, "{number}");
        }
        assert!(Arc::ptr_eq(&runs.get("held").unwrap(), &held));
        assert!(runs.get("99").is_some() && runs.get("98").is_none());
        drop(held);
        for id in ["a", "b", "c"] {
            runs.add(id, || cell(id));
        }
        assert!(runs.get("held").is_none());
    }
}
