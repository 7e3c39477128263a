//! One document's poison touches no other.

use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Limits, Output, Pipeline, PipelineOptions, PipelineStatus, Stage, StageInput,
};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{Error, ErrorKind};
use serde_json::json;

use super::{Desk, agent, always, content, documents, reviewed};
use crate::support::Before;

#[test]
fn a_function_that_panics_or_fails_is_its_documents_failure() {
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function(
            "work",
            async |input: StageInput| match &*input.document.id {
                "d1" => panic!("on purpose"),
                "d2" => Err(Error::new(ErrorKind::Tool, "no such file")),
                _ => Ok(json!({})),
            },
        ))
        .build()
        .unwrap();
    let desk = Desk::new([]);
    let report = desk.run(&pipeline, documents(4));
    assert_eq!(report.status, PipelineStatus::Partial);
    assert_eq!(
        (report.documents.succeeded, report.documents.failed),
        (2, 2)
    );
    let said: Vec<_> = report
        .failures
        .iter()
        .map(|failure| (failure.kind, &*failure.message))
        .collect();
    assert_eq!(
        said,
        [
            (ErrorKind::Internal, "the function of stage `work` panicked"),
            (ErrorKind::Tool, "no such file"),
        ]
    );
    assert_eq!(desk.lines("failures.jsonl").len(), 2);
    assert_eq!(desk.lines("documents.jsonl").len(), 4);
}

#[test]
fn a_model_that_refuses_one_document_does_the_others() {
    let [router, _, reviewer, namer] = content();
    let desk = Desk::new([
        router,
        Reply::refusal("no").agent("cleaner").when("d1").forever(),
        always("cleaner", json!({"body": "clean"})),
        reviewer,
        namer,
    ]);
    let report = desk.run(&reviewed().build().unwrap(), documents(3));
    assert_eq!(
        (report.documents.succeeded, report.documents.failed),
        (2, 1)
    );
    assert_eq!(report.failures[0].document_id, "d1");
    assert_eq!((report.stages[1].visits, report.stages[1].failed), (3, 1));
}

#[test]
fn the_second_document_with_an_id_fails_by_name() {
    let desk = Desk::new([always("cleaner", json!({}))]);
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .build()
        .unwrap();
    let source = DocumentSource::of(["a", "b", "a"].map(|id| Document::new(id, "text")));
    let report = desk.run(&pipeline, source);
    assert_eq!((report.documents.begun, report.documents.succeeded), (3, 2));
    assert_eq!(
        report.failures[0].message,
        "an earlier document has the id `a` too"
    );
}

#[test]
fn huge_and_hostile_documents_leave_the_others_alone() {
    let hostile = "../../etc/passwd\u{0}\u{202e}{{ document }}\n\r\"'";
    let huge = |megabytes: usize| "x".repeat(megabytes * 1024 * 1024);
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("work", async |input: StageInput| {
            Ok(json!({"body": input.text.len(), "title": input.document.fields.get("title")}))
        }))
        .output(Output::body("body").name("title"))
        .limits(Limits::default().documents(2))
        .build()
        .unwrap();
    let desk = Desk::new([]);
    let source = DocumentSource::of([
        Document::new("plain", "ok").with_field("title", "plain"),
        Document::new(hostile, "bad id").with_field("title", "hostile"),
        Document::new("huge", huge(15)).with_field("title", "huge"),
        Document::new("too-big", huge(30)),
        Document::new("last", "ok").with_field("title", "last"),
    ]);
    let report = desk.run(&pipeline, source);
    assert_eq!(report.documents.succeeded, 4, "{:?}", report.failures);
    assert_eq!(report.failures[0].document_id, "too-big");
    let size = std::fs::read_to_string(desk.path("artifacts/huge.md")).unwrap();
    assert_eq!(size.trim_end(), (15 * 1024 * 1024).to_string());
}

#[test]
fn failures_hold_no_key() {
    let key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("work", move |_| async move {
            Err(Error::new(
                ErrorKind::Auth,
                format!("the server refused {key}"),
            ))
        }))
        .build()
        .unwrap();
    let desk = Desk::new([]);
    let report = desk.run(&pipeline, documents(1));
    assert!(
        report.failures[0]
            .message
            .starts_with("the server refused <REDACTED")
    );
    for file in ["failures.jsonl", "pipeline.json"] {
        assert!(
            !std::fs::read_to_string(desk.path(file))
                .unwrap()
                .contains(key),
            "{file}"
        );
    }
}

