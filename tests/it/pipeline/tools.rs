//! Stages that are tools: templates in their arguments, schemas, permissions, records.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::AgentRunner;
use duologue::ErrorKind;
use duologue::call_log::RunLog;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Output, Pipeline, PipelineOptions, PipelineStatus, Stage, StageInput,
};
use duologue::provider::ScriptedProvider;
use duologue::tool::{
    FunctionTool, PermissionAction, PermissionRule, ToolError, ToolSet, ToolSetBuilder,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Desk, packs};

#[derive(Deserialize, JsonSchema)]
struct Words {
    #[schemars(length(max = 40))]
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

fn count_words(calls: &Arc<AtomicUsize>) -> ToolSetBuilder {
    let calls = calls.clone();
    let tool = FunctionTool::new("count_words", "Counts words.", move |Words { text }| {
        calls.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, ToolError>(json!({"words": text.split(' ').count(), "body": text})) }
    });
    ToolSet::builder().tool(tool)
}

fn desk(tools: ToolSetBuilder) -> Desk {
    let folder = crate::support::folder();
    let script = ScriptedProvider::new([]);
    let runner = AgentRunner::builder(script.clone(), packs())
        .logger(crate::support::file_log(
            &folder,
            duologue::call_log::LlmLogging::default(),
        ))
        .tools(tools.build().unwrap())
        .build();
    Desk {
        folder,
        script,
        runner,
    }
}

fn pipeline() -> Pipeline {
    let arguments = json!({"text": "{{ document.title }}: {{ text }}"});
    Pipeline::builder("p")
        .stage(Stage::tool("count", "count_words", arguments))
        .output(Output::body("body"))
        .build()
        .unwrap()
}

#[test]
fn a_result_that_is_no_object_stays_the_text_that_it_is() {
    let results = [
        "007",
        "12345678901234567890123",
        "null",
        "[1]",
        "{\"a\": 1}",
    ];
    for text in results {
        let tool = FunctionTool::new("say", "Says it.", move |Nothing {}| async move {
            Ok::<_, ToolError>(text.to_owned())
        });
        let desk = desk(ToolSet::builder().tool(tool));
        let seen = Arc::new(std::sync::Mutex::new(json!(null)));
        let keep = seen.clone();
        let look = Stage::function("look", move |input: StageInput| {
            *keep.lock().unwrap() = input.answers["say"].clone();
            async { Ok(json!({})) }
        });
        let pipeline = Pipeline::builder("p")
            .stage(Stage::tool("say", "say", json!({})).then("look"))
            .stage(look)
            .build()
            .unwrap();
        let report = desk.run(&pipeline, one("Tides"));
        assert_eq!(report.status, PipelineStatus::Succeeded, "{report:?}");
        let expected = match text.strip_prefix('{') {
            Some(_) => json!({"a": 1}),
            None => json!({"result": text}),
        };
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}

fn one(title: &str) -> DocumentSource {
    DocumentSource::of([Document::new("d", "moon and sun").with_field("title", title)])
}

#[test]
fn a_tool_works_on_a_document_and_is_recorded() {
    let desk = desk(count_words(&Arc::default()));
    let report = desk.run(&pipeline(), one("Tides"));
    assert_eq!(
        report.status,
        PipelineStatus::Succeeded,
        "{:?}",
        report.failures
    );
    let text = std::fs::read_to_string(desk.path("artifacts/d.md")).unwrap();
    assert_eq!(text.trim_end(), "Tides: moon and sun");
    let log = RunLog::open(desk.folder.path().join("run")).unwrap();
    let [record] = log.tool_calls() else {
        panic!("one tool call")
    };
    assert_eq!((&*record.agent, &*record.name), ("count", "count_words"));
    assert_eq!(
        record.arguments,
        Some(json!({"text": "Tides: moon and sun"}))
    );
    assert!(record.is_success() && record.call_id.starts_with("stage_"));
}

#[test]
fn arguments_that_do_not_fit_rules_that_forbid_and_tools_that_fail_are_failures() {
    let forbidden = PermissionRule::new("count_*", PermissionAction::Reject);
    let cases = [
        (
            count_words(&Arc::default()),
            "a title that is longer than forty characters are",
            "was given arguments that do not fit its schema",
        ),
        (
            count_words(&Arc::default()).permissions([forbidden]),
            "Tides",
            "may not be called: a permission rule says no",
        ),
    ];
    for (tools, title, said) in cases {
        let report = desk(tools).run(&pipeline(), one(title));
        let failure = &report.failures[0];
        assert_eq!(
            (failure.kind, failure.stage.as_deref()),
            (ErrorKind::Tool, Some("count"))
        );
        assert_eq!(failure.message, format!("tool `count_words` {said}"));
    }
}

#[test]
fn a_tool_that_was_done_is_not_done_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let desk = desk(count_words(&calls));
    desk.run(&pipeline(), one("Tides"));
    for (title, expected) in [("Tides", 1), ("Moons", 2)] {
        let options = PipelineOptions::new().resume();
        let running = pipeline();
        let report = pollster::block_on(running.run(&desk.runner, one(title), options)).unwrap();
        assert_eq!(report.status, PipelineStatus::Succeeded);
        assert_eq!(calls.load(Ordering::SeqCst), expected, "{title}");
    }
}
