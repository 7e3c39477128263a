//! The end of a run, and what comes after it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use duologue::call_log::{CallStatus, LlmLogging};
use duologue::query::{Follow, Run};

use super::{logs, mixed};
use crate::log_support::{open, run as run_agent, willing};

#[test]
fn the_last_calls_are_shown_in_one_line_each() {
    let folder = mixed();
    let text = logs(&folder, &["tail", "out/demo", "-n", "2"]);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let statuses: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().nth(5))
        .collect();
    assert_eq!(statuses, [Some("truncated"), Some("failed")]);
    let json = logs(&folder, &["tail", "out/demo", "--json"]);
    assert_eq!(json.lines().count(), 7);
}

#[test]
fn each_start_and_each_end_is_told_once_from_every_journal() {
    let folder = crate::support::folder();
    let first = willing(open(folder.path(), "run", LlmLogging::default()));
    run_agent(&first, "before", 0);
    let mut follow = Follow::from(&Run::open(folder.path().join("run")).unwrap());
    let mut news = || -> Vec<(String, Option<CallStatus>)> {
        let updates = follow.poll().unwrap();
        updates
            .into_iter()
            .map(|call| (call.agent, call.status))
            .collect()
    };
    assert_eq!(news(), []);
    run_agent(&first, "one", 1);
    let one = [
        ("one".to_owned(), None),
        ("one".to_owned(), Some(CallStatus::Succeeded)),
    ];
    assert_eq!(news(), one);
    // A journal that was not there before.
    let second = willing(open(folder.path(), "run", LlmLogging::default()));
    run_agent(&second, "two", 2);
    assert_eq!(news().len(), 2);
    assert_eq!(news(), []);
}

#[test]
fn a_half_written_line_is_told_when_it_is_whole() {
    let folder = crate::support::folder();
    let runner = willing(open(folder.path(), "run", LlmLogging::default()));
    run_agent(&runner, "one", 1);
    drop(runner);
    let entry = std::fs::read_dir(folder.path().join("run/journal"))
        .unwrap()
        .next();
    let journal = entry.unwrap().unwrap().path();
    let whole = std::fs::read(&journal).unwrap();
    let starts: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    // All but the end of the call: opened, started, and half of finished.
    std::fs::write(&journal, &whole[..starts[2]]).unwrap();
    let mut follow = Follow::from(&Run::open(folder.path().join("run")).unwrap());
    std::fs::write(&journal, &whole[..starts[2] + 100]).unwrap();
    assert!(follow.poll().unwrap().is_empty());
    std::fs::write(&journal, &whole).unwrap();
    let told = follow.poll().unwrap();
    assert_eq!(
        (told.len(), told[0].status),
        (1, Some(CallStatus::Succeeded))
    );
}

#[test]
fn a_journal_that_is_left_unread_does_not_shift_where_the_others_are_read_on() {
    let folder = crate::support::folder().damaged();
    let runner = willing(open(folder.path(), "run", LlmLogging::default()));
    run_agent(&runner, "one", 1);
    let newer = crate::support::mixed::sealed(
        &serde_json::json!({"event": "opened", "schema": "duologue.journal/2"}),
    );
    std::fs::write(folder.path().join("run/journal/1-0.jsonl"), newer).unwrap();
    let run = Run::open(folder.path().join("run")).unwrap();
    assert_eq!(run.unreadable(), 1);
    assert!(Follow::from(&run).poll().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn the_command_follows_a_writer_until_ctrl_c() {
    let folder = crate::support::folder();
    let runner = willing(open(folder.path(), "run", LlmLogging::default()));
    run_agent(&runner, "before", 0);
    let mut child = Command::new(env!("CARGO_BIN_EXE_duologue"))
        .args(["logs", "tail", "-f", "run"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("before"));
    run_agent(&runner, "later", 1);
    let (started, ended) = (next(), next());
    assert!(
        started.contains("later") && started.ends_with("running"),
        "{started}"
    );
    assert!(
        ended.contains("later") && ended.contains("succeeded"),
        "{ended}"
    );
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
