//! What flows did, kept: the states that each run went through, its envelopes and its traces.
//!
//! The [control plane](super::control) puts an [`AuditEntry`] into an [`AuditStore`] for each of them.
//! `SqliteAudit` (feature `audit`) keeps them in a file that `duologue runs ls` and `runs show` read;
//! [`MemoryAudit`] is for tests.

mod entry;
mod memory;
#[cfg(feature = "audit")]
mod sqlite;

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub(super) use entry::clean_name;
pub use entry::{AuditEntry, Audited, StateChange, TraceEvent};
pub use memory::MemoryAudit;
#[cfg(feature = "audit")]
pub use sqlite::SqliteAudit;

use super::control::RunState;
use crate::error::Result;
use crate::lifecycle::EventError;

/// Where the history of runs is kept: object-safe, shared by all flows of a control plane.
///
/// Entries of one run come one after the other, those of several runs side by side. They are as the
/// flows made them; a store whose content leaves the process [sanitizes](AuditEntry::sanitize) them.
#[async_trait]
pub trait AuditStore: Send + Sync + fmt::Debug {
    /// Keeps `entry`. Of a run's final states the first one counts, and what a later attempt has begun is
    /// not changed by an earlier one; all of them stay in its history.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when it could not be kept.
    ///
    /// # Cancel safety
    /// A future that was polled and is dropped may have kept the entry or not.
    async fn put(&self, entry: AuditEntry) -> Result<()>;

    /// The runs that `filter` wants, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when they could not be read.
    async fn runs(&self, filter: &AuditFilter) -> Result<Vec<AuditedRun>>;

    /// All that is known of one run; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when it could not be read.
    async fn history(&self, run_id: &str) -> Result<Option<RunHistory>>;
}

/// Which runs to list. All that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditFilter {
    /// Only runs of this flow.
    pub flow: Option<String>,
    /// Only runs in one of these states; empty for all.
    pub states: Vec<RunState>,
    /// Only runs that were taken in since then.
    pub since: Option<SystemTime>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl AuditFilter {
    /// All runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only runs of this flow.
    pub fn flow(mut self, name: impl Into<String>) -> Self {
        self.flow = Some(name.into());
        self
    }

    /// Only runs in this state, or in one given before.
    pub fn state(mut self, state: RunState) -> Self {
        self.states.push(state);
        self
    }

    /// Only runs that were taken in since then.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// At most so many, the newest.
    pub fn limit(mut self, runs: usize) -> Self {
        self.limit = Some(runs);
        self
    }
}

/// A run, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditedRun {
    /// The run.
    pub run_id: String,
    /// Its flow.
    pub flow: String,
    /// Where it stands.
    pub state: RunState,
    /// The last attempt, from 1; 0 when none has begun.
    pub attempt: u32,
    /// When it was taken in: RFC 3339, UTC.
    pub created_at: String,
    /// When its state changed last: RFC 3339, UTC.
    pub changed_at: String,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
}

impl AuditedRun {
    /// Whether `state`, which `attempt` came to, is where the run stands from now on.
    pub(crate) fn may_take(&self, state: RunState, attempt: u32) -> bool {
        self.state.may_take(self.attempt, state, attempt)
    }
}

/// All that is known of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunHistory {
    /// The run, and where it stands.
    #[serde(flatten)]
    pub run: AuditedRun,
    /// What happened, oldest first.
    pub entries: Vec<AuditEntry>,
}
