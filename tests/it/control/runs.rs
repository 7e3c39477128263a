//! Events in, runs out: every run ends once, however its flow behaves.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::error::ErrorKind;
use duologue::flow::audit::{AuditFilter, AuditStore, Audited, MemoryAudit};
use duologue::flow::control::{
    ControlPlane, Event, Flow, FlowContext, FlowOptions, MemoryQueue, RunQueue, RunState, Scheduler,
};
use duologue::flow::envelope::Envelope;
use duologue::lifecycle::{Lifecycle, Phase, Subject};
use duologue::{Error, Result};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{busy, tides};

/// The states that a run went through, as the store has them.
pub(super) fn states(audit: &MemoryAudit, run_id: &str) -> Vec<RunState> {
    let history = pollster::block_on(audit.history(run_id)).unwrap().unwrap();
    let changes = history
        .entries
        .into_iter()
        .filter_map(|entry| match entry.what {
            Audited::State(change) => Some(change.state),
            _ => None,
        });
    changes.collect()
}

#[test]
fn its_types_may_be_shared_and_its_futures_sent() {
    fn is_shared<T: Send + Sync + 'static>() {}
    fn is_sent<T: Send>(_: T) {}
    is_shared::<(ControlPlane, Event, FlowContext, MemoryQueue, MemoryAudit)>();
    is_shared::<(
        Scheduler,
        Box<dyn RunQueue>,
        Box<dyn AuditStore>,
        Box<dyn Flow>,
    )>();
    let plane = plane(&MemoryAudit::new());
    let stop = CancellationToken::new();
    is_sent(plane.ingest(Event::new("good", Value::Null)));
    is_sent(plane.work(&stop));
    is_sent(Scheduler::builder().build().unwrap().run(&stop));
}

/// A control plane of flows that end in every way.
fn plane(audit: &MemoryAudit) -> ControlPlane {
    ControlPlane::builder()
        .audit(audit.clone())
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .flow("empty", |_: FlowContext| async {
            Envelope::builder("table").build()
        })
        .flow("failed", |_: FlowContext| async {
            Ok(Envelope::failed("table", "it is lost"))
        })
        .flow("broken", |_: FlowContext| async { Err(busy()) })
        .flow("panics", |_: FlowContext| async { panic!("at once") })
        .flow("invalid", |_: FlowContext| async {
            let mut envelope = tides();
            envelope.records.clear();
            Ok(envelope)
        })
        .flow("hangs", |_: FlowContext| pending::<Result<Envelope>>())
        .flow_with(
            "slow",
            |_: FlowContext| pending::<Result<Envelope>>(),
            FlowOptions::new().timeout(Duration::from_millis(1)),
        )
        .build()
        .unwrap()
}

#[test]
fn a_run_ends_in_one_state_by_what_its_flow_does() {
    let audit = MemoryAudit::new();
    let plane = plane(&audit);
    let cases = [
        ("good", RunState::Succeeded, None),
        ("empty", RunState::NoResults, None),
        ("failed", RunState::Failed, Some(ErrorKind::Tool)),
        ("broken", RunState::Failed, Some(ErrorKind::Unavailable)),
        ("panics", RunState::Failed, Some(ErrorKind::Internal)),
        (
            "invalid",
            RunState::Failed,
            Some(ErrorKind::InvalidEnvelope),
        ),
        ("slow", RunState::Failed, Some(ErrorKind::DeadlineExceeded)),
    ];
    for (flow, state, kind) in cases {
        let run = pollster::block_on(plane.ingest(Event::new(flow, Value::Null))).unwrap();
        let status = pollster::block_on(run.wait());
        assert_eq!(
            (status.state, status.error.map(|error| error.kind)),
            (state, kind),
            "{flow}"
        );
        assert_eq!(
            states(&audit, run.id()),
            [RunState::Running, state],
            "{flow}"
        );
        assert_eq!(
            run.envelope().is_some(),
            matches!(flow, "good" | "empty" | "failed")
        );
    }
    assert_eq!(plane.runs().len(), cases.len());
}

#[test]
fn an_unknown_flow_is_an_error_with_the_nearest_name() {
    let plane = plane(&MemoryAudit::new());
    let error = pollster::block_on(plane.ingest(Event::new("god", Value::Null))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "there is no flow `god`");
    assert_eq!(error.hint(), Some("did you mean `good`?"));
    assert!(plane.runs().is_empty());
}

