//! Every defect of the control plane (system 001), each with a test that names it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::error::ErrorKind;
use duologue::flow::control::{
    ControlPlane, DeliveryPolicy, Event, FlowContext, MemoryQueue, QueueJob, RunQueue, RunState,
    Scheduler,
};
use duologue::flow::envelope::Envelope;
use duologue::tool::{FunctionTool, ToolContext, ToolError, ToolSet};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::control::worker::{Gauge, work_off};
use crate::control::{PausedClock, busy, tides};

/// "One retry" makes three attempts.
#[tokio::test(start_paused = true)]
async fn one_retry_is_two_attempts() {
    let queue = MemoryQueue::new();
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .max_attempts(2)
        .flow("broken", move |context: FlowContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                context
                    .step("reader", async { Err::<(), _>(busy()) })
                    .await?;
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    let run = plane
        .ingest(Event::new("broken", Value::Null))
        .await
        .unwrap();
    let report = work_off(&plane).await;
    assert_eq!(begun.load(Ordering::SeqCst), 2);
    assert_eq!(
        (report.retried, report.dead, run.state()),
        (1, 1, RunState::Dead)
    );
    let letter = &queue.dead_letters()[0];
    assert_eq!((&*letter.job.id, letter.reason.attempts), (run.id(), 2));
    assert_eq!(letter.reason.error.message, "the harbour is closed");
    let steps: Vec<&str> = letter.reason.trace.iter().map(|step| &*step.name).collect();
    assert_eq!(
        steps,
        ["reader", "reader"],
        "begun and failed, of the last attempt alone"
    );
}

/// A job longer than the visibility timeout runs twice at once.
#[tokio::test(start_paused = true)]
async fn a_job_longer_than_its_lease_runs_once() {
    let gauge = Arc::new(Gauge::default());
    let begun = Arc::new(AtomicUsize::new(0));
    let (inner, counted) = (gauge.clone(), begun.clone());
    let plane = ControlPlane::builder()
        .queue(MemoryQueue::new().lease(Duration::from_secs(3)))
        .flow("long", move |_: FlowContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            let gauge = inner.clone();
            async move {
                gauge.during(Duration::from_secs(100)).await;
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    let run = plane.ingest(Event::new("long", Value::Null)).await.unwrap();
    let stop = CancellationToken::new();
    let ending = async {
        run.wait().await;
        stop.cancel();
    };
    // Two workers, so that there is somebody to run it again.
    let (first, second, ()) = futures::join!(plane.work(&stop), plane.work(&stop), ending);
    assert_eq!(first.unwrap().succeeded + second.unwrap().succeeded, 1);
    assert_eq!(
        (
            begun.load(Ordering::SeqCst),
            gauge.most.load(Ordering::SeqCst)
        ),
        (1, 1)
    );
    assert_eq!(run.status().attempt, 1);
}

/// Requeue forgets the topic.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_tried_again_keeps_its_topic() {
    let queue = MemoryQueue::new();
    queue
        .submit(QueueJob::new("a", "leads", json!(1)))
        .await
        .unwrap();
    let lease = queue.next("leads").await.unwrap();
    queue.retry(&lease, Duration::from_secs(1)).await.unwrap();
    let again = queue.next("leads").await.unwrap();
    assert_eq!((&*again.job.topic, again.attempt), ("leads", 2));
}

/// Run ids made in the same second collide.
#[test]
fn run_ids_of_the_same_second_differ() {
    let plane = ControlPlane::builder()
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    let ids = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let run = pollster::block_on(plane.ingest(Event::new("good", Value::Null)));
                    ids.lock().unwrap().insert(run.unwrap().id().to_owned());
                }
            });
        }
    });
    assert_eq!(ids.into_inner().unwrap().len(), 8000);
}

