//! What a run tells the lifecycle and the journal.

use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Pipeline, PipelineOptions, Rework, ReworkTarget, Stage, StageInput,
};
use duologue::lifecycle::{Lifecycle, LifecycleEvent, Phase, Subject};
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::{AgentRunner, Error, ErrorKind};
use serde_json::json;
use std::sync::{Arc, Mutex};

use super::{agent, always, content, documents, packs, reviewed, until};

fn heard(
    pipeline: &Pipeline,
    replies: impl IntoIterator<Item = Reply>,
    source: DocumentSource,
) -> Vec<LifecycleEvent> {
    heard_while(ScriptedProvider::new(replies), |runner| {
        pollster::block_on(pipeline.run(runner, source, PipelineOptions::new())).unwrap();
    })
}

fn heard_while(
    provider: impl Provider + 'static,
    running: impl FnOnce(&AgentRunner),
) -> Vec<LifecycleEvent> {
    let lifecycle = Lifecycle::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = events.clone();
    lifecycle
        .on(move |event| told.lock().unwrap().push(event.clone()))
        .unwrap();
    let runner = AgentRunner::builder(provider, packs())
        .lifecycle(lifecycle.clone())
        .build();
    running(&runner);
    lifecycle.flush_blocking();
    let events = events.lock().unwrap().clone();
    events
        .into_iter()
        .filter(|event| !matches!(event.subject, Subject::Call | Subject::Tool))
        .collect()
}

fn line(event: &LifecycleEvent) -> String {
    let stage = event.stage.as_deref().unwrap_or_default();
    let attempt = event
        .attempt
        .map(|attempt| attempt.to_string())
        .unwrap_or_default();
    format!("{:?} {:?} {stage} {attempt}", event.subject, event.phase)
        .trim_end()
        .to_owned()
}

#[test]
fn a_run_begins_with_how_many_documents_its_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        (
            "notes.jsonl",
            "{\"text\": \"a\"}\n\n{\"text\": \"b\"}\n{\"no\": 1}\n",
        ),
        (
            "notes.json",
            "{\"documents\": [{\"text\": \"a\"}, {\"text\": \"b\"}, {}]}",
        ),
        ("notes.csv", "id,text\n1,a\n2,\"b\nb\"\n3,\n"),
    ];
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let length = Stage::function("length", async |input: StageInput| {
            Ok(json!({"length": input.text.len()}))
        });
        let pipeline = Pipeline::builder("lengths").stage(length).build().unwrap();
        let events = heard(&pipeline, [], DocumentSource::path(path));
        let begun = events.iter().filter(|event| event.subject == Subject::Run);
        let documents: Vec<_> = begun.map(|event| event.documents).collect();
        // Two of them have a text.
        assert_eq!(documents, [Some(3), Some(2)], "{name}");
    }
}

#[test]
fn a_document_that_is_sent_back_is_told_of_from_start_to_end() {
    let [router, cleaner, _, namer] = content();
    let reviews =
        [false, true].map(|ok| Reply::json(json!({"approved": ok, "why": ""})).agent("reviewer"));
    let replies = [router, cleaner, namer].into_iter().chain(reviews);
    let events = heard(&reviewed().build().unwrap(), replies, documents(1));
    let told: Vec<String> = events.iter().map(line).collect();
    assert_eq!(
        told,
        [
            "Run Started",
            "Document Started",
            "Stage Started router 1",
            "Stage Finished router 1",
            "Stage Started clean 1",
            "Stage Finished clean 1",
            "Stage Started review 1",
            "Stage Finished review 1",
            "Document Retried clean 2",
            "Stage Started clean 2",
            "Stage Finished clean 2",
            "Stage Started review 2",
            "Stage Finished review 2",
            "Stage Started namer 1",
            "Stage Finished namer 1",
            "Document Finished",
            "Run Finished",
        ]
    );
    let done = events
        .iter()
        .find(|event| event.stage.as_deref() == Some("clean") && event.phase == Phase::Finished);
    let done = done.unwrap();
    assert_eq!(
        (done.usage.input_tokens, done.agent.as_deref()),
        (Some(10), Some("cleaner"))
    );
    assert_eq!(done.document_id.as_deref(), Some("d0"));
    assert!(
        events
            .iter()
            .all(|event| event.flow.as_deref() == Some("docs"))
    );
}

