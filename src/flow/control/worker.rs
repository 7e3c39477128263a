//! Working off a queue: leases taken when there is room, extended while a run goes on, and settled by
//! how it ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::execute::{Ended, OpenRun};
use super::plane::{ControlPlane, Registered, Shared};
use super::run::RunCell;
use super::{DeadReason, Lease, LeaseStatus, RunQueue, RunState};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

/// The wait before a queue that could not be asked is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

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
    /// Attempts that went back to the queue, to be tried again.
    pub retried: u64,
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
            waiting_room: Arc::new(Semaphore::new(self.shared.concurrency)),
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

struct Worker {
    shared: Arc<Shared>,
    queue: Arc<dyn RunQueue>,
    /// Room for jobs that wait for their flow's own limit, so that they hold no others up.
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
    permit: OwnedSemaphorePermit,
}

impl Worker {
    /// The next job, once there is room for it; `None` at the end.
    async fn take(&self, cancel: &CancellationToken) -> Option<Taken> {
        let taking = async {
            let room = self.waiting_room.clone().acquire_owned().await.ok()?;
            let permit = self.shared.permits.clone().acquire_owned().await.ok()?;
            loop {
                match self.queue.next(&self.shared.topic).await {
                    Ok(lease) => {
                        return Some(Taken {
                            lease,
                            room,
                            permit,
                        });
                    }
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
            clock::sleep(lease.duration / 3).await;
            match self.queue.extend(lease).await {
                Ok(LeaseStatus::Held) => {}
                Ok(LeaseStatus::Lost) => return LeaseStatus::Lost,
                Err(error) => tracing::warn!(%error, "a lease could not be extended"),
            }
        }
    }

    async fn run(&self, taken: Taken) {
        let Taken {
            lease,
            room,
            permit,
        } = taken;
        let event = serde_json::from_value::<Event>(lease.job.payload.clone());
        let flow = event.as_ref().map_or("", |event| &event.flow).to_owned();
        let recorder = &self.shared.recorder;
        let id = &lease.job.id;
        let make = || RunCell::new(id.clone(), flow.clone(), recorder.now());
        let (cell, _) = self.shared.runs.add(id, make);
        let attempt = lease.attempt.max(1);
        let open = OpenRun::new(self.shared.clone(), cell, attempt, RunState::Interrupted);
        let found = match event {
            Ok(event) => self.shared.find(&event.flow).map(|found| (found, event)),
            Err(error) => {
                Err(Error::new(ErrorKind::Config, "the job is no event").with_source(error))
            }
        };
        let (registered, event) = match found {
            Ok(found) => found,
            Err(error) => return self.bury(&lease, open, &error).await,
        };
        if attempt > self.shared.max_attempts {
            let message = format!("its worker was lost {} times", attempt - 1);
            let error = Error::new(ErrorKind::Internal, message);
            return self.bury(&lease, open, &error).await;
        }
        let Some(_permits) = self.permits(registered, room, permit).await else {
            return self.stopped(&lease, open).await;
        };
        let ended = open.execute(registered, event, Some(&self.stop)).await;
        self.settle(&lease, ended).await;
    }

    /// The flow's permit and a general one, taken in this order; `None` when the worker is to stop.
    async fn permits(
        &self,
        registered: &Registered,
        room: OwnedSemaphorePermit,
        permit: OwnedSemaphorePermit,
    ) -> Option<(Option<OwnedSemaphorePermit>, OwnedSemaphorePermit)> {
        let Some(limit) = &registered.permits else {
            return Some((None, permit));
        };
        if let Ok(of_flow) = limit.clone().try_acquire_owned() {
            return Some((Some(of_flow), permit));
        }
        drop(permit);
        let waiting = async {
            let of_flow = limit.clone().acquire_owned().await.ok()?;
            let permit = self.shared.permits.clone().acquire_owned().await.ok()?;
            Some((Some(of_flow), permit))
        };
        let permits = self.stop.run_until_cancelled(waiting).await.flatten();
        drop(room);
        permits
    }

    async fn settle(&self, lease: &Lease, ended: Ended) {
        match ended {
            Ended::Well(open, envelope) => {
                let failed = envelope.error.is_some();
                open.succeed(envelope).await;
                self.ack(lease).await;
                self.count(|report| {
                    if failed {
                        report.failed += 1;
                    } else {
                        report.succeeded += 1;
                    }
                });
            }
            Ended::Badly(open, error) if error.is_retryable() => {
                if open.attempt() >= self.shared.max_attempts {
                    return self.bury(lease, open, &error).await;
                }
                let delay = self.shared.backoff.after(open.attempt());
                open.back(Some(&error)).await;
                note(self.queue.retry(lease, delay).await);
                self.count(|report| report.retried += 1);
            }
            Ended::Badly(open, error) => {
                open.fail(RunState::Failed, &error).await;
                self.ack(lease).await;
                self.count(|report| report.failed += 1);
            }
            Ended::Cancelled(open) => {
                open.cancelled().await;
                self.ack(lease).await;
                self.count(|report| report.cancelled += 1);
            }
            Ended::Stopped(open) => self.stopped(lease, open).await,
            Ended::BeforeItBegan => {
                self.ack(lease).await;
                self.count(|report| report.repeated += 1);
            }
        }
    }

    async fn stopped(&self, lease: &Lease, open: OpenRun) {
        open.back(None).await;
        note(self.queue.retry(lease, Duration::ZERO).await);
        self.count(|report| report.retried += 1);
    }

    /// Puts the job aside, with the error and the steps that led to it.
    async fn bury(&self, lease: &Lease, open: OpenRun, error: &Error) {
        let mut reason = DeadReason::new(self.shared.recorder.said(error), open.attempt());
        reason.trace = open.steps();
        open.fail(RunState::Dead, error).await;
        note(self.queue.dead(lease, reason).await);
        self.count(|report| report.dead += 1);
    }

    async fn ack(&self, lease: &Lease) {
        note(self.queue.ack(lease).await);
    }

    fn count(&self, add: impl FnOnce(&mut WorkReport)) {
        add(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A job that could not be settled comes again when its lease ends; its run has its end by then.
fn note(settled: Result<LeaseStatus>) {
    if let Err(error) = settled {
        tracing::warn!(%error, "a job could not be settled");
    }
}
