//! Runs that are missing, foreign, damaged or newer: said clearly, and the rest still read.

#[cfg(feature = "cli")]
mod commands;
mod dialects;
mod never_panics;
mod newer;

use std::fs;
use std::path::Path;

use duologue::ErrorKind;
use duologue::call_log::{CallStatus, LlmLogging, LogLevel, Record, RunLog};
use serde_json::json;

use crate::log_support::{open, run, willing};
use crate::support::mixed::sealed;
use crate::support::{Folder, folder};

/// A run of two calls at level minimal, in `{folder}/run`, and its journal.
fn small_run() -> (Folder, Vec<u8>) {
    let folder = folder().damaged();
    let settings = LlmLogging {
        log_level: LogLevel::Minimal,
        ..LlmLogging::default()
    };
    let log = open(folder.path(), "run", settings);
    let journal = log.journal().unwrap().to_owned();
    let runner = willing(log);
    run(&runner, "planner", 1);
    run(&runner, "planner", 2);
    drop(runner);
    let bytes = fs::read(&journal).unwrap();
    fs::rename(&journal, folder.path().join("run/journal/1-1.jsonl")).unwrap();
    (folder, bytes)
}

/// The small run with one more file `name` in its journal directory.
fn with_journal(name: &str, bytes: &[u8]) -> Folder {
    let (folder, _) = small_run();
    fs::write(folder.path().join("run/journal").join(name), bytes).unwrap();
    folder
}

/// What [`RunLog`] says of the run, one line each, by the files' names.
fn problems(folder: &Folder) -> Vec<String> {
    let run = RunLog::open(folder.path().join("run")).unwrap();
    let problems = run.problems().iter().map(|problem| {
        let name = problem.file.file_name().unwrap().to_str().unwrap();
        format!("{name}:{}: {}", problem.line, problem.message)
    });
    problems.collect()
}

fn succeeded(run: &RunLog) -> usize {
    let status = |record: &&Record| record.status == Some(CallStatus::Succeeded);
    run.records().iter().filter(status).count()
}

#[test]
fn a_foreign_file_is_named_and_the_rest_is_read() {
    let foreign: [(&str, &[u8], &str); 6] = [
        (
            "csv",
            b"a,b\n1,2\n",
            "2-2.jsonl:1: not a line of a duologue journal",
        ),
        (
            "another tool's",
            b"{\"level\": \"info\", \"msg\": \"x\"}\n",
            "2-2.jsonl:1: there is no checksum: not a line of a duologue journal",
        ),
        (
            "binary",
            b"\x7fELF\x02\x01\x01\0\0\xff\xfe",
            "2-2.jsonl:1: not a line of a duologue journal",
        ),
        (
            "cut",
            b"{\"event\":\"started\",\"record\":{\"call_id\"",
            "2-2.jsonl:1: the line is cut off",
        ),
        (
            "changed",
            b"{\"event\":\"opened\",\"crc\":\"00000000\"}",
            "2-2.jsonl:1: the checksum does not match",
        ),
        (
            "a number",
            b"7",
            "2-2.jsonl:1: there is no checksum: not a line of a duologue journal",
        ),
    ];
    for (what, bytes, said) in foreign {
        let folder = with_journal("2-2.jsonl", bytes);
        assert_eq!(problems(&folder)[0], said, "{what}");
        let run = RunLog::open(folder.path().join("run")).unwrap();
        assert_eq!(succeeded(&run), 2, "{what}");
    }
}

#[test]
fn empty_files_and_blank_lines_are_no_problem() {
    for bytes in [&b""[..], b"\n", b"\n\n\n"] {
        assert_eq!(problems(&with_journal("2-2.jsonl", bytes)), [""; 0]);
    }
}

