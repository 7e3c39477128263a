//! Runs that come again: after a restart, from elsewhere, or while an earlier attempt still goes on.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duologue::Result;
use duologue::flow::audit::{
    AuditEntry, AuditFilter, AuditStore, Audited, AuditedRun, MemoryAudit, RunHistory,
};
use duologue::flow::control::{
    ControlPlane, ControlPlaneBuilder, Event, FlowContext, MemoryQueue, QueueJob, RunQueue,
    RunState,
};
use duologue::flow::envelope::Envelope;
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::runs::states;
use super::tides;
use super::worker::work_off;
#[cfg(feature = "audit")]
use crate::support::folder;

/// A control plane as a process of its own has it, and how often its flow began.
fn process(audit: &MemoryAudit) -> (ControlPlaneBuilder, Arc<AtomicUsize>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let builder =
        ControlPlane::builder()
            .audit(audit.clone())
            .flow("good", move |_: FlowContext| {
                counted.fetch_add(1, Ordering::SeqCst);
                async { Ok(tides()) }
            });
    (builder, begun)
}

fn order() -> Event {
    Event::new("good", Value::Null).run_id("order-17")
}

fn state_entry(attempt: u32, state: &str) -> AuditEntry {
    serde_json::from_value(json!({
        "run_id": "order-17", "flow": "good", "attempt": attempt, "time": "2026-11-21T07:00:00Z",
        "kind": "state", "state": state,
    }))
    .unwrap()
}

fn row(store: &dyn AuditStore) -> AuditedRun {
    let history = pollster::block_on(store.history("order-17")).unwrap();
    history.unwrap().run
}

fn what_a_superseded_attempt_did_changes_nothing(store: &dyn AuditStore) {
    let put = |attempt, state| pollster::block_on(store.put(state_entry(attempt, state))).unwrap();
    for (attempt, state, expected) in [
        (0, "queued", (RunState::Queued, 0)),
        (1, "running", (RunState::Running, 1)),
        (2, "running", (RunState::Running, 2)),
        (1, "succeeded", (RunState::Running, 2)),
        (0, "queued", (RunState::Running, 2)),
        (2, "interrupted", (RunState::Interrupted, 2)),
        (1, "failed", (RunState::Interrupted, 2)),
        (0, "queued", (RunState::Queued, 0)),
        (1, "running", (RunState::Running, 1)),
        (1, "interrupted", (RunState::Interrupted, 1)),
        (2, "failed", (RunState::Failed, 2)),
        (3, "succeeded", (RunState::Failed, 2)),
    ] {
        put(attempt, state);
        let row = row(store);
        assert_eq!((row.state, row.attempt), expected, "{attempt} {state}");
    }
}

