//! How a replay went.

use std::path::PathBuf;

use serde::Serialize;

use super::ReplayMode;

/// What a [`ReplayProvider`](super::ReplayProvider) has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReplayReport {
    /// The directory of the run that answers.
    pub from: PathBuf,
    /// What happens to requests that no record answers.
    pub mode: ReplayMode,
    /// Calls that a record answered.
    pub replayed: usize,
    /// Calls that went to the other provider.
    pub fell_through: usize,
    /// Calls that failed, since no record answers them or the one that does may not be used.
    pub missed: usize,
    /// Lines of the run's journals that could not be read, and records at level `minimal`: they
    /// answer nothing.
    pub unreadable: usize,
    /// Records that no call has used, in recorded order.
    pub unused: Vec<UnusedCall>,
}

/// A record that no call has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnusedCall {
    /// The recorded call.
    pub call_id: String,
    /// Its agent.
    pub agent: String,
}