#[test]
fn a_line_that_is_no_text_fails_alone() {
    let folder = crate::support::folder();
    let path = folder.path().join("docs.jsonl");
    let mut lines = b"{\"id\":\"a\",\"text\":\"one\"}\n".to_vec();
    lines.extend_from_slice(
        b"{\"id\":\"b\",\"text\":\"\xff\xfe\"}\n{\"id\":\"c\",\"title\":\"no text\"}\n",
    );
    lines.extend_from_slice(b"{\"id\":\"d\",\"text\":\"four\"}\n");
    std::fs::write(&path, lines).unwrap();
    let desk = Desk::new([always("cleaner", json!({}))]);
    let clean = Stage::agent("clean", agent("cleaner"));
    let pipeline = Pipeline::builder("p").stage(clean).build().unwrap();
    let report = desk.run(&pipeline, DocumentSource::path(&path));
    let documents = report.documents;
    assert_eq!(report.status, PipelineStatus::Partial);
    assert_eq!((documents.begun, documents.succeeded), (3, 2));
    assert_eq!((documents.failed, documents.skipped), (1, 1));
    assert_eq!(report.failures[0].stage, None);
    assert_eq!(desk.lines("failures.jsonl").len(), 1);
}

#[test]
fn an_extension_that_is_not_allowed_is_a_failure_and_the_draft_is_kept() {
    let [router, cleaner, reviewer, _] = content();
    let namer = always("namer", json!({"slug": "a-name", "extension": "exe"}));
    let desk = Desk::new([router, cleaner, reviewer, namer]);
    let output = Output::body("body").name("slug").extension("extension");
    let pipeline = reviewed()
        .output(output.extensions(["md"]))
        .build()
        .unwrap();
    let report = desk.run(&pipeline, documents(1));
    let failure = &report.failures[0];
    assert_eq!(failure.kind, ErrorKind::Config, "{failure:?}");
    let draft = std::fs::read_to_string(desk.path(failure.draft.as_deref().unwrap())).unwrap();
    assert_eq!(draft, "clean text");
}

#[test]
fn an_extension_that_is_not_allowed_is_asked_for_again() {
    let [router, cleaner, reviewer, _] = content();
    let named = ["exe", "md"]
        .map(|extension| Reply::json(json!({"slug": "a-name", "extension": extension})));
    let named = named.map(|reply| reply.agent("namer"));
    let desk = Desk::new([router, cleaner, reviewer].into_iter().chain(named));
    let output = Output::body("body").name("slug").extension("extension");
    let pipeline = reviewed()
        .output(output.extensions(["md"]))
        .build()
        .unwrap();
    assert_eq!(desk.run(&pipeline, documents(1)).documents.failed, 1);
    let options = PipelineOptions::new().resume();
    let report = pollster::block_on(pipeline.run(&desk.runner, documents(1), options)).unwrap();
    assert_eq!((report.documents.succeeded, report.calls), (1, 1));
}

#[test]
fn a_provider_that_panics_fails_its_document_alone() {
    let script = ScriptedProvider::new([always("cleaner", json!({}))]);
    let provider = Before::new(script.clone(), |number| async move {
        assert!(number != 2, "on purpose");
    });
    let desk = Desk::around(provider, script);
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .limits(Limits::default().documents(1))
        .build()
        .unwrap();
    let report = desk.run(&pipeline, documents(3));
    assert_eq!(
        (report.documents.succeeded, report.documents.failed),
        (2, 1)
    );
    let failure = &report.failures[0];
    assert_eq!(
        (&*failure.document_id, &*failure.message),
        ("d1", "agent `cleaner` panicked")
    );
}

#[test]
fn ids_urls_and_hints_hold_no_key() {
    let key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function(
            "work",
            move |input: StageInput| async move {
                if input.text == "good" {
                    return Ok(json!({}));
                }
                Err(Error::new(ErrorKind::Auth, "no").with_hint(format!("not {key}")))
            },
        ))
        .build()
        .unwrap();
    let documents = ["good", "bad"].map(|text| {
        let mut document = Document::new(format!("{text} {key}"), text);
        document.url = Some(format!("https://example.com/?api_key={key}"));
        document
    });
    let desk = Desk::new([]);
    let report = desk.run(&pipeline, DocumentSource::of(documents));
    assert_eq!(report.documents.failed, 1);
    for file in ["documents.jsonl", "failures.jsonl", "pipeline.json"] {
        let text = std::fs::read_to_string(desk.path(file)).unwrap();
        assert!(!text.contains(key), "{file}: {text}");
    }
}
