//! Where one document goes, and what each stage sees of it.

use duologue::ErrorKind;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Output, Pipeline, PipelineStatus, Rework, ReworkTarget, Stage, StageInput,
};
use duologue::provider::Reply;
use serde_json::{Value, json};

use super::{Desk, agent, always, content, documents, reviewed};

#[test]
fn a_document_goes_from_router_to_artifact() {
    let desk = Desk::new(content());
    let report = desk.run(&reviewed().build().unwrap(), documents(1));
    assert_eq!(report.status, PipelineStatus::Succeeded);
    assert_eq!((report.documents.begun, report.documents.succeeded), (1, 1));
    assert_eq!(report.calls, 4);
    assert_eq!(report.usage.input_tokens, Some(10));
    let stages: Vec<_> = report
        .stages
        .iter()
        .map(|stage| (&*stage.stage, stage.visits))
        .collect();
    assert_eq!(
        stages,
        [("router", 1), ("clean", 1), ("review", 1), ("namer", 1)]
    );
    assert_eq!(
        desk.asked(),
        [
            "d0: raw text",
            "d0: raw text",
            "d0, cycle 0: clean text",
            "d0: 3 clean text"
        ]
    );
    let text = std::fs::read_to_string(desk.path("artifacts/a-name.md")).unwrap();
    assert_eq!(text.trim_end(), "clean text");
    let [line] = &desk.lines("documents.jsonl")[..] else {
        panic!("one line")
    };
    assert_eq!(
        (&line["document_id"], &line["status"]),
        (&json!("d0"), &json!("succeeded"))
    );
    let kept = std::fs::read(desk.path("pipeline.json")).unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["status"], "succeeded");
}

#[test]
fn what_is_not_approved_goes_back_with_what_the_reviewer_said() {
    let review = |approved, why: &str| {
        Reply::json(json!({"approved": approved, "why": why, "issues": ["tone", "length"]}))
            .agent("reviewer")
    };
    let desk = Desk::new([
        always("router", json!({"route": "markdown"})),
        Reply::json(json!({"body": "one"})).agent("cleaner"),
        review(false, "too long"),
        Reply::json(json!({"body": "two"})).agent("cleaner"),
        review(true, "fine"),
        always("namer", json!({"slug": "n", "extension": "md"})),
    ]);
    let report = desk.run(&reviewed().build().unwrap(), documents(1));
    assert_eq!(
        report.status,
        PipelineStatus::Succeeded,
        "{:?}",
        report.failures
    );
    let asked = desk.asked();
    assert_eq!(asked[3], "d0 again, round 1: too long | one | tone,length");
    assert_eq!(asked[4], "d0, cycle 1: two");
    assert_eq!(
        asked[5], "d0: 3 two",
        "an approved document is no longer reworked"
    );
    assert_eq!(report.stages[2].sent_back, 1);
    assert_eq!(desk.lines("documents.jsonl")[0]["cycles"], 1);
}

#[test]
fn rework_goes_to_a_named_stage_or_to_the_one_that_routed() {
    for (target, second) in [
        (ReworkTarget::Router, "router"),
        (ReworkTarget::Stage("polish".to_owned()), "polish"),
    ] {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = |name: &'static str, answer: fn(&StageInput) -> Value| {
            let seen = seen.clone();
            Stage::function(name, move |input| {
                seen.lock().unwrap().push(name);
                let answer = answer(&input);
                async move { Ok(answer) }
            })
        };
        let pipeline = Pipeline::builder("p")
            .stage(
                note("router", |_| json!({"to": " Polish\n"}))
                    .route_by("to")
                    .route("polish", "polish"),
            )
            .stage(note("polish", |_| json!({})).then("check"))
            .stage(note("check", |_| json!({})).then("review"))
            .stage(
                note("review", |input| json!({"ok": input.cycle == 1}))
                    .approve_by("ok")
                    .rework(Rework::new(target, 1)),
            )
            .build()
            .unwrap();
        let report = Desk::new([]).run(&pipeline, documents(1));
        assert_eq!(
            report.status,
            PipelineStatus::Succeeded,
            "{:?}",
            report.failures
        );
        assert_eq!(seen.lock().unwrap()[4], second);
    }
}

