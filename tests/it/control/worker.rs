//! Working off a queue: limits, attempts, leases, dead letters, and an end that loses nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::error::ErrorKind;
use duologue::flow::audit::MemoryAudit;
use duologue::flow::control::{
    ControlPlane, ControlPlaneBuilder, Event, FlowContext, FlowOptions, MemoryQueue, QueueJob,
    RunQueue, RunState, WorkReport,
};
use duologue::lifecycle::{Lifecycle, Phase, Subject};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::runs::states;
use super::{busy, tides};

/// Works until all runs of the control plane have ended.
pub(crate) async fn work_off(plane: &ControlPlane) -> WorkReport {
    let stop = CancellationToken::new();
    let ending = async {
        for run in plane.runs() {
            plane.run(&run.run_id).unwrap().wait().await;
        }
        stop.cancel();
    };
    futures::join!(plane.work(&stop), ending).0.unwrap()
}

/// How many at once, and the most that there were.
#[derive(Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    pub(crate) most: AtomicUsize,
}

impl Gauge {
    pub(crate) async fn during(&self, time: Duration) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sleep(time).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A flow that takes a second, and its gauge.
pub(super) fn gauged(
    builder: ControlPlaneBuilder,
    name: &str,
    options: FlowOptions,
) -> (ControlPlaneBuilder, Arc<Gauge>) {
    let gauge = Arc::new(Gauge::default());
    let inner = gauge.clone();
    let flow = move |_: FlowContext| {
        let gauge = inner.clone();
        async move {
            gauge.during(Duration::from_secs(1)).await;
            Ok(tides())
        }
    };
    (builder.flow_with(name, flow, options), gauge)
}

#[tokio::test(start_paused = true)]
async fn no_more_runs_at_once_than_allowed_in_all_and_by_flow() {
    let builder = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .concurrency(4);
    let (builder, narrow) = gauged(builder, "narrow", FlowOptions::new().limit(1));
    let (builder, wide) = gauged(builder, "wide", FlowOptions::new());
    let plane = builder.build().unwrap();
    for flow in ["narrow"; 3].into_iter().chain(["wide"; 9]) {
        plane.ingest(Event::new(flow, Value::Null)).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    let report = work_off(&plane).await;
    assert_eq!(report.succeeded, 12);
    assert_eq!(narrow.most.load(Ordering::SeqCst), 1);
    assert_eq!(
        wide.most.load(Ordering::SeqCst),
        3,
        "those that wait hold no others up"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_for_good_is_not_tried_again() {
    let (queue, audit) = (MemoryQueue::new(), MemoryAudit::new());
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .audit(audit.clone())
        .flow("broken", |_: FlowContext| async {
            Err(duologue::Error::new(ErrorKind::Auth, "no key"))
        })
        .flow("panics", |_: FlowContext| async { panic!("at once") })
        .build()
        .unwrap();
    let runs = [
        plane
            .ingest(Event::new("broken", Value::Null))
            .await
            .unwrap(),
        plane
            .ingest(Event::new("panics", Value::Null))
            .await
            .unwrap(),
    ];
    let report = work_off(&plane).await;
    assert_eq!((report.failed, report.retried, report.dead), (2, 0, 0));
    for run in runs {
        let expected = [RunState::Queued, RunState::Running, RunState::Failed];
        assert_eq!(states(&audit, run.id()), expected);
    }
    assert!(queue.is_empty() && queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_recovers_succeeds_and_everybody_hears_of_its_attempts() {
    let lifecycle = Lifecycle::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    lifecycle
        .on(move |event| {
            if event.subject == Subject::Run {
                told.lock()
                    .unwrap()
                    .push((event.phase, event.attempt.unwrap()));
            }
        })
        .unwrap();
    let plane = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .lifecycle(lifecycle.clone())
        .flow("second time", |context: FlowContext| async move {
            if context.attempt() == 1 {
                Err(busy())
            } else {
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    let run = plane
        .ingest(Event::new("second time", Value::Null))
        .await
        .unwrap();
    let report = work_off(&plane).await;
    assert_eq!((report.succeeded, report.retried), (1, 1));
    assert_eq!((run.status().attempt, run.status().error), (2, None));
    lifecycle.flush_blocking();
    let expected = [
        (Phase::Started, 1),
        (Phase::Retried, 1),
        (Phase::Started, 2),
        (Phase::Finished, 2),
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_no_event_or_names_no_flow_is_dead() {
    let (queue, audit) = (MemoryQueue::new(), MemoryAudit::new());
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .audit(audit.clone())
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    queue
        .submit(QueueJob::new("x", "runs", json!(7)))
        .await
        .unwrap();
    queue
        .submit(QueueJob::new("y", "runs", json!({"flow": "gone"})))
        .await
        .unwrap();
    plane.ingest(Event::new("good", Value::Null)).await.unwrap();
    let report = work_off(&plane).await;
    assert_eq!((report.dead, report.succeeded), (2, 1));
    let said: Vec<_> = queue
        .dead_letters()
        .into_iter()
        .map(|letter| letter.reason.error.message)
        .collect();
    assert_eq!(said, ["the job is no event", "there is no flow `gone`"]);
    assert_eq!(states(&audit, "y"), [RunState::Dead]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_worker_waits_for_runs_and_puts_back_what_takes_too_long() {
    let (queue, audit) = (MemoryQueue::new(), MemoryAudit::new());
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .audit(audit.clone())
        .drain(Duration::from_secs(10))
        .max_attempts(1)
        .flow("short", |_: FlowContext| async {
            sleep(Duration::from_secs(5)).await;
            Ok(tides())
        })
        .flow("long", |_: FlowContext| async {
            sleep(Duration::from_secs(60)).await;
            Ok(tides())
        })
        .build()
        .unwrap();
    let short = plane
        .ingest(Event::new("short", Value::Null))
        .await
        .unwrap();
    let long = plane.ingest(Event::new("long", Value::Null)).await.unwrap();
    let stop = CancellationToken::new();
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
        let late = Event::new("short", Value::Null);
        plane.ingest(late).await.unwrap()
    };
    let (report, late) = futures::join!(plane.work(&stop), stopping);
    let report = report.unwrap();
    assert_eq!((report.succeeded, report.released), (1, 1));
    assert_eq!(short.state(), RunState::Succeeded);
    assert_eq!(
        (long.state(), late.state()),
        (RunState::Queued, RunState::Queued)
    );
    assert_eq!(queue.len(), 2, "nothing is lost");
    work_off(&plane).await;
    assert_eq!(
        (long.state(), long.status().attempt),
        (RunState::Succeeded, 1),
        "a stop is no attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_dropped_leaves_its_run_to_the_next_one() {
    let audit = MemoryAudit::new();
    let plane = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .audit(audit.clone())
        .flow("slow", |_: FlowContext| async {
            sleep(Duration::from_secs(5)).await;
            Ok(tides())
        })
        .build()
        .unwrap();
    let run = plane.ingest(Event::new("slow", Value::Null)).await.unwrap();
    assert!(
        plane
            .work(&CancellationToken::new())
            .now_or_never()
            .is_none()
    );
    assert_eq!(run.state(), RunState::Interrupted);
    let stop = CancellationToken::new();
    let ending = async {
        sleep(Duration::from_secs(60)).await;
        stop.cancel();
    };
    futures::join!(plane.work(&stop), ending).0.unwrap();
    let expected = [
        RunState::Queued,
        RunState::Running,
        RunState::Interrupted,
        RunState::Running,
        RunState::Succeeded,
    ];
    assert_eq!(states(&audit, run.id()), expected);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_costs_its_worker_each_time_ends_with_the_dead() {
    let queue = MemoryQueue::new().lease(Duration::from_secs(1));
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .max_attempts(2)
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    let run = plane.ingest(Event::new("good", Value::Null)).await.unwrap();
    for _ in 0..2 {
        // A worker that takes the job, and is never heard of again.
        queue.next("runs").await.unwrap();
    }
    let report = work_off(&plane).await;
    assert_eq!((report.dead, run.state()), (1, RunState::Dead));
    let said = &queue.dead_letters()[0].reason.error.message;
    assert_eq!(said, "its worker was lost 2 times");
}

#[test]
fn work_without_a_queue_is_a_mistake() {
    let plane = ControlPlane::builder().build().unwrap();
    let error = pollster::block_on(plane.work(&CancellationToken::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
