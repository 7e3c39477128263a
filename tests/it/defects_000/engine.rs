//! Defects of the engine: how documents are driven, and what they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::flow::document::DocumentSource;
use duologue::flow::pipeline::{
    Limits, Pipeline, PipelineOptions, PipelineStatus, Stage, StageInput,
};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, ErrorKind};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::pipeline::{Desk, agent, always, content, documents, packs, reviewed};
use crate::support::{Before, in_time};

/// Zero documents hang for ever.
#[test]
fn zero_documents_end_at_once() {
    let report = in_time(|| {
        let desk = Desk::new([]);
        let report = desk.run(&reviewed().build().unwrap(), DocumentSource::of([]));
        assert!(desk.path("pipeline.json").exists());
        report
    });
    assert_eq!(
        (report.status, report.documents.begun),
        (PipelineStatus::Succeeded, 0)
    );
}

/// Cancelling while waiting for a model's limit leaks a global slot.
#[test]
fn cancelling_while_waiting_for_a_models_limit_leaks_no_slot() {
    let script = ScriptedProvider::new([
        Reply::never().agent("cleaner").when("d0"),
        always("cleaner", json!({"body": "clean"})),
    ]);
    let token = CancellationToken::new();
    let cancel = token.clone();
    let provider = Before::new(script, move |_| {
        // The others wait for the model by then, each with a document's slot.
        let cancel = cancel.clone();
        async move {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        }
    });
    let runner = AgentRunner::builder(provider, packs())
        .max_in_flight(1)
        .build();
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .limits(Limits::default().documents(3).model("model-of-cleaner", 1))
        .build()
        .unwrap();
    in_time(move || {
        let options = PipelineOptions::new().cancel_on(token);
        let first = pollster::block_on(pipeline.run(&runner, documents(3), options)).unwrap();
        assert_eq!(first.documents.interrupted, 3);
        let options = PipelineOptions::new();
        let second = pollster::block_on(pipeline.run(&runner, documents(3), options)).unwrap();
        assert_eq!(second.documents.succeeded, 3, "{:?}", second.failures);
    });
}

/// A job for one model blocks jobs for others.
#[test]
fn a_model_that_is_full_blocks_no_other() {
    let script = ScriptedProvider::new([
        Reply::never().agent("cleaner").forever(),
        always("namer", json!({})),
    ]);
    let token = CancellationToken::new();
    let (cancel, named) = (token.clone(), Arc::new(AtomicUsize::new(0)));
    let route = Stage::function("route", async |input: StageInput| {
        let number: usize = input.document.id[1..].parse().unwrap_or_default();
        Ok(json!({"to": if number < 5 { "clean" } else { "name" }}))
    });
    let last = Stage::function("last", move |_| {
        if named.fetch_add(1, Ordering::SeqCst) == 4 {
            cancel.cancel();
        }
        async { Ok(json!({})) }
    });
    let pipeline = Pipeline::builder("p")
        .stage(
            route
                .route_by("to")
                .route("clean", "clean")
                .route("name", "name"),
        )
        .stage(Stage::agent("clean", agent("cleaner")))
        .stage(Stage::agent("name", agent("namer")).then("last"))
        .stage(last)
        .limits(Limits::default().documents(10).model("model-of-cleaner", 1))
        .build()
        .unwrap();
    let runner = AgentRunner::new(script, packs());
    let report = in_time(move || {
        let options = PipelineOptions::new().cancel_on(token);
        pollster::block_on(pipeline.run(&runner, documents(10), options)).unwrap()
    });
    let documents = report.documents;
    assert!(documents.succeeded >= 4, "{documents:?}");
    assert_eq!(documents.succeeded + documents.interrupted, 10);
    assert_eq!(
        report.stages[1].visits, 1,
        "one had the model, four waited for it"
    );
}

/// A rejected document loses its draft.
#[test]
fn a_rejected_document_keeps_its_draft() {
    let [router, _, _, namer] = content();
    let draft = |text: &str| Reply::json(json!({"body": text})).agent("cleaner");
    let desk = Desk::new([
        router,
        draft("first draft"),
        draft("second draft"),
        draft("third draft"),
        always("reviewer", json!({"approved": false, "why": "dull"})),
        namer,
    ]);
    let report = desk.run(&reviewed().build().unwrap(), documents(1));
    let failure = &report.failures[0];
    assert_eq!(
        (failure.kind, failure.stage.as_deref()),
        (ErrorKind::NotApproved, Some("review"))
    );
    assert_eq!(
        failure.message,
        "stage `review` did not approve the document after 2 rounds of rework"
    );
    let draft = std::fs::read_to_string(desk.path(failure.draft.as_deref().unwrap())).unwrap();
    assert_eq!(draft, "third draft");
    assert_eq!(report.stages[2].sent_back, 2);
}

/// Counters are shared by all pipelines of a process.
#[test]
fn a_second_run_counts_from_zero() {
    let runner = AgentRunner::new(ScriptedProvider::new(content()), packs());
    let pipeline = reviewed().build().unwrap();
    for count in [4, 2] {
        let running = pipeline.run(&runner, documents(count), PipelineOptions::new());
        let report = pollster::block_on(running).unwrap();
        assert_eq!(report.documents.succeeded, count as u64);
        assert_eq!(
            (report.calls, report.usage.input_tokens),
            (count as u64 * 4, Some(count as u64 * 10))
        );
    }
}