#[test]
fn a_route_that_nobody_configured_is_the_documents_failure() {
    let desk = Desk::new([always("router", json!({"route": "pdf"}))]);
    let report = desk.run(&reviewed().build().unwrap(), documents(1));
    assert_eq!(report.status, PipelineStatus::Failed);
    let failure = &report.failures[0];
    assert_eq!(
        (failure.kind, failure.stage.as_deref()),
        (ErrorKind::InvalidAnswer, Some("router"))
    );
    assert_eq!(
        failure.message,
        "the answer of stage `router`: `route` is `pdf`"
    );
    let hint = failure.hint.as_deref().unwrap();
    assert!(hint.starts_with("allowed: `markdown`;"), "{hint}");
    assert_eq!(desk.lines("failures.jsonl")[0]["document_id"], "d0");
}

#[test]
fn a_review_that_says_neither_yes_nor_no_is_a_failure() {
    for (answer, found) in [
        (json!({}), "is missing"),
        (json!({"approved": "yes"}), "is neither true nor false"),
    ] {
        let [router, cleaner, _, namer] = content();
        let desk = Desk::new([router, cleaner, always("reviewer", answer), namer]);
        let report = desk.run(&reviewed().build().unwrap(), documents(1));
        let message = &report.failures[0].message;
        assert_eq!(
            message,
            &format!("the answer of stage `review`: `approved` {found}")
        );
    }
}

#[test]
fn fields_of_the_source_and_all_answers_are_there_for_functions() {
    let pipeline = Pipeline::builder("p")
        .stage(
            Stage::function("count", async |input: StageInput| {
                Ok(json!({"words": input.text.split(' ').count()}))
            })
            .then("write"),
        )
        .stage(Stage::function("write", async |input: StageInput| {
            let title = &input.document.fields["title"];
            Ok(json!({"body": format!("{title}: {}", input.answers["count"]["words"])}))
        }))
        .output(Output::body("body"))
        .build()
        .unwrap();
    let desk = Desk::new([]);
    let document = Document::new("tides", "moon and sun").with_field("title", "Tides");
    let report = desk.run(&pipeline, DocumentSource::of([document]));
    assert_eq!(
        report.status,
        PipelineStatus::Succeeded,
        "{:?}",
        report.failures
    );
    let text = std::fs::read_to_string(desk.path("artifacts/tides.md")).unwrap();
    assert_eq!(text.trim_end(), "\"Tides\": 3");
}

#[test]
fn an_artifact_without_a_body_is_a_failure_that_names_the_key() {
    let [router, _, reviewer, namer] = content();
    let cleaner = always("cleaner", json!({"text": "under another key"}));
    let desk = Desk::new([router, cleaner, reviewer, namer]);
    let report = desk.run(&reviewed().build().unwrap(), documents(1));
    let failure = &report.failures[0];
    assert_eq!(failure.stage, None);
    assert_eq!(
        failure.message,
        "no stage answered with `body`, the key of the artifact"
    );
}

#[test]
fn records_name_document_stage_and_round() {
    let [router, cleaner, _, namer] = content();
    let reviews =
        [false, true].map(|ok| Reply::json(json!({"approved": ok, "why": ""})).agent("reviewer"));
    let desk = Desk::new([router, cleaner, namer].into_iter().chain(reviews));
    desk.run(&reviewed().build().unwrap(), documents(1));
    let run = desk.folder.path().join("run");
    let log = duologue::call_log::RunLog::open(run).unwrap();
    let records = log.records();
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.document_id.as_deref(),
                record.stage.as_deref(),
                record.iteration,
            )
        })
        .collect();
    let d = Some("d0");
    assert_eq!(
        told,
        [
            (d, Some("router"), 0),
            (d, Some("clean"), 0),
            (d, Some("review"), 0),
            (d, Some("clean"), 1),
            (d, Some("review"), 1),
            (d, Some("namer"), 0),
        ]
    );
}

#[test]
fn the_agent_of_a_stage_needs_no_output() {
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .build()
        .unwrap();
    let desk = Desk::new([always("cleaner", json!({"body": "x"}))]);
    let report = desk.run(&pipeline, documents(1));
    assert_eq!(
        (report.status, report.artifacts),
        (PipelineStatus::Succeeded, None)
    );
}
