//! What a newer version wrote: named as such, and read as far as this version knows it.

use std::fs;

use duologue::ErrorKind;
use duologue::call_log::{CallStatus, RunLog};
use serde_json::{Value, json};

use super::{problems, small_run, succeeded, with_journal};
use crate::support::mixed::sealed;

fn finished(record: &Value) -> String {
    sealed(&json!({"event": "finished", "record": record}))
}

/// A record as this version writes it.
fn record() -> Value {
    json!({
        "schema": "duologue.call/1", "call_id": "new", "run_id": "run", "execution_id": "e", "sequence": 9,
        "attempt": 1, "iteration": 0, "agent": "planner", "mode": "oneshot", "provider": "scripted", "model": "m",
        "parameters": {}, "started_at": "2030-01-01T00:00:00.000000Z", "status": "failed",
        "usage": {"input_tokens": 5}, "error": {"kind": "timeout", "message": "late"},
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    })
}

#[test]
fn a_newer_journal_is_named_once_and_left_unread() {
    let lines = [
        sealed(&json!({"event": "opened", "schema": "duologue.journal/2", "run": {"id": "run"}})),
        finished(&json!({"id": 7})),
        "\ngarbage".to_owned(),
    ];
    let folder = with_journal("2-2.jsonl", lines.concat().as_bytes());
    assert_eq!(
        problems(&folder),
        ["2-2.jsonl:2: written by a newer version (duologue.journal/2); this one reads up to /1"]
    );
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!((run.records().len(), succeeded(&run)), (2, 2));
}

#[test]
fn a_newer_record_is_named_and_left_unread_whatever_its_shape() {
    let other_shape =
        json!({"schema": "duologue.call/2", "call_id": {"run": 1}, "status": ["failed"]});
    let mut same_shape = record();
    same_shape["schema"] = "duologue.call/2".into();
    for newer in [other_shape, same_shape] {
        let folder = with_journal("2-2.jsonl", finished(&newer).as_bytes());
        assert_eq!(
            problems(&folder),
            ["2-2.jsonl:2: written by a newer version (duologue.call/2); this one reads up to /1"]
        );
        let run = RunLog::open(folder.path().join("run")).unwrap();
        assert_eq!(run.records().len(), 2);
    }
}

#[test]
fn a_run_with_newer_calls_is_not_recovered_by_an_older_version() {
    let mut newer = record();
    newer["schema"] = "duologue.call/2".into();
    let folder = with_journal("2-2.jsonl", finished(&newer).as_bytes());
    let error = RunLog::open(folder.path().join("run"))
        .unwrap()
        .recover()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(
        error
            .to_string()
            .contains("newer version (duologue.call/2)"),
        "{error:#}"
    );
    assert_eq!(
        error.hint(),
        Some("recover it with the version that wrote it")
    );
}

#[test]
fn a_newer_summary_is_not_replaced_by_an_older_one() {
    let (folder, _) = small_run();
    let summary = folder.path().join("run/llm_calls/summary.yaml");
    fs::write(&summary, "schema: duologue.summary/2\ntotals: {calls: 2}\n").unwrap();
    let error = RunLog::open(folder.path().join("run"))
        .unwrap()
        .recover()
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("newer version (duologue.summary/2)"),
        "{error:#}"
    );
    assert!(fs::read_to_string(&summary).unwrap().contains("totals"));
}

#[test]
fn an_unknown_field_or_event_is_passed_over() {
    let mut future = record();
    future["mood"] = json!({"good": true});
    future["usage"]["audio_tokens"] = 5.into();
    future["attempts"] = json!([{"duration_ms": 1, "proxy": "p"}]);
    let lines = [
        finished(&future),
        sealed(&json!({"event": "annotated", "record": {"call_id": 5, "mood": "good"}})),
        sealed(&json!({"event": "rated", "call_id": "new", "score": 3})),
        sealed(&json!({"event": "listed", "record": ["a", "b"], "schema": "other/7"})),
    ];
    let folder = with_journal("2-2.jsonl", lines.concat().as_bytes());
    assert_eq!(problems(&folder), [""; 0]);
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(run.records().len(), 3);
    assert_eq!(run.records()[2].usage.input_tokens, Some(5));
}

#[test]
fn an_unknown_word_costs_its_place_and_not_the_record() {
    let cases = [
        (
            "/status",
            json!("postponed"),
            "`record.status` holds `postponed`, which this version does not know",
        ),
        (
            "/error/kind",
            json!("melted"),
            "`record.error.kind` holds `melted`, which this version does not know",
        ),
        (
            "/mode",
            json!("batch"),
            "`record.mode` holds `batch`, which this version does not know; `record.mode` is left out",
        ),
        (
            "/usage/input_tokens",
            json!({"text": 5}),
            "`record.usage.input_tokens` has a shape that this version does not know, and is left out",
        ),
        (
            "/status",
            json!({"word": "failed"}),
            "`record.status` has a shape that this version does not know, and is left out",
        ),
    ];
    for (pointer, word, said) in cases {
        let mut newer = record();
        *newer.pointer_mut(pointer).unwrap() = word;
        let folder = with_journal("2-2.jsonl", finished(&newer).as_bytes());
        assert_eq!(problems(&folder), [format!("2-2.jsonl:2: {said}")]);

        let mut run = RunLog::open(folder.path().join("run")).unwrap();
        let read = &run.records()[2];
        assert_eq!((read.call_id.as_str(), read.messages.len()), ("new", 2));
        let status = if pointer == "/status" {
            CallStatus::Unknown
        } else {
            CallStatus::Failed
        };
        assert_eq!(read.status, Some(status));
        let kind = if pointer == "/error/kind" {
            ErrorKind::Unknown
        } else {
            ErrorKind::Timeout
        };
        assert_eq!(read.error.as_ref().map(|error| error.kind), Some(kind));
        assert_eq!(run.summary().calls, 3);
        // A call file would lack what is not known here.
        assert_eq!(run.recover().unwrap().rendered, 0, "{pointer}");
    }
}

#[test]
fn a_call_that_began_with_an_unknown_word_is_not_ended_by_this_version() {
    let mut newer = record();
    newer["mode"] = "batch".into();
    let line = sealed(&json!({"event": "started", "record": newer}));
    let folder = with_journal("2-2.jsonl", line.as_bytes());
    let mut run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(run.records()[2].status, Some(CallStatus::Interrupted));
    assert_eq!(run.recover().unwrap().interrupted, 0);
}
