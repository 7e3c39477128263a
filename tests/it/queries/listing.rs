//! `ls` and `show`: which calls, in which order, and what is said of files that cannot be read.

use duologue::call_log::RunLog;
use serde_json::Value;

use super::{logs, logs_ended, mixed, run, settled};
use crate::command::Folder;

#[test]
fn calls_stand_in_the_order_in_which_they_started() {
    let folder = mixed();
    let whole = RunLog::open(folder.path("out/demo")).unwrap();
    let found: Vec<_> = run(&folder).records().map(Result::unwrap).collect();
    assert_eq!(found, whole.records());
    for (place, record) in whole.records().iter().enumerate() {
        let number = (place + 1).to_string();
        let shown = logs(&folder, &["show", "out/demo", &number, "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown, serde_json::to_value(record).unwrap());
    }
}

#[test]
fn a_list_fits_a_terminal() {
    let folder = mixed();
    let text = logs(&folder, &["ls", "out/demo"]);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!("ls", settled(&text));
}

#[test]
fn filters_choose_calls_and_runs() {
    let folder = mixed();
    let rows = |arguments: &[&str]| {
        logs(&folder, &[&["ls"], arguments].concat())
            .lines()
            .count()
            - 1
    };
    assert_eq!(rows(&["out/demo", "--agent", "judge"]), 3);
    assert_eq!(
        rows(&["out/demo", "--status", "invalid", "--status", "refused"]),
        2
    );
    assert_eq!(rows(&["out/demo", "--model", "gpt-5", "--limit", "3"]), 3);
    assert_eq!(rows(&["out", "--status", "refused"]), 1);
    let json = logs(
        &folder,
        &[
            "ls", "out/demo", "--json", "--agent", "planner", "--limit", "2",
        ],
    );
    let records: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(records.as_array().unwrap().len(), 2);
    assert_eq!(
        logs(&folder, &["ls", "out/demo", "--json", "--agent", "nobody"]),
        "[]\n"
    );
    let none = logs_ended(&folder, &["ls", "out", "--agent", "nobody"]);
    assert_eq!(
        (&*none.stdout, &*none.stderr),
        ("", "no runs with such calls in `out`\n")
    );
}

#[test]
fn a_foreign_file_is_named_once_and_the_rest_is_read() {
    let folder = mixed().damaged();
    folder.write(
        "out/demo/journal/1-2.jsonl",
        &"{\"some\": \"json\"}\n".repeat(500),
    );
    let listed = logs_ended(&folder, &["ls", "out/demo"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(1), 8));
    assert_eq!(
        listed.stderr,
        "warning: `out/demo/journal/1-2.jsonl` line 1: foreign file: nothing in its 500 lines is a journal line (there is no checksum: not a line of a duologue journal)\n"
    );
}

#[test]
fn a_journal_of_garbage_gets_few_warnings() {
    let folder = mixed().damaged();
    let journal = folder.names("out/demo/journal").remove(0);
    let whole = folder.read(&format!("out/demo/journal/{journal}"));
    folder.write(
        "out/bad/journal/1-2.jsonl",
        &(whole + &"\ngarbage".repeat(500)),
    );
    let listed = logs_ended(&folder, &["ls", "out/bad"]);
    assert_eq!(listed.stderr.lines().count(), 11, "{}", listed.all());
    assert_eq!(
        listed.stderr.lines().last(),
        Some("warning: 490 unreadable lines more in `out/bad`")
    );
    assert_eq!(listed.stdout.lines().count(), 8);
}

#[test]
fn no_name_of_a_run_commands_the_terminal() {
    let folder = Folder::with_job().damaged();
    let hostile = "\u{1b}]0;owned\u{7}a\u{9b}2Jb\u{7f}\u{202e}";
    let record = serde_json::json!({
        "schema": "duologue.call/1", "call_id": format!("call_{hostile}"), "run_id": hostile, "sequence": 1,
        "attempt": 1, "agent": hostile, "model": hostile, "started_at": "2026-11-21T08:00:00Z", "status": "failed",
        "error": {"kind": "timeout", "message": hostile}, "messages": [{"role": "user", "content": hostile}],
    });
    let opened =
        serde_json::json!({"event": "opened", "schema": "duologue.journal/1", "run_id": hostile});
    let finished = serde_json::json!({"event": "finished", "record": record});
    let lines = [opened, finished].map(|event| crate::support::mixed::sealed(&event));
    folder.write("out/demo/journal/1-2.jsonl", &lines.concat());
    let plain = |text: &str| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\t'))
    };
    for command in [
        &["ls", "out/demo"][..],
        &["ls", "out"],
        &["tail", "out/demo"],
        &["stats", "out/demo"],
        &["grep", "owned", "out/demo"],
        &["verify", "out/demo"],
        &["show", "out/demo", "1"],
        &["ls", "out/demo", "--json"],
        &["show", "out/demo", "1", "--json"],
        &["stats", "out/demo", "--json"],
        &["tail", "out/demo", "--json"],
        &["grep", "owned", "out/demo", "--json"],
        &["verify", "out/demo", "--json"],
    ] {
        let ended = logs_ended(&folder, command);
        assert!(
            plain(&ended.stdout) && plain(&ended.stderr),
            "{command:?}: {:?}",
            ended.all()
        );
    }
    let json = logs(&folder, &["show", "out/demo", "1", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["agent"], hostile);
}

#[test]
fn a_word_of_a_newer_version_is_read_without_and_told() {
    let folder = Folder::with_job().damaged();
    let record = serde_json::json!({
        "schema": "duologue.call/1", "call_id": "c1", "sequence": 1, "agent": "a", "model": "m",
        "started_at": "2026-11-21T08:00:00Z", "status": "postponed",
    });
    let finished = serde_json::json!({"event": "finished", "record": record});
    let line = crate::support::mixed::sealed(&finished);
    folder.write("out/demo/journal/1-2.jsonl", &line);
    for command in [
        &["ls", "out/demo"][..],
        &["stats", "out/demo"],
        &["export", "out/demo", "--format", "jsonl"],
    ] {
        let ended = logs_ended(&folder, command);
        assert!(
            ended.stdout.contains("unknown"),
            "{command:?}: {}",
            ended.all()
        );
        assert!(
            ended
                .stderr
                .contains("`postponed`, which this version does not know"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.code, Some(1), "{command:?}");
    }
}