#[test]
fn a_failure_is_told_with_its_kind_and_nothing_that_a_model_said() {
    let events = heard(
        &reviewed().build().unwrap(),
        [
            always("router", json!({"route": "markdown"})),
            Reply::text("secret words").agent("cleaner").forever(),
        ],
        DocumentSource::of([Document::new("d0", "raw text")]),
    );
    let failed: Vec<String> = events
        .iter()
        .filter(|event| event.phase == Phase::Failed)
        .map(line)
        .collect();
    assert_eq!(
        failed,
        ["Stage Failed clean 1", "Document Failed", "Run Failed"]
    );
    let text = serde_json::to_string(&events).unwrap();
    assert!(
        !text.contains("secret words") && !text.contains("raw text"),
        "{text}"
    );
    let stage = events
        .iter()
        .find(|event| event.phase == Phase::Failed)
        .unwrap();
    assert_eq!(stage.error.as_ref().unwrap().kind, ErrorKind::InvalidAnswer);
}

#[test]
fn a_document_that_fails_in_a_function_is_told_once_for_stage_and_document() {
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("f", async |_| {
            Err(Error::new(ErrorKind::Tool, "broken"))
        }))
        .build()
        .unwrap();
    let events = heard(&pipeline, [], documents(1));
    let told: Vec<String> = events.iter().map(line).collect();
    assert_eq!(
        told,
        [
            "Run Started",
            "Document Started",
            "Stage Started f 1",
            "Stage Failed f 1",
            "Document Failed",
            "Run Failed"
        ]
    );
}

#[test]
fn a_run_that_is_dropped_tells_the_end_of_all_that_began() {
    let pipeline = reviewed().build().unwrap();
    let never = ScriptedProvider::new([Reply::never().agent("router").forever()]);
    let (provider, both) = until(2, never);
    let events = heard_while(provider, |runner| {
        let running = pipeline.run(runner, documents(2), PipelineOptions::new());
        let ended = pollster::block_on(both.run_until_cancelled(running));
        assert!(ended.is_none());
    });
    let told: Vec<String> = events.iter().map(line).collect();
    assert_eq!(
        told,
        [
            "Run Started",
            "Document Started",
            "Stage Started router 1",
            "Document Started",
            "Stage Started router 1",
            "Stage Failed router 1",
            "Document Failed",
            "Stage Failed router 1",
            "Document Failed",
            "Run Failed",
        ]
    );
    let errors = events.iter().filter_map(|event| event.error.as_ref());
    let mut kinds = errors.map(|error| error.kind);
    assert!(kinds.all(|kind| kind == ErrorKind::Cancelled));
}

#[test]
fn a_document_that_cannot_be_read_begins_and_fails() {
    let documents = ["a", "a"].map(|id| Document::new(id, "text"));
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("f", async |_| Ok(json!({}))))
        .build()
        .unwrap();
    let events = heard(&pipeline, [], DocumentSource::of(documents));
    let of_documents = |phase: Phase| {
        let told = events
            .iter()
            .filter(|event| event.subject == Subject::Document && event.phase == phase);
        told.count()
    };
    assert_eq!(
        [Phase::Started, Phase::Finished, Phase::Failed].map(of_documents),
        [2, 1, 1]
    );
}

#[test]
fn a_retry_bears_the_visit_that_follows_whoever_sent_the_document_back() {
    let answers = |agent: &'static str| {
        [false, true].map(|ok| Reply::json(json!({"approved": ok, "why": ""})).agent(agent))
    };
    let reviewer = |name: &str, of: &str| {
        let rework = Rework::new(ReworkTarget::Stage(of.to_owned()), 1);
        let stage = Stage::agent(name, agent(name)).approve_by("approved");
        stage.rework(rework)
    };
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("one", async |_| Ok(json!({"body": ""}))).then("reviewer"))
        .stage(reviewer("reviewer", "one").then("two"))
        .stage(Stage::function("two", async |_| Ok(json!({"body": ""}))).then("router"))
        .stage(reviewer("router", "two"))
        .build()
        .unwrap();
    let replies = answers("reviewer").into_iter().chain(answers("router"));
    let events = heard(&pipeline, replies, documents(1));
    let retried = events.iter().filter(|event| event.phase == Phase::Retried);
    let retried: Vec<String> = retried.map(line).collect();
    assert_eq!(
        retried,
        ["Document Retried one 2", "Document Retried two 2"]
    );
}
