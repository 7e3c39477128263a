//! Where a run stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::text::did_you_mean;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// It waits to begin, or to be tried again.
    Queued,
    /// Its flow runs.
    Running,
    /// Its flow gave records.
    Succeeded,
    /// Its flow found that there are none.
    NoResults,
    /// Its flow failed for good, or gave no valid envelope.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It lies with the dead letters: it failed as often as it may, or nobody knows its flow.
    Dead,
    /// Its process ended, or lost it. A queue that outlives the process goes on with it.
    Interrupted,
}

impl RunState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::NoResults,
        Self::Failed,
        Self::Cancelled,
        Self::Dead,
        Self::Interrupted,
    ];

    /// Whether nothing comes after it. `Interrupted` is final too, unless a queue hands the run out again.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether its job has nothing more to do; that of an interrupted run has, and a dead one's may have
    /// to be put aside yet.
    pub(super) fn is_settled(self) -> bool {
        self.is_final() && !matches!(self, Self::Interrupted | Self::Dead)
    }

    /// `queued`, `no_results`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::NoResults => "no_results",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
            Self::Interrupted => "interrupted",
        }
    }

    fn may_become(self, next: Self) -> bool {
        !self.is_final() || (self == Self::Interrupted && next != Self::Interrupted)
    }

    /// Whether what `attempt` came to changes a run that stands here after attempt `latest`: an end stays,
    /// and so does what a later attempt has begun. A run that was interrupted may begin all over.
    pub(crate) fn may_take(self, latest: u32, next: Self, attempt: u32) -> bool {
        let begins_anew = self == Self::Interrupted && (next == Self::Running || attempt == 0);
        self.may_become(next) && (attempt >= latest || begins_anew)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("`{word}` is no state of a run"))
                .with_hint(did_you_mean(word, Self::ALL.map(Self::as_str)))
        })
    }
}