#[test]
fn a_store_keeps_the_latest_attempt() {
    what_a_superseded_attempt_did_changes_nothing(&MemoryAudit::new());
    #[cfg(feature = "audit")]
    {
        let folder = folder();
        let path = folder.path().join("audit.sqlite");
        let store = duologue::flow::audit::SqliteAudit::open(path).unwrap();
        what_a_superseded_attempt_did_changes_nothing(&store);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hung_does_not_write_over_the_one_that_took_its_run() {
    let audit = MemoryAudit::new();
    let queue = MemoryQueue::new().lease(Duration::from_secs(1));
    let plane = |envelope: fn() -> Envelope| {
        ControlPlane::builder()
            .audit(audit.clone())
            .queue(queue.clone())
            .flow("good", move |_: FlowContext| async move {
                sleep(Duration::from_secs(2)).await;
                Ok(envelope())
            })
            .build()
            .unwrap()
    };
    let hangs = plane(tides);
    let other = plane(|| Envelope::builder("table").build().unwrap());
    hangs.ingest(order()).await.unwrap();
    let stop = CancellationToken::new();
    let mut hanging = Box::pin(hangs.work(&stop));
    assert!((&mut hanging).now_or_never().is_none());
    // Nobody polls it: its lease runs out, and its flow is ready to end.
    sleep(Duration::from_secs(3)).await;
    let wakes = async {
        sleep(Duration::from_secs(1)).await;
        assert!((&mut hanging).now_or_never().is_none());
        let row = row(&audit);
        assert_eq!((row.state, row.attempt), (RunState::Running, 2));
        sleep(Duration::from_secs(5)).await;
        stop.cancel();
    };
    futures::join!(other.work(&stop), wakes).0.unwrap();
    let row = row(&audit);
    assert_eq!((row.state, row.attempt), (RunState::NoResults, 2));
}

#[test]
fn the_same_run_id_starts_nothing_after_a_restart_either() {
    let audit = MemoryAudit::new();
    let (before, _) = process(&audit);
    let before = before.build().unwrap();
    pollster::block_on(before.ingest(order())).unwrap();
    let (after, begun) = process(&audit);
    let queued = after.queue(MemoryQueue::new()).build().unwrap();
    let (after, begun_at_once) = process(&audit);
    for after in [queued, after.build().unwrap()] {
        let run = pollster::block_on(after.ingest(order())).unwrap();
        assert_eq!(run.state(), RunState::Succeeded);
        assert_eq!(run.status().attempt, 1);
    }
    let count = |begun: &AtomicUsize| begun.load(Ordering::SeqCst);
    assert_eq!((count(&begun), count(&begun_at_once)), (0, 0));
    assert_eq!(states(&audit, "order-17").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_interrupted_begins_again_when_its_event_comes_again() {
    for with_queue in [false, true] {
        let audit = MemoryAudit::new();
        audit.put(state_entry(2, "interrupted")).await.unwrap();
        let (builder, begun) = process(&audit);
        let builder = if with_queue {
            builder.queue(MemoryQueue::new())
        } else {
            builder
        };
        let plane = builder.build().unwrap();
        plane.ingest(order()).await.unwrap();
        if with_queue {
            work_off(&plane).await;
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert_eq!(row(&audit).state, RunState::Succeeded, "{with_queue}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_queue_has_already_changes_nothing() {
    let (audit, queue) = (MemoryAudit::new(), MemoryQueue::new());
    let slow = ControlPlane::builder()
        .audit(audit.clone())
        .queue(queue.clone())
        .flow("good", |_: FlowContext| async {
            sleep(Duration::from_secs(5)).await;
            Ok(tides())
        })
        .build()
        .unwrap();
    slow.ingest(order()).await.unwrap();
    let (beside, _) = process(&audit);
    let beside = beside.queue(queue.clone()).build().unwrap();
    let asking = async {
        sleep(Duration::from_secs(1)).await;
        let run = beside.ingest(order()).await.unwrap();
        assert_eq!(run.state(), RunState::Running);
        assert_eq!(row(&audit).state, RunState::Running);
    };
    futures::join!(work_off(&slow), asking);
    let expected = [RunState::Queued, RunState::Running, RunState::Succeeded];
    assert_eq!(states(&audit, "order-17"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_end_was_kept_is_only_taken_from_the_queue() {
    let (audit, queue) = (MemoryAudit::new(), MemoryQueue::new());
    audit.put(state_entry(1, "succeeded")).await.unwrap();
    let payload = serde_json::to_value(order()).unwrap();
    let job = QueueJob::new("order-17", "runs", payload);
    queue.submit(job).await.unwrap();
    let (plane, begun) = process(&audit);
    let plane = plane.queue(queue.clone()).build().unwrap();
    plane.ingest(Event::new("good", Value::Null)).await.unwrap();
    let report = work_off(&plane).await;
    assert_eq!((report.repeated, report.succeeded), (1, 1));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_queued_run_that_is_cancelled_begins_in_no_other_process() {
    let (audit, queue) = (MemoryAudit::new(), MemoryQueue::new());
    let (asks, _) = process(&audit);
    let asks = asks.queue(queue.clone()).build().unwrap();
    asks.ingest(order()).await.unwrap().cancel();
    let (works, begun) = process(&audit);
    let works = works.queue(queue.clone()).build().unwrap();
    works.ingest(Event::new("good", Value::Null)).await.unwrap();
    let report = work_off(&works).await;
    assert_eq!((report.cancelled, report.succeeded), (1, 1));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

/// Keeps an end, and never says so.
#[derive(Debug)]
struct Silent(MemoryAudit);

#[async_trait]
impl AuditStore for Silent {
    async fn put(&self, entry: AuditEntry) -> Result<()> {
        let is_end =
            matches!(&entry.what, Audited::State(change) if change.state == RunState::Succeeded);
        self.0.put(entry).await?;
        if is_end {
            pending::<()>().await;
        }
        Ok(())
    }

    async fn runs(&self, filter: &AuditFilter) -> Result<Vec<AuditedRun>> {
        self.0.runs(filter).await
    }

    async fn history(&self, run_id: &str) -> Result<Option<RunHistory>> {
        self.0.history(run_id).await
    }
}

#[test]
fn a_run_dropped_while_its_end_is_kept_has_that_end() {
    let audit = MemoryAudit::new();
    let plane = ControlPlane::builder()
        .audit(Silent(audit.clone()))
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    assert!(plane.ingest(order()).now_or_never().is_none());
    let run = plane.run("order-17").unwrap();
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!(row(&audit).state, RunState::Succeeded);
}
