//! What a stage gave and nobody could use, files that changed, and failures of earlier processes.

use duologue::flow::document::Document;
use duologue::flow::pipeline::{PipelineOptions, PipelineStatus};
use duologue::provider::{Reply, ScriptedProvider};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Asked, Desk, script};

fn answering(body: &str, review: Value) -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::json(json!({"body": body}))
            .agent("cleaner")
            .forever(),
        Reply::json(review).agent("reviewer").forever(),
    ])
}

fn refusing() -> ScriptedProvider {
    ScriptedProvider::new([Reply::refusal("no").agent("cleaner").forever()])
}

/// The documents in `failures.jsonl`.
fn failed(desk: &Desk) -> Vec<String> {
    let path = desk.folder.path().join("run/failures.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| line["document_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_answer_that_does_not_say_what_follows_is_asked_for_again() {
    let desk = Desk::new();
    let vague = answering("clean", json!({"verdict": "fine"}));
    let report = desk.try_run(vague, PipelineOptions::new()).unwrap();
    assert_eq!(report.documents.failed, 6);
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 0,
            reviewer: 6
        }
    );
}

#[test]
fn an_answer_that_does_not_approve_is_not_asked_for_again() {
    let desk = Desk::new();
    let strict = answering("clean", json!({"approved": false}));
    desk.try_run(strict, PipelineOptions::new()).unwrap();
    let report = desk
        .try_run(script(), PipelineOptions::new().resume())
        .unwrap();
    assert_eq!((report.calls, report.documents.failed), (0, 6));
}

#[test]
fn what_a_document_became_before_it_changed_is_gone() {
    let mut desk = Desk::new();
    let approved = json!({"approved": true});
    let first = answering("first", approved.clone());
    desk.try_run(first, PipelineOptions::new()).unwrap();
    desk.documents[2] = Document::new("doc-3", "another text");
    let second = answering("second", approved);
    let report = desk
        .try_run(second, PipelineOptions::new().resume())
        .unwrap();
    assert_eq!(report.status, PipelineStatus::Succeeded);
    let artifacts = desk.artifacts();
    assert_eq!(artifacts.len(), 6, "{artifacts:?}");
    let of_third: Vec<_> = artifacts
        .iter()
        .filter(|(name, _)| name.starts_with("doc-3"))
        .map(|(_, content)| content.as_str())
        .collect();
    assert_eq!(of_third, ["second\n"]);
}

#[test]
fn an_artifact_that_was_damaged_is_written_again_and_nobody_is_asked() {
    let desk = Desk::new();
    desk.run(PipelineOptions::new());
    let damaged = desk.folder.path().join("run/artifacts/doc-1.md");
    std::fs::write(&damaged, "").unwrap();
    let report = desk
        .try_run(script(), PipelineOptions::new().resume())
        .unwrap();
    assert_eq!((report.calls, report.documents.resumed), (0, 5));
    let artifacts = desk.artifacts();
    assert_eq!(artifacts["doc-1-2.md"], "clean\n");
    assert_eq!(artifacts["doc-1.md"], "", "it may be somebody's own");
}

#[test]
fn failures_stay_until_their_documents_are_tried_again() {
    let desk = Desk::new();
    let report = desk.try_run(refusing(), PipelineOptions::new()).unwrap();
    assert_eq!(report.documents.failed, 6);

    let token = CancellationToken::new();
    token.cancel();
    let options = PipelineOptions::new().resume().cancel_on(token);
    desk.try_run(script(), options).unwrap();
    assert_eq!(failed(&desk).len(), 6, "nothing was tried");

    let options = PipelineOptions::new().resume().limit(2);
    desk.try_run(script(), options).unwrap();
    assert_eq!(failed(&desk), ["doc-3", "doc-4", "doc-5", "doc-6"]);

    let options = PipelineOptions::new().resume().limit(3);
    desk.try_run(refusing(), options).unwrap();
    assert_eq!(failed(&desk), ["doc-4", "doc-5", "doc-6", "doc-3"]);

    desk.resume();
    assert!(failed(&desk).is_empty());
}
