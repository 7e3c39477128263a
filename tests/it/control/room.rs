//! Room for runs: limits of flows beside that of all, and leases of any length.

use std::sync::atomic::Ordering;
use std::time::Duration;

use duologue::flow::control::{
    ControlPlane, Event, FlowContext, FlowOptions, MemoryQueue, QueueJob, RunQueue, Schedule,
    Scheduler,
};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::worker::{gauged, work_off};
use super::{PausedClock, tides};

#[tokio::test(start_paused = true)]
async fn runs_that_waited_for_their_flow_all_go_on_while_the_queue_is_empty() {
    let one = FlowOptions::new().limit(1);
    let builder = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .concurrency(2);
    let (builder, _) = gauged(builder, "a", one.clone());
    let (builder, _) = gauged(builder, "b", one);
    let plane = builder.build().unwrap();
    for flow in ["a", "a", "b", "b"] {
        plane.ingest(Event::new(flow, Value::Null)).await.unwrap();
    }
    let begun = Instant::now();
    let never = CancellationToken::new();
    let both = async { futures::join!(work_off(&plane), plane.work(&never)) };
    let done = async {
        for run in plane.runs() {
            plane.run(&run.run_id).unwrap().wait().await;
        }
    };
    let waited = timeout(Duration::from_secs(60), async {
        futures::future::select(Box::pin(both), Box::pin(done)).await;
    });
    waited.await.expect("idle workers hold nothing");
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_full_holds_no_other_up_however_many_of_its_runs_wait() {
    let builder = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .concurrency(2);
    let (builder, narrow) = gauged(builder, "narrow", FlowOptions::new().limit(1));
    let (builder, _) = gauged(builder, "wide", FlowOptions::new());
    let plane = builder.build().unwrap();
    for _ in 0..20 {
        let event = Event::new("narrow", Value::Null);
        plane.ingest(event).await.unwrap();
    }
    let wide = plane.ingest(Event::new("wide", Value::Null)).await.unwrap();
    let begun = Instant::now();
    let waiting = async {
        wide.wait().await;
        begun.elapsed()
    };
    let (report, waited) = futures::join!(work_off(&plane), waiting);
    assert_eq!(waited, Duration::from_secs(1));
    assert_eq!((report.succeeded, report.retried), (21, 0));
    assert_eq!(narrow.most.load(Ordering::SeqCst), 1);
    assert!(plane.runs().iter().all(|run| run.attempt == 1));
}

#[tokio::test(start_paused = true)]
async fn times_without_bounds_are_no_trouble() {
    for lease in [Duration::MAX, Duration::ZERO] {
        let queue = MemoryQueue::new().lease(lease);
        let job = QueueJob::new("a", "runs", json!({"flow": "good"})).after(Duration::ZERO);
        queue.submit(job).await.unwrap();
        let leased = queue.next("runs").await.unwrap();
        assert!(leased.duration > Duration::ZERO);
        queue.extend(&leased).await.unwrap();
        queue.release(&leased, Duration::ZERO).await.unwrap();
        let plane = ControlPlane::builder()
            .queue(queue)
            .flow("good", |_: FlowContext| async { Ok(tides()) })
            .build()
            .unwrap();
        let run = plane.ingest(Event::new("good", Value::Null)).await.unwrap();
        work_off(&plane).await;
        assert!(run.state().is_final(), "{lease:?}");
    }
    let never = Schedule::every(Duration::MAX, "never").unwrap();
    let scheduler = Scheduler::builder()
        .clock(PausedClock::starting_at("2026-11-21T06:59:30Z"))
        .entry(never, |_| async { Ok(()) })
        .build()
        .unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(
        scheduler
            .run(&CancellationToken::new())
            .now_or_never()
            .is_none()
    );
}