#[test]
fn a_line_of_twenty_megabytes_is_read_and_one_of_garbage_is_named() {
    let long = "x".repeat(20_000_000);
    let record = json!({"call_id": "long", "status": "succeeded", "raw_answer": long});
    let line = sealed(&json!({"event": "finished", "record": record}));
    let folder = with_journal("2-2.jsonl", line.as_bytes());
    assert_eq!(problems(&folder), [""; 0]);
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(run.records().len(), 3);
    let folder = with_journal("2-2.jsonl", long.as_bytes());
    assert_eq!(problems(&folder).len(), 1);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_named_and_the_rest_is_read() {
    use std::os::unix::fs::symlink;
    let (folder, _) = small_run();
    let place = |name: &str| folder.path().join("run/journal").join(name);
    fs::create_dir(place("2-2.jsonl")).unwrap();
    symlink("3-3.jsonl", place("3-3.jsonl")).unwrap();
    symlink("nowhere", place("4-4.jsonl")).unwrap();
    // A pipe that nobody writes to would be waited for, for ever.
    let made = std::process::Command::new("mkfifo")
        .arg(place("5-5.jsonl"))
        .status();
    let pipe = made.is_ok_and(|status| status.success());
    let said = problems(&folder);
    assert_eq!(said.len(), 3 + usize::from(pipe), "{said:?}");
    assert_eq!(
        said[0],
        "2-2.jsonl:0: cannot be read: it is not a regular file"
    );
    assert!(
        said[1].starts_with("3-3.jsonl:0: cannot be read: "),
        "{said:?}"
    );
    assert!(
        said[2].starts_with("4-4.jsonl:0: cannot be read: "),
        "{said:?}"
    );
    let mut run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(succeeded(&run), 2);
    // A summary without the calls of an unreadable journal would be a lie.
    let before = fs::read(folder.path().join("run/llm_calls/summary.yaml")).unwrap();
    let error = run.recover().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(error.to_string().contains("2-2.jsonl"), "{error:#}");
    let after = fs::read(folder.path().join("run/llm_calls/summary.yaml")).unwrap();
    assert!(before == after);
}

#[test]
fn a_run_of_which_no_journal_can_be_read_is_an_error() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("journal/1-1.jsonl")).unwrap();
    let error = RunLog::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("1-1.jsonl"), "{error:#}");
    let missing = RunLog::open(folder.path().join("nowhere")).unwrap_err();
    assert!(missing.to_string().contains("holds no run"), "{missing:#}");
}

#[test]
fn a_flipped_bit_costs_its_line_and_no_other() {
    let (folder, bytes) = small_run();
    let journal = folder.path().join("run/journal/1-1.jsonl");
    let whole = RunLog::open(folder.path().join("run")).unwrap();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&journal, &damaged).unwrap();
        let run = RunLog::open(folder.path().join("run")).unwrap();
        // Digits of a checksum read the same in both cases.
        if !damaged.eq_ignore_ascii_case(&bytes) {
            assert!(
                !run.problems().is_empty() || bytes[place] == b'\n',
                "byte {place}"
            );
        }
        assert!(
            run.problems().len() <= 2,
            "byte {place}: {:?}",
            run.problems()
        );
        let unharmed = run
            .records()
            .iter()
            .filter(|record| whole.records().contains(record));
        assert!(unharmed.count() >= 1, "byte {place}");
    }
}

#[test]
fn a_journal_leads_to_no_file_outside_of_the_run() {
    let lines = ["../../secret", "/etc/passwd", "..", "", "a/b"]
        .map(|file| sealed(&json!({"event": "rendered", "call_id": file, "file": file})));
    let folder = with_journal("2-2.jsonl", lines.concat().as_bytes());
    let run = RunLog::open(folder.path().join("run")).unwrap();
    for id in ["../../secret", "/etc/passwd", "..", "", "a/b"] {
        assert_eq!(run.call_file(id), None, "{id}");
    }
}

#[test]
fn a_record_with_a_huge_number_gets_the_next_free_file() {
    for sequence in [u64::MAX, 1 << 62, 1 << 40] {
        let record = json!({"call_id": "huge", "agent": "planner", "sequence": sequence, "status": "failed"});
        let line = sealed(&json!({"event": "finished", "record": record}));
        let folder = with_journal("2-2.jsonl", line.as_bytes());
        let mut run = RunLog::open(folder.path().join("run")).unwrap();
        assert_eq!(run.recover().unwrap().rendered, 1);
        let file = run.call_file("huge").unwrap();
        assert!(
            file.ends_with("call_003_planner.yaml"),
            "{}",
            file.display()
        );
        assert!(size_of_numbers(folder.path()) < 100);
    }
}

fn size_of_numbers(folder: &Path) -> u64 {
    fs::metadata(folder.join("run/llm_calls/.numbers"))
        .unwrap()
        .len()
}
