//! Calls in the formats of other tools.

use std::collections::BTreeSet;

use duologue::call_log::RunLog;
use serde_json::{Value, json};

use super::{logs, logs_ended, mixed};
use crate::command::Folder;

fn traces(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let text = logs(
        folder,
        &[&["export", "out/demo", "--format", "otlp-json"], arguments].concat(),
    );
    let document: Value = serde_json::from_str(&text).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap()
        .clone()
}

/// The value of an attribute, without its type.
fn attribute(span: &Value, key: &str) -> Value {
    let attributes = span["attributes"].as_array().unwrap().iter();
    let found = attributes.clone().find(|attribute| attribute["key"] == key);
    let value = found.map(|attribute| {
        attribute["value"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
    });
    value.cloned().unwrap_or_default()
}

#[test]
fn json_lines_are_the_records() {
    let folder = mixed();
    let text = logs(&folder, &["export", "out/demo", "--format", "jsonl"]);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let run = RunLog::open(folder.path("out/demo")).unwrap();
    assert_eq!(
        Value::from(lines),
        serde_json::to_value(run.records()).unwrap()
    );
}

#[test]
fn a_table_has_one_row_per_call() {
    let folder = mixed();
    let written = logs_ended(
        &folder,
        &["export", "out", "--format", "csv", "-o", "calls.csv"],
    );
    assert_eq!(
        (written.code, &*written.stderr),
        (Some(0), "7 calls in `calls.csv`\n")
    );
    let text = folder.read("calls.csv");
    assert_eq!(text.matches("\r\n").count(), 8);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heading = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        let column = heading.iter().position(|column| column == name).unwrap();
        rows[row][column].to_owned()
    };
    assert_eq!(
        [
            "agent",
            "status",
            "input_tokens",
            "cached_tokens",
            "temperature"
        ]
        .map(|name| cell(0, name)),
        ["planner", "succeeded", "100", "40", "0.7"]
    );
    assert_eq!(
        ["transport_attempts", "cost_usd"].map(|name| cell(2, name)),
        ["2", "0.0000815"]
    );
    assert_eq!(cell(6, "error_kind"), "bad_request");
    assert!(!text.contains("Tides") && !text.contains("bad flood"));
}

#[test]
fn a_spreadsheet_takes_no_text_for_a_formula() {
    let folder = Folder::with_job();
    folder.write(
        "replies.yaml",
        "replies: [{text: '=HYPERLINK(\"x\"), \"a\"', repeat: 3}]",
    );
    folder.write("prompts/planner/user.tera", "line\n{{ topic }}");
    folder.run(&["run", "job.yaml"]);
    let text = logs(&folder, &["export", "out", "--format", "csv", "--content"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let answers: Vec<String> = reader
        .records()
        .map(|row| row.unwrap().iter().next_back().unwrap().to_owned())
        .collect();
    assert_eq!(answers[0], "'=HYPERLINK(\"x\"), \"a\"");
    assert!(
        text.contains("\"'=HYPERLINK(\"\"x\"\"), \"\"a\"\"\""),
        "{text}"
    );
}

#[test]
fn traces_are_a_tree_of_executions_and_calls() {
    let folder = mixed();
    let spans = traces(&folder, &[]);
    let named = |name: &str| -> Vec<&Value> {
        let spans = spans.iter();
        spans
            .filter(|span| span["name"].as_str().unwrap().starts_with(name))
            .collect()
    };
    let (agents, chats) = (named("invoke_agent "), named("chat "));
    assert_eq!((agents.len(), chats.len()), (6, 7));
    let traces: BTreeSet<_> = spans
        .iter()
        .map(|span| span["traceId"].as_str().unwrap())
        .collect();
    assert_eq!(traces.len(), 1);
    for chat in &chats {
        let parent = agents
            .iter()
            .find(|agent| agent["spanId"] == chat["parentSpanId"])
            .unwrap();
        assert_eq!(
            attribute(parent, "gen_ai.agent.name"),
            attribute(chat, "gen_ai.agent.name")
        );
        let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time(parent, "startTimeUnixNano") <= time(chat, "startTimeUnixNano"));
        assert!(time(chat, "endTimeUnixNano") <= time(parent, "endTimeUnixNano"));
        assert!(time(chat, "startTimeUnixNano") > 1_700_000_000_000_000_000);
    }
    let ids: BTreeSet<_> = spans
        .iter()
        .map(|span| span["spanId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 13);
    assert!(ids.iter().all(|id| id.len() == 16) && traces.iter().all(|id| id.len() == 32));
    assert_eq!(traces_again(&folder), spans);
}

fn traces_again(folder: &Folder) -> Vec<Value> {
    traces(folder, &[])
}

#[test]
fn spans_say_what_the_conventions_name() {
    let folder = mixed();
    let spans = traces(&folder, &[]);
    let first = &spans[0];
    assert_eq!(
        (&first["name"], &first["kind"]),
        (&json!("chat gpt-5-mini"), &json!(3))
    );
    assert_eq!(first["status"], json!({"code": 1}));
    for (key, value) in [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("scripted")),
        ("gen_ai.request.model", json!("gpt-5-mini")),
        ("gen_ai.request.temperature", json!(0.7)),
        ("gen_ai.usage.input_tokens", json!("100")),
        ("gen_ai.usage.output_tokens", json!("20")),
        (
            "gen_ai.response.finish_reasons",
            json!([{"stringValue": "stop"}]),
        ),
    ] {
        let found = attribute(first, key);
        let found = found.get("values").cloned().unwrap_or(found);
        assert_eq!(found, value, "{key}");
    }
    let failed = &spans[6];
    assert_eq!(failed["status"], json!({"code": 2}));
    assert_eq!(attribute(failed, "error.type"), json!("bad_request"));
}

#[test]
fn content_is_exported_only_when_it_is_asked_for() {
    let folder = mixed();
    let without = serde_json::to_string(&traces(&folder, &[])).unwrap();
    assert!(
        !without.contains("Plan tides") && !without.contains("flood"),
        "{without}"
    );
    let with = traces(&folder, &["--content"]);
    let messages = attribute(&with[0], "gen_ai.input.messages");
    let messages: Value = serde_json::from_str(messages.as_str().unwrap()).unwrap();
    assert_eq!(
        messages[1],
        json!({"role": "user", "parts": [{"type": "text", "content": "Plan tides."}]})
    );
    assert!(serde_json::to_string(&with).unwrap().contains("bad flood"));
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let folder = mixed();
    let ended = logs_ended(
        &folder,
        &[
            "export",
            "out",
            "--format",
            "csv",
            "-o",
            "nowhere/calls.csv",
        ],
    );
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .starts_with("error: cannot write `nowhere/calls.csv`\n"),
        "{}",
        ended.stderr
    );
}
