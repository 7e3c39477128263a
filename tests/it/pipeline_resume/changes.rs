//! What changed between two runs is done again, and only that.

use duologue::ErrorKind;
use duologue::flow::document::Document;
use duologue::flow::pipeline::PipelineOptions;
use serde_json::json;

use super::{Asked, Desk, NOBODY, another_schema, document, script};

/// A desk whose pipeline has run once.
fn after_a_run() -> Desk {
    let desk = Desk::new();
    let asked = desk.run(PipelineOptions::new());
    assert_eq!(
        asked,
        Asked {
            cleaner: 6,
            reviewer: 6
        }
    );
    desk
}

#[test]
fn what_is_done_is_not_asked_for_again() {
    let desk = after_a_run();
    let before = desk.artifacts();
    let report = desk
        .try_run(script(), PipelineOptions::new().resume())
        .unwrap();
    assert_eq!((report.calls, report.documents.resumed), (0, 6));
    assert_eq!(desk.artifacts(), before);
}

#[test]
fn a_changed_prompt_is_asked_again_and_only_that() {
    let mut desk = after_a_run();
    let before = desk.artifacts();
    desk.clean_prompt = "Please clean {{ document.text }}";
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 6,
            reviewer: 0
        }
    );
    assert_eq!(desk.artifacts(), before, "results keep their names");
}

#[test]
fn a_changed_model_is_asked_again_and_only_that() {
    let mut desk = after_a_run();
    desk.reviewer.model = "gpt-5".to_owned();
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 0,
            reviewer: 6
        }
    );
    assert_eq!(desk.resume(), NOBODY);
}

#[test]
fn a_changed_schema_is_asked_again_and_only_that() {
    let mut desk = after_a_run();
    desk.cleaner = desk.cleaner.with_response_schema(another_schema());
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 6,
            reviewer: 0
        }
    );
}

#[test]
fn a_changed_parameter_is_asked_again_and_only_that() {
    let mut desk = after_a_run();
    desk.reviewer.temperature = Some(0.5);
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 0,
            reviewer: 6
        }
    );
}

#[test]
fn a_changed_document_is_done_again_and_no_other() {
    let mut desk = after_a_run();
    desk.documents[2] = Document::new("doc-3", "another text");
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 1,
            reviewer: 1
        }
    );
    assert_eq!(desk.artifacts().len(), 6);
}

#[test]
fn a_document_with_another_field_is_done_again() {
    let mut desk = after_a_run();
    desk.documents[0] = document(1).with_field("title", json!("Tides"));
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 1,
            reviewer: 1
        }
    );
}

#[test]
fn new_documents_are_done_and_those_that_are_gone_are_left_alone() {
    let mut desk = after_a_run();
    desk.documents.remove(0);
    desk.documents.push(document(7));
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 1,
            reviewer: 1
        }
    );
    let names: Vec<String> = desk.artifacts().into_keys().collect();
    let expected: Vec<String> = (1..=7).map(|number| format!("doc-{number}.md")).collect();
    assert_eq!(names, expected);
}

#[test]
fn a_run_that_was_begun_is_not_begun_again_by_mistake() {
    let desk = after_a_run();
    let script = script();
    let error = desk
        .try_run(script.clone(), PipelineOptions::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.hint().unwrap().contains("--resume"), "{error:#}");
    assert!(script.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn results_can_be_read_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let desk = after_a_run();
    let run = desk.folder.path().join("run");
    let mode = |name: &str| {
        std::fs::metadata(run.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for file in ["stages.jsonl", "documents.jsonl", "pipeline.json"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}
