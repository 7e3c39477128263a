//! A queue in memory, for one process: woken by notification, bounded, with leases that run out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DeadLetter, DeadReason, Lease, LeaseStatus, QueueJob, RunQueue, Submitted};
use crate::clock;
use crate::error::Result;

/// Ids of settled jobs, and dead letters, that are remembered; the last ones.
const MAX_SETTLED: usize = 10_000;

/// A wait without an end that is known.
const LONG: Duration = Duration::from_secs(3600);

/// Longer leases and delays are this long, a year: times may be reckoned with.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Shorter leases are this long, since one that is over at once is handed out for ever.
const SHORTEST_LEASE: Duration = Duration::from_millis(1);

/// A queue in memory. A clone shares it; what is in it ends with the process.
#[derive(Clone)]
pub struct MemoryQueue {
    shared: Arc<Shared>,
    capacity: usize,
    lease: Duration,
}

#[derive(Default)]
struct Shared {
    jobs: Mutex<Jobs>,
    changed: Notify,
}

#[derive(Default)]
struct Jobs {
    /// By topic, in the order in which they may be handed out.
    waiting: HashMap<String, BTreeMap<(Instant, u64), Waiting>>,
    leased: HashMap<String, Leased>,
    /// Ids of all that waits or is leased.
    ids: HashSet<String>,
    settled: VecDeque<String>,
    settled_ids: HashSet<String>,
    dead: VecDeque<DeadLetter>,
    counter: u64,
}

struct Waiting {
    job: QueueJob,
    /// How often it was handed out, without those times that were released.
    attempts: u32,
}

struct Leased {
    job: QueueJob,
    attempts: u32,
    until: Instant,
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = self.lock();
        f.debug_struct("MemoryQueue")
            .field("jobs", &jobs.ids.len())
            .field("dead", &jobs.dead.len())
            .finish_non_exhaustive()
    }
}

impl MemoryQueue {
    /// One that holds 10,000 jobs, with leases of 30 s.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            capacity: 10_000,
            lease: Duration::from_secs(30),
        }
    }

    /// Holds so many jobs, those that are worked on included.
    pub fn capacity(mut self, jobs: usize) -> Self {
        self.capacity = jobs;
        self
    }

    /// How long a job is leased to a worker that does not extend it: 1 ms to a year; what is beyond
    /// these counts as the nearer of them.
    pub fn lease(mut self, duration: Duration) -> Self {
        self.lease = duration.clamp(SHORTEST_LEASE, LONGEST);
        self
    }

    /// Jobs that wait or are worked on.
    pub fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// Whether nothing waits or is worked on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last 10,000 dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().dead.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.shared
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the leased job out, if the lease still holds.
    fn settle(&self, lease: &Lease, then: impl FnOnce(&mut Jobs, Leased)) -> LeaseStatus {
        let mut jobs = self.lock();
        let holds = |leased: &Leased| leased.until > Instant::now();
        if !jobs.leased.get(&lease.receipt).is_some_and(holds) {
            return LeaseStatus::Lost;
        }
        if let Some(leased) = jobs.leased.remove(&lease.receipt) {
            then(&mut jobs, leased);
        }
        drop(jobs);
        self.shared.changed.notify_waiters();
        LeaseStatus::Held
    }
}

impl Jobs {
    fn wait(&mut self, job: QueueJob, attempts: u32, from: Instant) {
        self.counter += 1;
        let topic = self.waiting.entry(job.topic.clone()).or_default();
        topic.insert((from, self.counter), Waiting { job, attempts });
    }

    fn forget(&mut self, id: String) {
        self.ids.remove(&id);
        if self.settled_ids.insert(id.clone()) {
            self.settled.push_back(id);
        }
        if self.settled.len() > MAX_SETTLED
            && let Some(oldest) = self.settled.pop_front()
        {
            self.settled_ids.remove(&oldest);
        }
    }

