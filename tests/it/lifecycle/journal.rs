use std::fs;

use duologue::AgentRunner;
use duologue::ErrorKind;
use duologue::agent::RunOptions;
use duologue::call_log::{LlmLogging, LogLevel, MemoryCallLogger, RunLog, TeeCallLogger};
use duologue::lifecycle::{EventError, LifecycleEvent, Phase, Subject};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::query::{Filter, Run};
use serde_json::json;

use crate::log_support::open;
use crate::support::mixed::sealed;
use crate::support::{Folder, folder, plan, planner, prompts, topic};

fn runner(folder: &Folder, log_level: LogLevel) -> AgentRunner {
    let settings = LlmLogging {
        log_level,
        ..LlmLogging::default()
    };
    let script = ScriptedProvider::new([Reply::json(plan()).usage(20, 10).forever()]);
    AgentRunner::builder(script, prompts())
        .logger(open(folder.path(), "run", settings))
        .build()
}

fn of_document(id: &str, subject: Subject, phase: Phase) -> LifecycleEvent {
    let mut event = LifecycleEvent::new(subject, phase, "run");
    event.document_id = Some(id.to_owned());
    event
}

fn failed(id: &str) -> LifecycleEvent {
    let mut event = of_document(id, Subject::Document, Phase::Failed);
    event.error = Some(EventError {
        kind: ErrorKind::Refused,
        message: "the reviewer said no with api_key=hunter2hunter2".to_owned(),
    });
    event
}

/// A run of two documents: `tides` with one call in the stage `plan`, `ebb`, which failed, with none.
fn told(folder: &Folder, log_level: LogLevel) {
    let runner = runner(folder, log_level);
    let started = of_document("tides", Subject::Document, Phase::Started);
    runner.tell(started).unwrap();
    let mut stage = of_document("tides", Subject::Stage, Phase::Started);
    stage.stage = Some("plan".to_owned());
    runner.tell(stage).unwrap();
    let options = RunOptions::new().document("tides").stage("plan");
    pollster::block_on(runner.run_with(&planner(), topic(), options)).unwrap();
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
    let finished = of_document("tides", Subject::Document, Phase::Finished);
    runner.tell(finished).unwrap();
    runner.tell(failed("ebb")).unwrap();
    runner.log().flush_blocking().unwrap();
}

#[test]
fn what_flows_tell_is_read_back_from_the_journal() {
    let folder = folder();
    told(&folder, LogLevel::Standard);
    let directory = folder.path().join("run");
    let log = RunLog::open(&directory).unwrap();
    assert_eq!((log.happened().len(), log.records().len()), (4, 2));
    assert_eq!(log.problems(), []);
    let times: Vec<&str> = log.happened().iter().map(|event| &*event.time).collect();
    assert!(times.is_sorted() && times[0].ends_with('Z'), "{times:?}");

    let run = Run::open(&directory).unwrap();
    assert_eq!(run.happened().unwrap(), log.happened());
    let ebb = run.happened_to("ebb").unwrap();
    let error = ebb[0].error.as_ref().unwrap();
    assert!(
        error.message.starts_with("the reviewer said no"),
        "{error:?}"
    );
    assert!(!error.message.contains("hunter2"), "{error:?}");
    for (filter, calls) in [
        (Filter::default().document("tides"), 1),
        (Filter::default().stage("plan"), 1),
        (Filter::default().stage("plan").document("ebb"), 0),
        (Filter::default(), 2),
    ] {
        assert_eq!(run.list(&filter).unwrap().len(), calls, "{filter:?}");
    }
}

#[test]
fn minimal_keeps_no_message() {
    let folder = folder();
    told(&folder, LogLevel::Minimal);
    let run = Run::open(folder.path().join("run")).unwrap();
    let events = run.happened_to("ebb").unwrap();
    let error = events[0].error.as_ref().unwrap();
    assert_eq!((error.kind, &*error.message), (ErrorKind::Refused, ""));
}