/// A missing envelope is acked as success.
#[tokio::test(start_paused = true)]
async fn a_missing_envelope_is_a_failure() {
    let plane = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .flow("silent", |_: FlowContext| async {
            Envelope::from_value(Value::Null)
        })
        .flow("no records", |_: FlowContext| async {
            let mut envelope = tides();
            envelope.records.clear();
            Ok(envelope)
        })
        .build()
        .unwrap();
    let runs = [
        plane
            .ingest(Event::new("silent", Value::Null))
            .await
            .unwrap(),
        plane
            .ingest(Event::new("no records", Value::Null))
            .await
            .unwrap(),
    ];
    let report = work_off(&plane).await;
    assert_eq!((report.succeeded, report.failed), (0, 2));
    for run in runs {
        let status = run.status();
        assert_eq!(status.state, RunState::Failed);
        assert_eq!(status.error.unwrap().kind, ErrorKind::InvalidEnvelope);
        assert!(run.envelope().is_none());
    }
}

/// The delivery gate is wired to nothing.
#[test]
fn the_delivery_gate_stands_before_tools_agents_and_deliveries() {
    let post = FunctionTool::new(
        "post",
        "Posts.",
        |_: serde_json::Map<String, Value>| async { Ok::<_, ToolError>("posted") },
    );
    let plane = ControlPlane::builder()
        .tools(
            ToolSet::builder()
                .tool(post.acting_on_world())
                .build()
                .unwrap(),
        )
        .acts_on_world("mailer")
        .delivery(DeliveryPolicy::ByEvent)
        .flow("posts", |context: FlowContext| async move {
            let asked = ToolContext::default();
            let tool = context.tools().permit("post", &json!({}), &asked).await;
            let step = context.step("mailer", async { Ok(()) }).await;
            let delivery = context.deliver("letter", async { Ok(()) }).await;
            let allowed = [tool.rejection().is_none(), step.is_ok(), delivery.is_ok()];
            Envelope::builder("gate")
                .row("1", json!({"allowed": allowed}))
                .build()
        })
        .build()
        .unwrap();
    for (event, allowed) in [
        (Event::new("posts", Value::Null), false),
        (Event::new("posts", Value::Null).allow_delivery(), true),
    ] {
        let run = pollster::block_on(plane.ingest(event)).unwrap();
        let envelope = run.envelope().unwrap();
        assert_eq!(
            envelope.records[0].fields["allowed"],
            json!(vec![allowed; 3])
        );
    }
}

/// The dispatcher is wired to nothing.
#[tokio::test(start_paused = true)]
async fn the_limit_of_an_agent_holds_over_all_runs() {
    let gauge = Arc::new(Gauge::default());
    let inner = gauge.clone();
    let plane = ControlPlane::builder()
        .queue(MemoryQueue::new())
        .agent_limit("writer", 2)
        .flow("letters", move |context: FlowContext| {
            let gauge = inner.clone();
            async move {
                let writing = async {
                    gauge.during(Duration::from_secs(1)).await;
                    Ok(())
                };
                context.step("writer", writing).await?;
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    for _ in 0..6 {
        plane
            .ingest(Event::new("letters", Value::Null))
            .await
            .unwrap();
    }
    assert_eq!(work_off(&plane).await.succeeded, 6);
    assert_eq!(gauge.most.load(Ordering::SeqCst), 2);
}

/// A scheduler thread dies with its first exception.
#[tokio::test(start_paused = true)]
async fn a_scheduler_goes_on_after_failures_and_panics() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let scheduler = Scheduler::builder()
        .clock(PausedClock::starting_at("2026-11-21T07:00:00Z"))
        .every(Duration::from_secs(10), "fails", |tick| async move {
            if tick.number == 1 {
                Err(busy())
            } else {
                Ok(())
            }
        })
        .every(Duration::from_secs(10), "panics", |tick| {
            assert!(
                tick.number > 1,
                "at its first tick, before there is a future"
            );
            async { Ok(()) }
        })
        .on_failure(move |entry, error| {
            told.lock().unwrap().push(format!("{entry}: {error}"));
            panic!("and the report panics too");
        })
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let ending = async {
        sleep(Duration::from_secs(35)).await;
        stop.cancel();
    };
    let (reports, ()) = futures::join!(scheduler.run(&stop), ending);
    for report in &reports {
        assert_eq!((report.ran, report.failed), (3, 1), "{report:?}");
    }
    assert_eq!(
        reports[0].last_error.as_deref(),
        Some("the harbour is closed")
    );
    let mut heard = heard.lock().unwrap().clone();
    heard.sort();
    assert_eq!(
        heard,
        [
            "fails: the harbour is closed",
            "panics: the entry `panics` panicked"
        ]
    );
}