#[test]
fn a_dropped_run_is_cancelled_and_that_is_kept() {
    let audit = MemoryAudit::new();
    let plane = plane(&audit);
    let event = Event::new("hangs", Value::Null).run_id("mine");
    assert!(plane.ingest(event).now_or_never().is_none());
    assert_eq!(plane.run("mine").unwrap().state(), RunState::Cancelled);
    assert_eq!(
        states(&audit, "mine"),
        [RunState::Running, RunState::Cancelled]
    );
}

#[tokio::test]
async fn a_run_that_is_cancelled_stops_at_its_next_await() {
    let audit = MemoryAudit::new();
    let plane = plane(&audit);
    let event = Event::new("hangs", Value::Null).run_id("mine");
    let ingesting = tokio::spawn({
        let plane = plane.clone();
        async move { plane.ingest(event).await }
    });
    while plane
        .run("mine")
        .is_none_or(|run| run.state() != RunState::Running)
    {
        tokio::task::yield_now().await;
    }
    plane.run("mine").unwrap().cancel();
    let run = ingesting.await.unwrap().unwrap();
    assert_eq!(run.state(), RunState::Cancelled);
    assert_eq!(
        states(&audit, "mine"),
        [RunState::Running, RunState::Cancelled]
    );
}

#[tokio::test]
async fn a_queued_run_that_is_cancelled_never_begins() {
    let audit = MemoryAudit::new();
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let queue = MemoryQueue::new();
    let lifecycle = Lifecycle::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    lifecycle
        .on(move |event| {
            let kind = event.error.as_ref().map(|error| error.kind);
            told.lock().unwrap().push((event.phase, kind));
        })
        .unwrap();
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .audit(audit.clone())
        .lifecycle(lifecycle.clone())
        .flow("good", move |_: FlowContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(tides()) }
        })
        .build()
        .unwrap();
    let run = plane.ingest(Event::new("good", Value::Null)).await.unwrap();
    assert_eq!(run.state(), RunState::Queued);
    run.cancel();
    assert_eq!(run.wait().await.state, RunState::Cancelled);
    lifecycle.flush_blocking();
    let cancelled = (Phase::Failed, Some(ErrorKind::Cancelled));
    assert_eq!(*heard.lock().unwrap(), [cancelled]);

    let last = plane.ingest(Event::new("good", Value::Null)).await.unwrap();
    let stop = CancellationToken::new();
    let waiting = async {
        last.wait().await;
        stop.cancel();
    };
    let (report, ()) = futures::join!(plane.work(&stop), waiting);
    assert_eq!(
        (report.unwrap().cancelled, begun.load(Ordering::SeqCst)),
        (1, 1)
    );
    assert_eq!(
        states(&audit, run.id()),
        [RunState::Queued, RunState::Cancelled]
    );
    assert!(queue.is_empty());
}