#[test]
fn every_logger_is_told_and_calls_are_not_told_twice() {
    let memories = [MemoryCallLogger::new(), MemoryCallLogger::new()];
    let all = memories
        .clone()
        .map(|memory| std::sync::Arc::new(memory) as _);
    let runner = AgentRunner::builder(ScriptedProvider::new([]), prompts())
        .logger(TeeCallLogger::new(all))
        .build();
    runner.tell(failed("ebb")).unwrap();
    runner
        .tell(LifecycleEvent::new(Subject::Call, Phase::Started, "run"))
        .unwrap();
    for memory in memories {
        let happened = memory.happened();
        assert_eq!(happened.len(), 1);
        assert_eq!(happened[0].run_id, runner.log().run_id());
    }
}

#[test]
fn words_and_fields_of_a_newer_version_are_read_as_unknown() {
    let folder = folder().damaged();
    told(&folder, LogLevel::Standard);
    let event = json!({
        "subject": "planet", "phase": "melted", "time": "2030-01-01T00:00:00.000000Z", "run_id": "run",
        "document_id": "tides", "mood": "good",
    });
    let line = sealed(&json!({"event": "lifecycle", "lifecycle": event}));
    fs::write(folder.path().join("run/journal/2-2.jsonl"), line).unwrap();

    let log = RunLog::open(folder.path().join("run")).unwrap();
    let newer = log.happened().last().unwrap();
    assert_eq!(
        (newer.subject, newer.phase),
        (Subject::Unknown, Phase::Unknown)
    );
    let said = log.problems()[0].to_string();
    assert!(
        said.contains("`lifecycle.subject` holds `planet`"),
        "{said}"
    );
    let run = Run::open(folder.path().join("run")).unwrap();
    assert_eq!(run.happened_to("tides").unwrap().len(), 4);
}

#[cfg(feature = "cli")]
mod command {
    use super::*;
    use crate::command;

    /// `duologue logs …` in a folder with that run, which must succeed.
    fn logs(arguments: &[&str]) -> command::Ended {
        let folder = command::Folder::new();
        told_in(&folder);
        folder.run(&[&["logs"], arguments].concat())
    }

    fn told_in(folder: &command::Folder) {
        let made = crate::support::folder();
        told(&made, LogLevel::Standard);
        let target = folder.path("run");
        fs::rename(made.path().join("run"), target).unwrap();
    }

    #[test]
    fn show_tells_what_happened_to_a_document_and_its_calls() {
        let ended = logs(&["show", "run", "--document", "tides", "--json"]);
        let shown = ended.json();
        let phases: Vec<String> = shown["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| format!("{} {}", event["subject"], event["phase"]).replace('"', ""))
            .collect();
        let expected = ["document started", "stage started", "document finished"];
        assert_eq!(phases, expected);
        assert_eq!(shown["calls"][0]["stage"], "plan");
        assert_eq!(shown["calls"].as_array().unwrap().len(), 1);

        let yaml = logs(&["show", "run", "--document", "ebb"]).stdout;
        assert!(yaml.contains("kind: refused"), "{yaml}");
    }

    #[test]
    fn the_other_commands_read_past_it() {
        for arguments in [
            &["verify", "run"][..],
            &["stats", "run"],
            &["recover", "run"],
        ] {
            let ended = logs(arguments);
            assert_eq!(ended.code, Some(0), "{}", ended.all());
        }
        let followed = logs(&["tail", "run", "--json"]).stdout;
        assert_eq!(followed.lines().count(), 2, "{followed}");
    }

    #[test]
    fn show_names_a_document_that_is_not_there() {
        let ended = logs(&["show", "run", "--document", "flood"]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        assert!(
            ended.stderr.contains("no document `flood`"),
            "{}",
            ended.all()
        );
        let ended = logs(&["show", "run"]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
    }

    #[test]
    fn calls_are_listed_by_document_and_stage_and_exported_with_it() {
        let of_document = logs(&["ls", "run", "--document", "tides", "--json"]).json();
        assert_eq!(of_document.as_array().unwrap().len(), 1);
        let nothing = logs(&["ls", "run", "--stage", "review", "--json"]).json();
        assert_eq!(nothing, json!([]));
        let table = logs(&["export", "run", "--format", "csv"]).stdout;
        let (head, rows) = table.split_once('\n').unwrap();
        let place = head.split(',').position(|name| name == "stage").unwrap();
        assert_eq!(rows.split(',').nth(place), Some("plan"), "{table}");
    }
}
