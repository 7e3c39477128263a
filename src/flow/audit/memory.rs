//! The history of runs in memory.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AuditEntry, AuditFilter, AuditStore, Audited, AuditedRun, RunHistory};
use crate::error::Result;
use crate::flow::control::RunState;

/// More runs than this are forgotten, the oldest first.
const MAX_RUNS: usize = 10_000;

/// The history of the last 10,000 runs, in memory and as the flows made it: nothing is sanitized. A
/// clone shares it.
#[derive(Clone, Default)]
pub struct MemoryAudit {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    runs: HashMap<String, RunHistory>,
    /// In the order in which they came.
    ids: VecDeque<String>,
}

impl MemoryAudit {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAudit")
            .field("runs", &self.lock().runs.len())
            .finish()
    }
}

#[async_trait]
impl AuditStore for MemoryAudit {
    async fn put(&self, entry: AuditEntry) -> Result<()> {
        let mut kept = self.lock();
        let Kept { runs, ids } = &mut *kept;
        if !runs.contains_key(&entry.run_id) {
            ids.push_back(entry.run_id.clone());
            if ids.len() > MAX_RUNS
                && let Some(oldest) = ids.pop_front()
            {
                runs.remove(&oldest);
            }
        }
        let history = runs
            .entry(entry.run_id.clone())
            .or_insert_with(|| RunHistory {
                run: begun_by(&entry),
                entries: Vec::new(),
            });
        entry.apply_to(&mut history.run);
        history.entries.push(entry);
        Ok(())
    }

    async fn runs(&self, filter: &AuditFilter) -> Result<Vec<AuditedRun>> {
        let kept = self.lock();
        let runs = kept.ids.iter().rev().filter_map(|id| kept.runs.get(id));
        let wanted = runs
            .map(|history| &history.run)
            .filter(|run| fits(run, filter));
        Ok(wanted
            .take(filter.limit.unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn history(&self, run_id: &str) -> Result<Option<RunHistory>> {
        Ok(self.lock().runs.get(run_id).cloned())
    }
}

fn begun_by(entry: &AuditEntry) -> AuditedRun {
    AuditedRun {
        run_id: entry.run_id.clone(),
        flow: entry.flow.clone(),
        state: match &entry.what {
            Audited::State(change) => change.state,
            _ => RunState::Queued,
        },
        attempt: entry.attempt,
        created_at: entry.time.clone(),
        changed_at: entry.time.clone(),
        error: None,
    }
}

fn fits(run: &AuditedRun, filter: &AuditFilter) -> bool {
    let is_since = |time| {
        let created = run.created_at.parse::<Timestamp>();
        created.is_ok_and(|created| std::time::SystemTime::from(created) >= time)
    };
    filter.flow.as_ref().is_none_or(|flow| *flow == run.flow)
        && (filter.states.is_empty() || filter.states.contains(&run.state))
        && filter.since.is_none_or(is_since)
}