#[test]
fn the_same_run_id_starts_nothing_twice() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let plane = ControlPlane::builder()
        .flow("good", move |_: FlowContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(tides()) }
        })
        .build()
        .unwrap();
    for _ in 0..2 {
        let event = Event::new("good", Value::Null).run_id("order-17");
        let run = pollster::block_on(plane.ingest(event)).unwrap();
        assert_eq!((run.id(), run.state()), ("order-17", RunState::Succeeded));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    for id in ["", "a\nb", &"x".repeat(201)] {
        let event = Event::new("good", Value::Null).run_id(id);
        let error = pollster::block_on(plane.ingest(event)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

#[test]
fn an_event_is_read_from_a_webhook_and_refuses_what_it_does_not_know() {
    let event: Event =
        serde_json::from_value(json!({"flow": "good", "context": {"a": 1}})).unwrap();
    assert_eq!(event, Event::new("good", json!({"a": 1})));
    let typo = serde_json::from_value::<Event>(json!({"flow": "good", "contxt": {}}));
    assert!(typo.unwrap_err().to_string().contains("contxt"));
}

#[test]
fn a_full_queue_refuses_and_the_same_event_may_come_again() {
    let (audit, queue) = (MemoryAudit::new(), MemoryQueue::new().capacity(1));
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .audit(audit.clone())
        .flow("good", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    let ingest =
        |id: &str| pollster::block_on(plane.ingest(Event::new("good", Value::Null).run_id(id)));
    ingest("first").unwrap();
    let error = ingest("second").unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::QueueFull, true)
    );
    let kept = pollster::block_on(audit.history("second")).unwrap();
    assert_eq!(kept, None, "it never was a run");
    assert_eq!(ingest("second").unwrap_err().kind(), ErrorKind::QueueFull);

    let lease = pollster::block_on(queue.next("runs")).unwrap();
    pollster::block_on(queue.ack(&lease)).unwrap();
    assert_eq!(ingest("second").unwrap().state(), RunState::Queued);
    assert_eq!(states(&audit, "second"), [RunState::Queued]);
}

#[test]
fn steps_stand_in_the_trace_and_secrets_do_not_leave_in_errors() {
    let audit = MemoryAudit::new();
    let lifecycle = Lifecycle::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    lifecycle
        .on(move |event| {
            let error = event.error.as_ref().map(|error| error.message.clone());
            let what = (event.subject, event.phase, event.stage.clone(), error);
            told.lock().unwrap().push(what);
        })
        .unwrap();
    let plane = ControlPlane::builder()
        .audit(audit.clone())
        .lifecycle(lifecycle.clone())
        .flow("two steps", |context: FlowContext| async move {
            context.step("reader", async { Ok(()) }).await?;
            context.note("rows", 17).await;
            let secret = format!("it wants {}", ["ghp_", &"a1B2".repeat(9)].concat());
            context
                .step("writer", async {
                    Err::<(), _>(Error::new(ErrorKind::Tool, secret))
                })
                .await?;
            Ok(tides())
        })
        .build()
        .unwrap();
    let run = pollster::block_on(plane.ingest(Event::new("two steps", Value::Null))).unwrap();
    lifecycle.flush_blocking();

    let history = pollster::block_on(audit.history(run.id()))
        .unwrap()
        .unwrap();
    let steps: Vec<String> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            Audited::Trace(step) => {
                Some(format!("{} {:?} {:?}", step.name, step.phase, step.detail))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        steps,
        [
            "reader Started None",
            "reader Finished None",
            "rows Finished Some(Number(17))",
            "writer Started None",
            "writer Failed None"
        ]
    );
    let cleaned = "it wants <REDACTED:github-token>".to_owned();
    assert_eq!(run.status().error.unwrap().message, cleaned);
    let stage = |name: &str| Some(name.to_owned());
    let expected = [
        (Subject::Run, Phase::Started, None, None),
        (Subject::Stage, Phase::Started, stage("reader"), None),
        (Subject::Stage, Phase::Finished, stage("reader"), None),
        (Subject::Stage, Phase::Started, stage("writer"), None),
        (
            Subject::Stage,
            Phase::Failed,
            stage("writer"),
            Some(cleaned.clone()),
        ),
        (Subject::Run, Phase::Failed, None, Some(cleaned)),
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn runs_are_listed_newest_first_and_by_flow_and_state() {
    let audit = MemoryAudit::new();
    let plane = plane(&audit);
    for (flow, id) in [("good", "a"), ("broken", "b"), ("good", "c")] {
        pollster::block_on(plane.ingest(Event::new(flow, Value::Null).run_id(id))).unwrap();
    }
    let listed = |filter: AuditFilter| -> Vec<String> {
        let runs = pollster::block_on(audit.runs(&filter)).unwrap();
        runs.into_iter().map(|run| run.run_id).collect()
    };
    assert_eq!(listed(AuditFilter::new()), ["c", "b", "a"]);
    assert_eq!(listed(AuditFilter::new().flow("good").limit(1)), ["c"]);
    assert_eq!(listed(AuditFilter::new().state(RunState::Failed)), ["b"]);
}

#[test]
fn a_control_plane_refuses_names_and_limits_that_make_no_sense() {
    let flow = |_: FlowContext| async { Ok(tides()) };
    let refused = [
        ControlPlane::builder()
            .flow("a", flow)
            .flow("a", flow)
            .build(),
        ControlPlane::builder().flow(" ", flow).build(),
        ControlPlane::builder().concurrency(0).build(),
        ControlPlane::builder().max_attempts(0).build(),
        ControlPlane::builder().agent_limit("writer", 0).build(),
        ControlPlane::builder()
            .flow_with("a", flow, FlowOptions::new().limit(0))
            .build(),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
    }
}
