//! The runs that a control plane remembers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::run::RunCell;

/// Runs that have ended are forgotten when there are more than this.
const MAX_KNOWN: usize = 10_000;

/// Runs by id. Those that have not ended are always known.
#[derive(Default)]
pub(super) struct KnownRuns(Mutex<Runs>);

#[derive(Default)]
struct Runs {
    by_id: HashMap<String, Arc<RunCell>>,
    /// In the order in which they came.
    order: VecDeque<Arc<RunCell>>,
}

impl KnownRuns {
    /// The run of this id, and whether it is new.
    pub(super) fn add(&self, id: &str, make: impl FnOnce() -> RunCell) -> (Arc<RunCell>, bool) {
        let mut runs = self.lock();
        if let Some(cell) = runs.by_id.get(id) {
            return (cell.clone(), false);
        }
        let cell = Arc::new(make());
        runs.by_id.insert(id.to_owned(), cell.clone());
        runs.order.push_back(cell.clone());
        runs.forget();
        (cell, true)
    }

    pub(super) fn remove(&self, id: &str) {
        let mut runs = self.lock();
        runs.by_id.remove(id);
        runs.order.retain(|cell| cell.id != id);
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<RunCell>> {
        self.lock().order.iter().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<RunCell>> {
        self.lock().by_id.get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn forget(&mut self) {
        while self.order.len() > MAX_KNOWN {
            let ended = self.order.iter().position(|cell| cell.state().is_final());
            let Some(cell) = ended.and_then(|place| self.order.remove(place)) else {
                return;
            };
            self.by_id.remove(&cell.id);
        }
    }
}
