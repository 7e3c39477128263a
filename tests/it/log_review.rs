//! What reviews of the log found, each with a test that names it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use duologue::attempt::{Attempts, WireCapture};
use duologue::call_log::{
    CallEnd, CallLog, LlmLogging, LogLevel, LoggerConfig, MemoryCallLogger, Record, Redactions,
    RunLog, SanitizeConfig, Sanitizer, create_llm_logger,
};
use duologue::env::Environment;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;

use crate::support::{Folder, folder};

fn config(folder: &Folder, log_level: LogLevel) -> LoggerConfig {
    LoggerConfig {
        output_dir: folder.path().into(),
        run_id: Some("run".into()),
        llm_logging: LlmLogging {
            log_level,
            ..LlmLogging::default()
        },
        environment: Environment::fixed([("", ""); 0]),
    }
}

fn calls(log: &CallLog, count: usize) {
    for number in 0..count {
        let record = || {
            let mut record = Record::default();
            record.call_id = format!("call_{number:016x}");
            record.agent = "planner".into();
            record
        };
        let open = log.begin(&Attempts::new(WireCapture::Off), record).unwrap();
        open.finish(CallEnd::default).unwrap();
    }
}

fn call_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("run/llm_calls")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("call_")
    });
    files.sort();
    files
}

#[test]
fn two_recoveries_at_once_write_each_call_file_once() {
    let folder = folder();
    let log = create_llm_logger(&config(&folder, LogLevel::Standard)).unwrap();
    calls(&log, 20);
    log.flush_blocking().unwrap();
    drop(log);
    for file in call_files(folder.path()) {
        fs::remove_file(file).unwrap();
    }

    let run = folder.path().join("run");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| RunLog::open(&run).unwrap().recover().unwrap());
        }
    });
    assert_eq!(call_files(folder.path()).len(), 20);
}

#[test]
fn a_process_that_keeps_the_lock_does_not_hold_up_a_flush_for_ever() {
    let folder = folder();
    let log = create_llm_logger(&config(&folder, LogLevel::Standard)).unwrap();
    let numbers = folder.path().join("run/llm_calls/.numbers");
    let stopped: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(numbers)
        .unwrap();
    stopped.lock().unwrap();

    calls(&log, 1);
    let lost = log.flush_blocking().unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Log);
    drop(stopped);
    drop(log);
    let mut run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(
        run.recover().unwrap().rendered,
        1,
        "the journal has it all the same"
    );
}

#[test]
fn a_run_continued_at_minimal_shows_no_text_of_the_calls_before() {
    let folder = folder();
    let failed = || {
        let attempts = Attempts::new(WireCapture::Off);
        let log = create_llm_logger(&config(&folder, LogLevel::Standard)).unwrap();
        let open = log.begin(&attempts, Record::default).unwrap();
        open.finish(|| CallEnd::failed(ErrorKind::BadRequest, "words of the server"))
            .unwrap();
    };
    failed();
    let log = create_llm_logger(&config(&folder, LogLevel::Minimal)).unwrap();
    calls(&log, 1);
    log.flush_blocking().unwrap();
    let summary = fs::read_to_string(folder.path().join("run/llm_calls/summary.yaml")).unwrap();
    assert!(
        summary.contains("bad_request") && !summary.contains("words of the server"),
        "{summary}"
    );
}

#[test]
fn every_text_that_a_caller_can_put_into_a_record_is_sanitized() {
    let secret = ["ghp_", "abcdefghijklmnopqrstuvwxyz", "0123456789"].concat();
    let memory = MemoryCallLogger::new();
    let log = CallLog::new(memory.clone()).with_level(LogLevel::Full);
    let record = || {
        let mut record = Record::default();
        record.call_id = "call_1".into();
        record.parent_call_id = Some(secret.clone());
        record.provider.clone_from(&secret);
        record.raw_answer = Some(secret.clone());
        record
    };
    let open = log.begin(&Attempts::new(WireCapture::Off), record).unwrap();
    let started = format!("{:?}", memory.records());
    assert!(!started.contains(&secret), "{started}");
    drop(open);
    assert!(!format!("{:?}", memory.records()).contains(&secret));
}

#[test]
fn debug_of_a_sanitizer_shows_none_of_the_texts_it_remembers() {
    let sanitizer = Sanitizer::new(&SanitizeConfig::default()).unwrap();
    let secret = ["ghp_", "abcdefghijklmnopqrstuvwxyz", "0123456789"].concat();
    let text = format!("{} {secret}", "a prompt of some length. ".repeat(20));
    let clean = sanitizer
        .redact(&text, &mut Redactions::default())
        .into_owned();
    assert_ne!(clean, text);
    let shown = format!("{sanitizer:?}");
    assert!(!shown.contains("a prompt of some length"), "{shown}");
}

#[test]
fn a_refusals_words_are_in_the_ledger() {
    let provider = ScriptedProvider::new([Reply::refusal("I would rather not.")]);
    let prompts = PromptLibrary::in_memory([("a/system.tera", "Answer.")]);
    let runner = AgentRunner::new(provider, prompts);
    let error =
        pollster::block_on(runner.run(&AgentSpec::new("a", "a", "m"), json!({}))).unwrap_err();
    let call = error.ledger().last().unwrap();
    assert_eq!(call.raw_text.as_deref(), Some("I would rather not."));
}

#[test]
fn an_attempt_that_is_cut_short_shows_what_was_sent() {
    let memory = MemoryCallLogger::new();
    let provider = ScriptedProvider::new([Reply::never()]);
    let prompts = PromptLibrary::in_memory([("a/system.tera", "Answer.")]);
    let runner = AgentRunner::builder(provider, prompts)
        .logger(CallLog::new(memory.clone()).with_level(LogLevel::Full))
        .build();
    let spec = AgentSpec::new("a", "a", "m");
    let mut run = Box::pin(runner.run(&spec, json!({})));
    assert!(futures::FutureExt::now_or_never(&mut run).is_none());
    drop(run);
    let records = memory.records();
    assert_eq!(records[0].wire.len(), 1, "one attempt, one exchange");
    assert!(records[0].wire[0].request_body.contains("Answer."));
}