    /// Puts jobs back whose leases have run out.
    fn reclaim(&mut self, now: Instant) {
        let over: Vec<String> = self
            .leased
            .iter()
            .filter(|(_, leased)| leased.until <= now)
            .map(|(receipt, _)| receipt.clone())
            .collect();
        for receipt in over {
            if let Some(leased) = self.leased.remove(&receipt) {
                self.wait(leased.job, leased.attempts, leased.until);
            }
        }
    }

    fn lease(&mut self, topic: &str, now: Instant, duration: Duration) -> Option<Lease> {
        let waiting = self.waiting.get_mut(topic)?;
        let first = waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let Waiting { job, attempts } = first.remove();
        if waiting.is_empty() {
            self.waiting.remove(topic);
        }
        self.counter += 1;
        let receipt = self.counter.to_string();
        let leased = Leased {
            job: job.clone(),
            attempts: attempts + 1,
            until: now + duration,
        };
        self.leased.insert(receipt.clone(), leased);
        Some(Lease::new(job, attempts + 1, receipt, duration))
    }

    /// When there may be something to hand out without anybody's doing.
    fn next_change(&self, topic: &str) -> Option<Instant> {
        let waiting = self.waiting.get(topic).and_then(BTreeMap::first_key_value);
        let leases = self.leased.values().map(|leased| leased.until);
        leases.chain(waiting.map(|((from, _), _)| *from)).min()
    }
}

#[async_trait]
impl RunQueue for MemoryQueue {
    async fn submit(&self, job: QueueJob) -> Result<Submitted> {
        let mut jobs = self.lock();
        if jobs.ids.contains(&job.id) || jobs.settled_ids.contains(&job.id) {
            return Ok(Submitted::Duplicate);
        }
        if jobs.ids.len() >= self.capacity {
            return Ok(Submitted::Full);
        }
        jobs.ids.insert(job.id.clone());
        let from = Instant::now() + job.after.min(LONGEST);
        jobs.wait(job, 0, from);
        drop(jobs);
        self.shared.changed.notify_waiters();
        Ok(Submitted::Accepted)
    }

    async fn next(&self, topic: &str) -> Result<Lease> {
        loop {
            // Before the look, so that nothing that comes after it is missed.
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let now = Instant::now();
            let next_change = {
                let mut jobs = self.lock();
                jobs.reclaim(now);
                if let Some(lease) = jobs.lease(topic, now, self.lease) {
                    return Ok(lease);
                }
                jobs.next_change(topic)
            };
            clock::until(Some(next_change.unwrap_or(now + LONG)), changed).await;
        }
    }

    async fn extend(&self, lease: &Lease) -> Result<LeaseStatus> {
        let (mut jobs, now) = (self.lock(), Instant::now());
        let leased = jobs.leased.get_mut(&lease.receipt);
        Ok(match leased.filter(|leased| leased.until > now) {
            Some(leased) => {
                leased.until = now + self.lease;
                LeaseStatus::Held
            }
            None => LeaseStatus::Lost,
        })
    }

    async fn ack(&self, lease: &Lease) -> Result<LeaseStatus> {
        Ok(self.settle(lease, |jobs, leased| jobs.forget(leased.job.id)))
    }

    async fn retry(&self, lease: &Lease, after: Duration) -> Result<LeaseStatus> {
        let from = Instant::now() + after.min(LONGEST);
        Ok(self.settle(lease, |jobs, leased| {
            jobs.wait(leased.job, leased.attempts, from);
        }))
    }

    async fn release(&self, lease: &Lease, after: Duration) -> Result<LeaseStatus> {
        let from = Instant::now() + after.min(LONGEST);
        Ok(self.settle(lease, |jobs, leased| {
            jobs.wait(leased.job, leased.attempts.saturating_sub(1), from);
        }))
    }

    async fn dead(&self, lease: &Lease, reason: DeadReason) -> Result<LeaseStatus> {
        Ok(self.settle(lease, |jobs, leased| {
            jobs.forget(leased.job.id.clone());
            let job = leased.job;
            jobs.dead.push_back(DeadLetter { job, reason });
            if jobs.dead.len() > MAX_SETTLED {
                jobs.dead.pop_front();
            }
        }))
    }
}
