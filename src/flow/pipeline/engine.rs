//! Running a pipeline: documents are read as slots get free, and each is driven to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures::stream::{FuturesUnordered, unfold};
use futures::{FutureExt, Stream, StreamExt};

use super::options::PipelineOptions;
use super::report::{PipelineReport, PipelineStatus};
use super::run::Run;
use super::settings::Pipeline;
use super::told::Told;
use crate::agent::AgentRunner;
use crate::error::Result;
use crate::flow::document::{Document, DocumentSource, Documents, Unreadable};
use crate::lifecycle::{Phase, Subject};

impl Pipeline {
    /// Runs all documents through the stages.
    ///
    /// Documents are read as there is room for them, so their number does not matter to memory. The
    /// future runs no task beside itself.
    ///
    /// # Errors
    /// What can be known before the first document: what [`check`](Self::check) finds, a source that
    /// cannot be opened, a directory that cannot be made. After that all is in the report: a failure of
    /// a document is its own, and where nothing can be written any more the run
    /// [pauses](PipelineStatus::Paused).
    ///
    /// # Cancel safety
    /// The future may be dropped at any time: the calls under way are recorded as cancelled, and what the
    /// stages gave so far is kept for a resumption. There is no report then;
    /// [`PipelineOptions::cancel_on`] gives one.
    pub async fn run(
        &self,
        runner: &AgentRunner,
        documents: DocumentSource,
        options: PipelineOptions,
    ) -> Result<PipelineReport> {
        self.check(runner)?;
        let documents = documents.open_on_thread().await?;
        let (limit, clean) = (options.limit.unwrap_or(u64::MAX), options.clean);
        let run = Run::open(self, runner, options).await?;
        if clean {
            run.clean().await?;
        }
        let mut event = run.event(Subject::Run, Phase::Started);
        event.documents = documents.total().map(|total| total.min(limit));
        let told = run.start(event);
        let was_read = run.all(documents, limit).await;
        let mut report = run.report(was_read);
        run.end(&mut report, told).await;
        Ok(report)
    }
}

/// After so many unreadable items others have their turn: no item of a file makes anybody wait.
const REFUSALS_IN_A_ROW: usize = 64;

/// What happens next to a run.
enum Happened {
    Read(Option<Item>),
    DocumentEnded,
    Halted,
    /// There is nothing to wait for any more.
    Over,
}

/// An item of the source, and how many were left out before it.
struct Item {
    read: Option<std::result::Result<Document, Unreadable>>,
    skipped: u64,
}

