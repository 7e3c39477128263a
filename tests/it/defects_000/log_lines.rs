use std::fs;

use duologue::agent::RunOptions;
use duologue::call_log::{LlmLogging, RunLog};
use duologue::lifecycle::{EventError, LifecycleEvent, Phase, Subject};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, ErrorKind};
use serde_json::Value;

use crate::log_support::open;
use crate::support::{folder, plan, planner, prompts, topic};

/// A document's id that would end a line, begin a forged one, and clear a terminal.
const HOSTILE: &str =
    "tides\n{\"event\":\"finished\"}\r\u{1b}[2J \u{202e}\u{2028}\u{0} \"quoted\" \\ back";

#[test]
fn every_line_has_its_time_and_is_one_line_whatever_a_document_is_called() {
    let folder = folder();
    let script = ScriptedProvider::new([Reply::json(plan())]);
    let runner = AgentRunner::builder(script, prompts())
        .logger(open(folder.path(), "run", LlmLogging::default()))
        .build();
    let mut failed = LifecycleEvent::new(Subject::Document, Phase::Failed, "run");
    failed.document_id = Some(HOSTILE.to_owned());
    failed.stage = Some(HOSTILE.to_owned());
    failed.error = Some(EventError {
        kind: ErrorKind::Refused,
        message: HOSTILE.to_owned(),
    });
    let options = RunOptions::new().document(HOSTILE).stage(HOSTILE);
    pollster::block_on(runner.run_with(&planner(), topic(), options)).unwrap();
    runner.tell(failed.clone()).unwrap();
    drop(runner);

    let directory = folder.path().join("run");
    let journal = fs::read_dir(directory.join("journal")).unwrap().next();
    let text = fs::read_to_string(journal.unwrap().unwrap().path()).unwrap();
    let lines: Vec<Value> = text
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    let mut expected = ["opened", "started", "finished", "rendered", "lifecycle"];
    expected.sort_unstable();
    let mut sorted = events.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    for line in &lines {
        let times = [
            &line["time"],
            &line["record"]["started_at"],
            &line["lifecycle"]["time"],
        ];
        let time = times.into_iter().find_map(Value::as_str);
        // A note that a view was written needs none.
        assert!(
            line["event"] == "rendered" || time.is_some_and(|time| time.ends_with('Z')),
            "{line}"
        );
    }
    let run = RunLog::open(&directory).unwrap();
    assert_eq!(run.problems(), []);
    let kept = &run.happened()[0];
    assert_eq!(
        (&kept.document_id, &kept.stage, &kept.error),
        (&failed.document_id, &failed.stage, &failed.error)
    );
}

#[cfg(feature = "cli")]
#[test]
fn what_the_command_shows_of_it_is_escaped() {
    let folder = crate::command::Folder::new();
    {
        let log = open(&folder.path("."), "run", LlmLogging::default());
        let runner = AgentRunner::builder(ScriptedProvider::new([]), prompts()).logger(log);
        let mut event = LifecycleEvent::new(Subject::Document, Phase::Started, "run");
        event.document_id = Some("tides".to_owned());
        event.stage = Some(HOSTILE.to_owned());
        runner.build().tell(event).unwrap();
    }
    for format in [&["--json"][..], &[]] {
        let ended = folder.run(&[&["logs", "show", "run", "--document", "tides"], format].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        let commands = |c: char| c.is_control() && c != '\n';
        assert!(!ended.stdout.contains(commands), "{:?}", ended.stdout);
    }
}
