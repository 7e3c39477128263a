//! `ls` and `show`: which calls, in which order, and what is said of files that cannot be read.

use duologue::call_log::RunLog;
use serde_json::Value;

use super::{logs, logs_ended, mixed, run, settled};

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
