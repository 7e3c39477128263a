//! Working off a queue: leases taken when there is room, extended while a run goes on, and settled by
//! how it ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::execute::OpenRun;
use super::plane::{ControlPlane, Registered, Shared};
use super::run::RunCell;
use super::settle::note;
use super::{Lease, LeaseStatus, RunQueue};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::clean_name;

/// The wait before a queue that could not be asked is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long a job goes back for whose flow is full, when too many wait for theirs already.
const FLOW_IS_FULL: Duration = Duration::from_secs(1);

/// The shortest wait between two extensions of a lease.
const EXTEND_AGAIN: Duration = Duration::from_millis(1);

/// What [`ControlPlane::work`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkReport {
    /// Runs that ended with an envelope, `NO_RESULTS` included.
    pub succeeded: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Attempts that failed and went back to the queue, to be tried again.
    pub retried: u64,
    /// Runs that went back to the queue since the worker was to end, which is not counted as an attempt.
    pub released: u64,
    /// Runs that went to the dead letters.
    pub dead: u64,
    /// Runs that had ended before: their jobs were taken from the queue, and that was all.
    pub repeated: u64,
    /// Leases that were lost to another worker.
    pub lost: u64,
}

impl ControlPlane {
    /// Runs what waits in the queue, until `cancel` is cancelled; then it takes nothing more, waits for
    /// what is under way, and puts back into the queue what [takes too long](super::ControlPlaneBuilder::drain).
    ///
    /// All runs are polled by the task that polls this. It may be called several times at once; they
    /// share the [limit](super::ControlPlaneBuilder::concurrency).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] without a queue; else what the queue fails with, when that
    /// [does not pass](Error::is_retryable). Runs that fail are no error of this.
    ///
    /// # Cancel safety
    /// Dropped, runs under way become `interrupted`, and come again when their leases end.
    pub async fn work(&self, cancel: &CancellationToken) -> Result<WorkReport> {
        let Some(queue) = &self.shared.queue else {
            return Err(
                Error::new(ErrorKind::Config, "there is no queue to work off")
                    .with_hint("give the builder one by `queue`"),
            );
        };
        let worker = Worker {
            shared: self.shared.clone(),
            queue: queue.clone(),
            // One more, for the job that is being taken.
            waiting_room: Arc::new(Semaphore::new(
                (self.shared.concurrency + 1).min(Semaphore::MAX_PERMITS),
            )),
            stop: CancellationToken::new(),
            report: Mutex::default(),
            problem: Mutex::default(),
        };
        let jobs = stream::unfold((), |()| async { Some((worker.take(cancel).await?, ())) });
        let all = jobs.for_each_concurrent(None, |job| worker.work_on(job));
        let too_long = async {
            cancel.cancelled().await;
            clock::sleep(self.shared.drain).await;
        };
        if let Either::Right(((), rest)) = select(Box::pin(all), Box::pin(too_long)).await {
            worker.stop.cancel();
            rest.await;
        }
        let problem = worker
            .problem
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(error) => Err(error),
            None => Ok(worker
                .report
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<dyn RunQueue>,
    /// Room for jobs that wait for their flow's own limit, so that they hold no others up. A job that
    /// finds neither goes back for a while.
    waiting_room: Arc<Semaphore>,
    /// Runs under way are to go back.
    stop: CancellationToken,
    report: Mutex<WorkReport>,
    /// Why nothing more is taken.
    problem: Mutex<Option<Error>>,
}

/// A job, and the room that was made for it before it was taken.
struct Taken {
    lease: Lease,
    room: OwnedSemaphorePermit,
}

/// The flow's, where it has a limit, and a general one.
type Permits = (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit);

impl Worker {
    /// The next job, once there is room for it; `None` at the end.
    async fn take(&self, cancel: &CancellationToken) -> Option<Taken> {
        let taking = async {
            let room = self.waiting_room.clone().acquire_owned().await.ok()?;
            // Only looked at: a job that waited for its flow may need it while the queue is empty.
            drop(self.shared.permits.acquire().await.ok()?);
            loop {
                match self.queue.next(&self.shared.topic).await {
                    Ok(lease) => return Some(Taken { lease, room }),
                    Err(error) if error.is_retryable() => {
                        tracing::warn!(%error, "the queue of runs gives nothing for now");
                        clock::sleep(ASK_AGAIN).await;
                    }
                    Err(error) => {
                        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return None;
                    }
                }
            }
        };
        // The end first: nothing is taken after it.
        match select(Box::pin(cancel.cancelled()), Box::pin(taking)).await {
            Either::Left(_) => None,
            Either::Right((taken, _)) => taken,
        }
    }

    /// Runs the job once, extending its lease meanwhile, and settles it.
    async fn work_on(&self, taken: Taken) {
        let lease = taken.lease.clone();
        let done = select(Box::pin(self.run(taken)), Box::pin(self.keep(&lease))).await;
        if let Either::Right((LeaseStatus::Lost, _)) = done {
            self.count(|report| report.lost += 1);
        }
    }

    /// Extends the lease again and again, until it is lost.
    async fn keep(&self, lease: &Lease) -> LeaseStatus {
        loop {
            clock::sleep((lease.duration / 3).max(EXTEND_AGAIN)).await;
            match self.queue.extend(lease).await {
                Ok(LeaseStatus::Held) => {}
                Ok(LeaseStatus::Lost) => return LeaseStatus::Lost,
                Err(error) => tracing::warn!(%error, "a lease could not be extended"),
            }
        }
    }

    async fn run(&self, taken: Taken) {
        let Taken { lease, room } = taken;
        let event = serde_json::from_value::<Event>(lease.job.payload.clone());
        let flow = event.as_ref().map_or("", |event| &event.flow);
        let recorder = &self.shared.recorder;
        let id = &lease.job.id;
        let make = || {
            RunCell::new(
                id.clone(),
                clean_name(flow, &recorder.sanitizer),
                recorder.now(),
            )
        };
        let (cell, is_new) = self.shared.runs.add(id, make);
        let attempt = lease.attempt.max(1);
        if is_new {
            self.shared.adopt_end(&cell).await;
        }
        if cell.state().is_settled() {
            return self.settle(&lease, cell.ended_before(attempt)).await;
        }
        let open = || OpenRun::new(self.shared.clone(), cell.clone(), attempt);
        let found = match event {
            Ok(event) => self.shared.find(&event.flow).map(|found| (found, event)),
            Err(error) => {
                Err(Error::new(ErrorKind::Config, "the job is no event").with_source(error))
            }
        };
        let (registered, event) = match found {
            Ok(found) => found,
            Err(error) => return self.bury(&lease, open(), &error).await,
        };
        if attempt > self.shared.max_attempts {
            let message = format!("its worker was lost {} times", attempt - 1);
            let error = Error::new(ErrorKind::Internal, message);
            return self.bury(&lease, open(), &error).await;
        }
        if registered.is_full() && self.waiting_room.available_permits() == 0 {
            note(self.queue.release(&lease, FLOW_IS_FULL).await);
            return;
        }
        let permits = self.permits(registered);
        let Some(_permits) = self.stop.run_until_cancelled(permits).await.flatten() else {
            note(self.queue.release(&lease, Duration::ZERO).await);
            return self.count(|report| report.released += 1);
        };
        drop(room);
        let ended = open().execute(registered, event, Some(&self.stop)).await;
        self.settle(&lease, ended).await;
    }

    /// The flow's permit, then a general one: nothing general is held while the flow's is waited for.
    async fn permits(&self, registered: &Registered) -> Option<Permits> {
        let of_flow = match &registered.permits {
            Some(limit) => Some(limit.clone().acquire_owned().await.ok()?),
            None => None,
        };
        let general = self.shared.permits.clone().acquire_owned().await.ok()?;
        Some((of_flow, general))
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut WorkReport)) {
        add(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