impl Run<'_> {
    /// Drives all documents; whether the source was read to its end.
    async fn all(&self, documents: Documents, limit: u64) -> bool {
        let mut source = pin!(read(documents));
        let mut under_way = FuturesUnordered::new();
        let mut halted = pin!(self.halt.cancelled().fuse());
        let (mut left, mut is_read, mut refused) = (limit, false, 0_usize);
        loop {
            let has_room = under_way.len() < self.pipeline.limits.documents;
            let may_read = !is_read && left > 0 && has_room && !self.is_halted();
            let happened = poll_fn(|context| {
                if halted.as_mut().poll_unpin(context).is_ready() {
                    return Poll::Ready(Happened::Halted);
                }
                if may_read && let Poll::Ready(item) = source.as_mut().poll_next(context) {
                    return Poll::Ready(Happened::Read(item));
                }
                match under_way.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => Poll::Ready(Happened::DocumentEnded),
                    Poll::Ready(None) if !may_read => Poll::Ready(Happened::Over),
                    _ => Poll::Pending,
                }
            });
            match happened.await {
                Happened::Read(None) => is_read = true,
                Happened::Read(Some(item)) => {
                    self.tally().documents.skipped = item.skipped;
                    let Some(read) = item.read else { continue };
                    left -= 1;
                    match read {
                        Ok(document) => under_way.push(self.drive(document)),
                        Err(unreadable) => {
                            self.refuse(&unreadable);
                            refused += 1;
                            if refused.is_multiple_of(REFUSALS_IN_A_ROW) {
                                give_way().await;
                            }
                        }
                    }
                }
                Happened::DocumentEnded | Happened::Halted => {}
                Happened::Over => return is_read || left == 0,
            }
        }
    }

    /// Removes what earlier runs wrote; what somebody changed since stays, and is told of.
    async fn clean(&self) -> Result<()> {
        let Some(artifacts) = &self.artifacts else {
            return Ok(());
        };
        let cleaned = artifacts.clean().await?;
        for file in cleaned.left {
            let notice = format!("`{file}` stays: it is not what a run wrote there any more");
            self.tally().notice(notice);
        }
        Ok(())
    }

    fn report(&self, was_read: bool) -> PipelineReport {
        let tally = self.tally();
        let documents = tally.documents;
        let is_whole = was_read && documents.interrupted == 0;
        let effort = tally.effort();
        let status = match (documents.succeeded, documents.failed) {
            _ if tally.paused_by.is_some() => PipelineStatus::Paused,
            _ if self.cancel.is_cancelled() && !is_whole => PipelineStatus::Cancelled,
            (_, 0) => PipelineStatus::Succeeded,
            (0, _) => PipelineStatus::Failed,
            _ => PipelineStatus::Partial,
        };
        let directory = self.directory.as_ref();
        let artifacts = self.artifacts.as_ref();
        PipelineReport {
            schema: PipelineReport::SCHEMA.to_owned(),
            run_id: self.runner.log().run_id().to_owned(),
            pipeline: self.pipeline.name.clone(),
            status,
            paused_by: tally.paused_by,
            directory: directory.map(|directory| directory.root().to_owned()),
            artifacts: artifacts.map(|artifacts| artifacts.directory().to_owned()),
            documents,
            stages: tally.stages.clone(),
            failures: tally.failures.clone(),
            calls: effort.calls,
            usage: effort.usage,
            cost_usd: effort.cost,
            calls_without_cost: tally.calls_without_cost,
            duration_ms: self.duration_ms(),
            problems: tally.problems.clone(),
            notices: tally.notices.clone(),
        }
    }

    /// Tells of the end, and keeps the report.
    async fn end(&self, report: &mut PipelineReport, told: Told<'_>) {
        let phase = match report.status {
            PipelineStatus::Succeeded | PipelineStatus::Partial => Phase::Finished,
            PipelineStatus::Failed | PipelineStatus::Cancelled | PipelineStatus::Paused => {
                Phase::Failed
            }
        };
        let mut event = self.event(Subject::Run, phase);
        event.documents = Some(report.documents.begun);
        event.duration_ms = Some(report.duration_ms);
        event.usage = report.usage;
        event.cost_usd = report.cost_usd;
        told.end(event);
        if let Some(directory) = &self.directory
            && let Err(error) = self.earlier.settle(directory)
        {
            self.tally().problem(self.shown(&error));
        }
        if let Err(error) = self.runner.flush().await {
            self.tally().problem(self.shown(&error));
        }
        report.problems.clone_from(&self.tally().problems);
        let Some(directory) = &self.directory else {
            return;
        };
        let text = serde_json::to_vec_pretty(report).unwrap_or_default();
        if let Err(error) = directory.write("pipeline.json", &text) {
            report.problems.push(self.shown(&error));
        }
    }
}

/// Lets the executor do something else once.
async fn give_way() {
    let mut gave = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The source as a stream.
fn read(documents: Documents) -> impl Stream<Item = Item> {
    unfold(Some(documents), |documents| async {
        let mut documents = documents?;
        let read = documents.next().await;
        let item = Item {
            skipped: documents.skipped(),
            read,
        };
        let rest = item.read.is_some().then_some(documents);
        Some((item, rest))
    })
}
