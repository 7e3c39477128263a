//! The control plane: runs and how they end, the gate, queues, workers, the scheduler, the audit store.

mod again;
#[cfg(feature = "audit")]
pub(crate) mod audit;
#[cfg(all(feature = "cli", feature = "audit"))]
mod commands;
mod delivery;
mod envelope;
mod names;
mod queue_conformance;
mod room;
mod runs;
mod schedule;
pub(crate) mod worker;

use std::time::{Duration, SystemTime};

use duologue::Error;
use duologue::clock::Clock;
use duologue::error::ErrorKind;
use duologue::flow::envelope::Envelope;
use serde_json::json;
use tokio::time::Instant;

/// An envelope with one record.
pub(crate) fn tides() -> Envelope {
    let row = json!({"harbour": "Dover", "high": "06:12"});
    Envelope::builder("table").row("1", row).build().unwrap()
}

/// An error that may pass.
pub(crate) fn busy() -> Error {
    Error::new(ErrorKind::Unavailable, "the harbour is closed")
}

/// A clock that goes with tokio's, which tests pause.
#[derive(Debug)]
pub(crate) struct PausedClock {
    from: SystemTime,
    begun: Instant,
}

impl PausedClock {
    /// Starts at this time of day, RFC 3339.
    pub(crate) fn starting_at(time: &str) -> Self {
        Self {
            from: time.parse::<jiff::Timestamp>().unwrap().into(),
            begun: Instant::now(),
        }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        self.from + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn id(&self) -> String {
        duologue::clock::SystemClock.id()
    }
}
