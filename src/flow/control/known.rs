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
    by_id: HashMap<String, Numbered>,
    /// In the order in which they came.
    order: BTreeMap<u64, Arc<RunCell>>,
    counter: u64,
    /// Where the next look for a run to forget begins: all have their turn, whoever holds the oldest.
    hand: u64,
}

struct Numbered {
    number: u64,
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
        let number = runs.counter;
        runs.counter += 1;
        runs.order.insert(number, cell.clone());
        let numbered = Numbered {
            number,
            cell: cell.clone(),
        };
        runs.by_id.insert(id.to_owned(), numbered);
        if runs.order.len() > self.most {
            runs.forget_one();
        }
        (cell, true)
    }

    pub(super) fn remove(&self, id: &str) {
        let mut runs = self.lock();
        if let Some(known) = runs.by_id.remove(id) {
            runs.order.remove(&known.number);
        }
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<RunCell>> {
        self.lock().order.values().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<RunCell>> {
        self.lock().by_id.get(id).map(|known| known.cell.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn forget_one(&mut self) {
        let mut chosen = None;
        let around = self
            .order
            .range(self.hand..)
            .chain(self.order.range(..self.hand));
        let mut after = self.hand;
        for (number, cell) in around.take(LOOKED_AT) {
            // This map's and the other's.
            let is_held = Arc::strong_count(cell) > 2;
            let has_ended = cell.state().is_final();
            if !is_held && (chosen.is_none() || has_ended) {
                chosen = Some(*number);
            }
            if chosen.is_none_or(|chosen| chosen == *number) {
                after = number + 1;
            }
            if !is_held && has_ended {
                break;
            }
        }
        self.hand = after;
        if let Some(cell) = chosen.and_then(|number| self.order.remove(&number)) {
            self.by_id.remove(&cell.id);
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
