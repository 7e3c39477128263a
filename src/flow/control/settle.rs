//! What becomes of a job once its run has ended.

use std::time::Duration;

use super::execute::{Ended, OpenRun};
use super::worker::Worker;
use super::{DeadReason, Lease, LeaseStatus, RunState};
use crate::error::{Error, Result};

impl Worker {
    pub(super) async fn settle(&self, lease: &Lease, ended: Ended) {
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
            Ended::CancelledBefore => {
                self.ack(lease).await;
                self.count(|report| report.cancelled += 1);
            }
            Ended::Before => {
                self.ack(lease).await;
                self.count(|report| report.repeated += 1);
            }
        }
    }

    async fn stopped(&self, lease: &Lease, open: OpenRun) {
        open.back(None).await;
        note(self.queue.release(lease, Duration::ZERO).await);
        self.count(|report| report.released += 1);
    }

    /// Puts the job aside, with the error and the steps that led to it.
    pub(super) async fn bury(&self, lease: &Lease, open: OpenRun, error: &Error) {
        let mut reason = DeadReason::new(self.shared.recorder.said(error), open.attempt());
        reason.trace = open.steps();
        open.fail(RunState::Dead, error).await;
        note(self.queue.dead(lease, reason).await);
        self.count(|report| report.dead += 1);
    }

    async fn ack(&self, lease: &Lease) {
        note(self.queue.ack(lease).await);
    }
}

/// A job that could not be settled comes again when its lease ends; its run has its end by then.
pub(super) fn note(settled: Result<LeaseStatus>) {
    if let Err(error) = settled {
        tracing::warn!(%error, "a job could not be settled");
    }
}
