//! Where runs wait: the contract, and a queue in memory.

mod memory;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use memory::MemoryQueue;

use crate::error::Result;
use crate::flow::audit::TraceEvent;
use crate::lifecycle::EventError;

/// Where runs wait for workers: object-safe, shared by those who submit and those who work.
///
/// At least once: a job is handed out again when its [lease](Lease) runs out before it was settled by
/// [`ack`](Self::ack), [`retry`](Self::retry), [`release`](Self::release) or [`dead`](Self::dead). Settling
/// it twice changes nothing.
#[async_trait]
pub trait RunQueue: Send + Sync + fmt::Debug {
    /// Puts a job in. Its id is its own: while it is known, the same id is not taken again.
    ///
    /// # Errors
    /// Those of the queue behind it. That it is full is none.
    async fn submit(&self, job: QueueJob) -> Result<Submitted>;

    /// The next job of `topic`; waits until there is one.
    ///
    /// # Errors
    /// Those of the queue behind it; a [retryable](crate::Error::is_retryable) one is asked again.
    ///
    /// # Cancel safety
    /// No job is lost: one that was leased to a future that is dropped comes again when its lease ends.
    async fn next(&self, topic: &str) -> Result<Lease>;

    /// Starts the lease's time anew.
    ///
    /// # Errors
    /// Those of the queue behind it.
    async fn extend(&self, lease: &Lease) -> Result<LeaseStatus>;

    /// The job is done.
    ///
    /// # Errors
    /// Those of the queue behind it.
    async fn ack(&self, lease: &Lease) -> Result<LeaseStatus>;

    /// The job is to be handed out again after some time, on its topic, as its next attempt.
    ///
    /// # Errors
    /// Those of the queue behind it.
    async fn retry(&self, lease: &Lease, after: Duration) -> Result<LeaseStatus>;

    /// The job was not done, through no fault of its own: it is to be handed out again after some time, on
    /// its topic, and this time does not count as an [attempt](Lease::attempt).
    ///
    /// # Errors
    /// Those of the queue behind it.
    async fn release(&self, lease: &Lease, after: Duration) -> Result<LeaseStatus>;

    /// The job is not to be handed out any more, and is put aside with the reason.
    ///
    /// # Errors
    /// Those of the queue behind it.
    async fn dead(&self, lease: &Lease, reason: DeadReason) -> Result<LeaseStatus>;

    /// Whether jobs stay when this process dies. Default: they do not.
    fn outlives_process(&self) -> bool {
        false
    }
}

/// What waits in a queue.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueJob {
    /// Its id, given by who submits it.
    pub id: String,
    /// Who is to take it.
    pub topic: String,
    /// What it is about.
    pub payload: Value,
    /// How long it waits before it may be handed out for the first time.
    pub after: Duration,
}

impl QueueJob {
    /// A job that may be handed out at once.
    pub fn new(id: impl Into<String>, topic: impl Into<String>, payload: Value) -> Self {
        Self {
            id: id.into(),
            topic: topic.into(),
            payload,
            after: Duration::ZERO,
        }
    }

    /// Not before this time has passed.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

/// Debug shows no payload.
impl fmt::Debug for QueueJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueJob")
            .field("id", &self.id)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// What became of a job that was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Submitted {
    /// It waits.
    Accepted,
    /// One with its id waits, is worked on, or was settled not long ago.
    Duplicate,
    /// The queue holds as much as it may.
    Full,
}

/// A job that was handed out, for a time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The job.
    pub job: QueueJob,
    /// How often it was handed out, this time included, and those left out that were
    /// [released](RunQueue::release).
    pub attempt: u32,
    /// What the queue knows this lease by.
    pub receipt: String,
    /// How long it lasts, unless it is [extended](RunQueue::extend).
    pub duration: Duration,
}

impl Lease {
    /// A lease, for who implements a queue.
    pub fn new(
        job: QueueJob,
        attempt: u32,
        receipt: impl Into<String>,
        duration: Duration,
    ) -> Self {
        Self {
            job,
            attempt,
            receipt: receipt.into(),
            duration,
        }
    }
}

/// Whether a lease still held when it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseStatus {
    /// It did.
    Held,
    /// It had run out, or was settled before: nothing was changed.
    Lost,
}

/// Why a job lies with the dead letters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadReason {
    /// What went wrong last.
    pub error: EventError,
    /// How often it was tried.
    pub attempts: u32,
    /// The last 256 steps and remarks of the last attempt, sanitized.
    pub trace: Vec<TraceEvent>,
}

impl DeadReason {
    /// A reason without steps.
    pub fn new(error: EventError, attempts: u32) -> Self {
        Self {
            error,
            attempts,
            trace: Vec::new(),
        }
    }
}

/// A job that is not handed out any more.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The job.
    pub job: QueueJob,
    /// Why.
    pub reason: DeadReason,
}
