//! A disk that is full: the run pauses with a clear word, and a resumption pays for nothing twice.

use std::path::Path;
use std::process::Command;

use duologue::call_log::{LlmLogging, OnError};
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{Limits, Output, Pipeline, PipelineOptions, Stage};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::{Value, json};

use crate::log_disk::SmallDisk;
use crate::log_support::{child as start, child_after, report_of, tell, try_open};
use crate::support::folder;

const DOCUMENTS: u64 = 40;
/// Length of what a document becomes: all of them together are longer than the disk has room.
const LENGTH: usize = 100_000;

/// The child: a pipeline over the documents, in the run `run`.
pub(crate) fn child(how: &str, directory: &Path) {
    let script =
        ScriptedProvider::new(
            [Reply::json(json!({"body": "clean ".repeat(LENGTH / 6)})).forever()],
        );
    let prompts = PromptLibrary::in_memory([
        ("cleaner/system.tera", "You clean."),
        ("cleaner/user.tera", "Clean {{ document.id }}"),
    ]);
    let (how, on_error) = match how.strip_suffix("+fail") {
        Some(how) => (how, OnError::Fail),
        None => (how, OnError::Warn),
    };
    let settings = LlmLogging {
        on_error,
        ..LlmLogging::default()
    };
    let log = match try_open(directory, "run", settings) {
        Ok(log) => log,
        Err(error) => return tell(&json!({"refused": format!("{error:#}")}).to_string()),
    };
    let runner = AgentRunner::builder(script.clone(), prompts)
        .logger(log)
        .build();
    let pipeline = Pipeline::builder("disk")
        .stage(Stage::agent(
            "clean",
            AgentSpec::new("cleaner", "cleaner", "gpt-5-mini"),
        ))
        .output(Output::body("body"))
        .limits(Limits::default().documents(4))
        .build()
        .unwrap();
    let documents = (0..DOCUMENTS).map(|number| Document::new(number.to_string(), "text"));
    let mut options = PipelineOptions::new();
    if how == "resume" {
        options = options.resume();
    }
    let run = pipeline.run(&runner, DocumentSource::of(documents), options);
    let told = match pollster::block_on(run) {
        Ok(report) => json!({"report": report, "requests": script.requests().len()}),
        Err(error) => json!({"refused": format!("{error:#}")}),
    };
    tell(&told.to_string());
}

fn assert_paused(told: &Value) -> u64 {
    assert_eq!(told["report"]["status"], "paused", "{told}");
    let problem = told["report"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("cannot write"), "{problem}");
    let requests = told["requests"].as_u64().unwrap();
    assert!(requests > 4 && requests < DOCUMENTS, "{requests}");
    requests
}

fn assert_finished(told: &Value, directory: &Path, paid: u64) {
    assert_eq!(told["report"]["status"], "succeeded", "{told}");
    assert_eq!(told["report"]["documents"]["succeeded"], DOCUMENTS);
    assert_eq!(
        paid + told["requests"].as_u64().unwrap(),
        DOCUMENTS,
        "paid twice"
    );
    let artifacts = std::fs::read_dir(directory.join("run/artifacts")).unwrap();
    let names = artifacts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let shown = names.filter(|name| !name.starts_with('.'));
    assert_eq!(shown.count() as u64, DOCUMENTS);
}

#[test]
fn a_file_that_may_not_grow_pauses_the_run() {
    let directory = folder().damaged();
    // 512-byte blocks in some shells, kilobytes in others: files may have 1.5 or 3 MB.
    let limit = "trap '' XFSZ; ulimit -f 3000";
    let paid = assert_paused(&report_of(child_after(
        limit,
        "pipeline:new",
        directory.path(),
    )));
    let told = report_of(start("pipeline:resume", directory.path()));
    assert_finished(&told, directory.path(), paid);
}

#[test]
fn an_answer_that_the_log_has_no_room_for_is_not_paid_for_again() {
    let directory = folder().damaged();
    let limit = "trap '' XFSZ; ulimit -f 3000";
    let told = report_of(child_after(limit, "pipeline:new+fail", directory.path()));
    let paid = assert_paused(&told);
    let problem = told["report"]["problems"][0].to_string();
    assert!(problem.contains("journal"), "{problem}");
    let told = report_of(start("pipeline:resume", directory.path()));
    assert_finished(&told, directory.path(), paid);
}

#[test]
fn a_full_file_system_pauses_the_run() {
    let directory = folder().damaged();
    let Some(disk) = SmallDisk::mount(directory.path(), "6m") else {
        tell("SKIPPED: no file system can be mounted here; RLIMIT_FSIZE covers most of it");
        return;
    };
    let paid = assert_paused(&report_of(start("pipeline:new", directory.path())));
    let still_full = report_of(start("pipeline:resume", directory.path()));
    let told_again = still_full.to_string();
    assert!(told_again.contains("space"), "{told_again}");
    let paid = paid + still_full["requests"].as_u64().unwrap_or(0);
    disk.grow("64m");
    let told = report_of(start("pipeline:resume", directory.path()));
    assert_finished(&told, directory.path(), paid);
}

#[test]
fn a_disk_without_any_room_is_said_before_a_call_is_paid_for() {
    let directory = folder().damaged();
    let limit = "trap '' XFSZ; ulimit -f 200";
    let told = report_of(child_after(limit, "pipeline:new", directory.path()));
    let refused = told["refused"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(refused.contains("stages.reserve"), "{refused}");
    assert!(refused.contains("free some space"), "{refused}");
    let told = report_of(start("pipeline:new", directory.path()));
    assert_finished(&told, directory.path(), 0);
}

impl SmallDisk<'_> {
    fn grow(&self, size: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,size={size}")])
            .arg(self.0);
        assert!(mount.status().unwrap().success());
    }
}
