//! The files of a run: what is where, under which name, with what in it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use duologue::call_log::{
    CallLog, CallLogger, CallStatus, LlmLogging, LogFormat, LogLevel, MemoryCallLogger,
    NullCallLogger, OnError, PublishedFormat, Record, RunStatus, TeeCallLogger, Views,
};
use duologue::clock::SteppingClock;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error, ErrorKind, Result};
use futures::FutureExt;
use regex::Regex;
use serde_json::{Value, json};

use crate::log_support::{
    agent, assert_fits_schema, call_files, child as start, files, item, open, published, read, run,
    runner, schema_path, summary, tell, told, willing,
};

use crate::support::folder;

fn standard() -> LlmLogging {
    LlmLogging::default()
}

/// The numbers in the names of the call files, sorted.
fn numbers(directory: &Path) -> Vec<u64> {
    let names = call_files(directory);
    let number = |name: &String| name.split('_').nth(1).unwrap().parse().unwrap();
    let mut numbers: Vec<u64> = names.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_run_has_a_journal_call_files_and_a_summary() {
    let directory = folder();
    let log = open(directory.path(), "run", standard());
    let runner = willing(log.clone());
    run(&runner, "planner", 1);
    run(&runner, "judge", 2);
    log.flush_blocking().unwrap();

    let files = files(directory.path());
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let journal = log
        .journal()
        .unwrap()
        .strip_prefix(directory.path())
        .unwrap();
    assert_eq!(names[0], journal.to_str().unwrap());
    assert!(names[0].starts_with(&format!("run/journal/{}-", std::process::id())));
    assert_eq!(
        names[1..],
        [
            "run/llm_calls/.numbers",
            "run/llm_calls/call_001_planner.yaml",
            "run/llm_calls/call_002_judge.yaml",
            "run/llm_calls/summary.yaml",
        ]
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look_into_a_run() {
    use std::os::unix::fs::PermissionsExt;

    let directory = folder();
    let output_dir = directory.path().join("artifacts");
    let log = open(&output_dir, "run", standard());
    run(&willing(log.clone()), "planner", 1);
    log.flush_blocking().unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for place in ["", "run", "run/journal", "run/llm_calls"] {
        assert_eq!(mode(&output_dir.join(place)), 0o700, "{place}");
    }
    for name in files(&output_dir).keys() {
        assert_eq!(mode(&output_dir.join(name)), 0o600, "{name}");
    }
}

#[test]
fn no_name_leads_out_of_the_output_directory() {
    let directory = folder();
    let output_dir = directory.path().join("artifacts");
    let lengthy = "x".repeat(300);
    let names = [
        "../../evil",
        "/etc/passwd",
        "..",
        "",
        "🌊 tides",
        "nul\0",
        "a/b",
        &lengthy,
    ];
    for name in names {
        let log = open(&output_dir, name, standard());
        run(
            &willing(log.clone()),
            if name.is_empty() { "planner" } else { name },
            1,
        );
        log.flush_blocking().unwrap();
    }

    let outside: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(outside.len(), 1);
    let runs: Vec<String> = fs::read_dir(&output_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        runs.len(),
        names.len(),
        "every run has a directory of its own: {runs:?}"
    );
    assert!(runs.iter().all(|name| name.is_ascii() && name.len() <= 80));
    for run in runs {
        let log = read(&output_dir.join(run));
        assert!(
            names.contains(&log.run_id()),
            "the journal knows the true name"
        );
        assert_eq!(call_files(log.directory()).len(), 1);
    }
}

#[test]
fn long_agent_names_stay_different() {
    let directory = folder();
    let log = open(directory.path(), "run", standard());
    let runner = willing(log.clone());
    let stem = "planner_of_".repeat(20);
    run(&runner, &format!("{stem}a"), 1);
    run(&runner, &format!("{stem}b"), 2);
    log.flush_blocking().unwrap();
    let names = call_files(&directory.path().join("run"));
    let agents: BTreeSet<&str> = names
        .iter()
        .map(|name| &name["call_001_".len()..])
        .collect();
    assert_eq!(agents.len(), 2);
    assert!(names.iter().all(|name| name.len() < 90));
}

#[test]
fn a_run_that_is_continued_overwrites_nothing() {
    let directory = folder();
    let place = directory.path().join("run");
    let mut before = std::collections::BTreeMap::new();
    for round in 0..3 {
        let log = open(directory.path(), "run", standard());
        let runner = willing(log);
        run(&runner, "planner", round * 2);
        run(&runner, "planner", round * 2 + 1);
        drop(runner);

        let after = files(&place);
        for (name, content) in &before {
            assert!(&after[name] == content, "{name} was changed");
        }
        let changing = |name: &str| name.ends_with("summary.yaml") || name.ends_with(".numbers");
        before = after
            .into_iter()
            .filter(|(name, _)| !changing(name))
            .collect();
    }
    assert_eq!(numbers(&place), [1, 2, 3, 4, 5, 6]);
    let summary = summary(&place);
    assert_eq!((summary.calls, summary.executions), (6, 6));
    assert_eq!(summary.usage.input_tokens, Some(60));
    assert_eq!(summary.agents.len(), 1);
    let mut expected = read(&place).summary();
    expected.updated_at.clone_from(&summary.updated_at);
    assert_eq!(summary, expected);
}

#[test]
fn a_list_of_numbers_that_is_gone_overwrites_nothing() {
    let directory = folder();
    let place = directory.path().join("run/llm_calls");
    let log = open(directory.path(), "run", standard());
    run(&willing(log.clone()), "planner", 1);
    log.flush_blocking().unwrap();
    // The list of this logger is another file now than the one that a second logger makes.
    fs::remove_file(place.join(".numbers")).unwrap();
    let second = open(directory.path(), "run", standard());
    run(&willing(second.clone()), "planner", 2);
    second.flush_blocking().unwrap();
    run(&willing(log.clone()), "planner", 3);
    log.flush_blocking().unwrap();
    assert_eq!(numbers(&directory.path().join("run")), [1, 2, 3]);
}

#[test]
fn a_stray_file_with_a_huge_number_does_no_harm() {
    let directory = folder().damaged();
    let place = directory.path().join("run/llm_calls");
    fs::create_dir_all(&place).unwrap();
    for number in [
        "0",
        "18446744073709551615",
        "99999999999999999999999",
        "x",
        "",
    ] {
        fs::write(place.join(format!("call_{number}_planner.yaml")), "stray").unwrap();
    }
    fs::write(place.join("call_900000000_planner.yaml"), "stray").unwrap();
    let log = open(directory.path(), "run", standard());
    run(&willing(log.clone()), "planner", 1);
    log.flush_blocking().unwrap();
    assert!(place.join("call_900000001_planner.yaml").exists());
}

#[test]
fn two_loggers_on_one_run_share_the_numbers_and_the_summary() {
    let directory = folder();
    let place = directory.path().join("run");
    let logs: [CallLog; 2] = std::array::from_fn(|_| open(directory.path(), "run", standard()));
    std::thread::scope(|scope| {
        for (log, name) in logs.iter().zip(["planner", "judge"]) {
            for thread in 0..2 {
                scope.spawn(move || {
                    let runner = willing(log.clone());
                    (0..10).for_each(|step| run(&runner, name, thread * 10 + step));
                });
            }
        }
    });
    for log in &logs {
        log.flush_blocking().unwrap();
        assert_eq!(summary(&place).calls, 40);
        assert_eq!(summary(&place).calls_in_flight, 0);
    }
    assert_eq!(numbers(&place), (1..=40).collect::<Vec<u64>>());
}

/// The child: waits for the word, makes its calls, and goes.
pub(crate) fn child(directory: &Path) {
    let log = open(directory, "run", standard());
    tell("ready");
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .unwrap();
    let runner = willing(log);
    // Agents of different names: were a number taken twice, two files would bear it.
    let name = format!("agent{}", std::process::id());
    (0..30).for_each(|step| run(&runner, &name, step));
}

#[test]
fn processes_that_share_a_run_share_the_numbers_and_the_summary() {
    let directory = folder();
    let mut children: Vec<_> = (0..3)
        .map(|_| start("share", directory.path()).spawn().unwrap())
        .collect();
    for child in &mut children {
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        lines
            .by_ref()
            .find(|line| told(line.as_ref().unwrap()) == Some("ready"))
            .unwrap()
            .unwrap();
    }
    for child in &mut children {
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }
    for mut child in children {
        std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    let place = directory.path().join("run");
    assert_eq!(numbers(&place), (1..=90).collect::<Vec<u64>>());
    assert_eq!(summary(&place).calls, 90);
    assert_eq!(summary(&place).calls_in_flight, 0);
    assert_eq!(read(&place).records().len(), 90);
}

#[test]
fn views_say_which_calls_have_a_file() {
    let good = Reply::json(json!({"title": "Tides"}));
    for (views, names) in [
        (
            Views::All,
            &["call_001_planner.json", "call_002_planner.json"][..],
        ),
        (Views::Failed, &["call_002_planner.json"]),
        (Views::None, &[]),
    ] {
        let directory = folder();
        let settings = LlmLogging {
            views,
            format: LogFormat::Json,
            ..standard()
        };
        let log = open(directory.path(), "run", settings);
        let provider = ScriptedProvider::new([good.clone(), Reply::status(400)]);
        let runner = runner(provider, log);
        run(&runner, "planner", 1);
        pollster::block_on(runner.run(&agent("planner"), json!({"item": 2}))).unwrap_err();
        drop(runner);

        let place = directory.path().join("run");
        assert_eq!(call_files(&place), names);
        let mut log = read(&place);
        assert_eq!(log.summary().calls, 2);
        assert_eq!(log.summary().status, RunStatus::Partial);
        let recovery = log.recover().unwrap();
        assert_eq!(
            (recovery.rendered, call_files(&place).len()),
            (0, names.len())
        );
    }
}

#[test]
fn a_call_file_shows_its_record_in_both_formats() {
    for format in [LogFormat::Yaml, LogFormat::Json] {
        let directory = folder();
        let settings = LlmLogging {
            format,
            log_level: LogLevel::Full,
            ..standard()
        };
        let log = open(directory.path(), "run", settings);
        run(&willing(log.clone()), "planner", 1);
        log.flush_blocking().unwrap();
        let log = read(&directory.path().join("run"));
        let record = &log.records()[0];
        let file = log.call_file(&record.call_id).unwrap();
        assert_eq!(file.extension().unwrap(), format.as_str());
        let text = fs::read_to_string(file).unwrap();
        let shown: Record = match format {
            LogFormat::Yaml => serde_yaml::from_str(&text).unwrap(),
            _ => serde_json::from_str(&text).unwrap(),
        };
        assert_eq!(shown, *record);
        assert!(
            text.trim_start_matches(['{', '\n', ' ', '"'])
                .starts_with("schema")
        );
    }
}

/// Words that stand in prompts, answers, variables and errors, and nowhere else.
const CONTENT: [&str; 9] = [
    "Systemword",
    "Userword",
    "Variableword",
    "Exampleword",
    "Wrongword",
    "Answerword",
    "Thoughtword",
    "Parameterword",
    "Errorword",
];

/// A run with content in every place: a repaired answer, and a failure.
fn eventful(directory: &Path, log_level: LogLevel) {
    let prompts = PromptLibrary::in_memory([
        ("p/system.tera", "Systemword"),
        ("p/user.tera", "Userword about {{ topic }}"),
        (
            "p/examples.jsonl",
            r#"{"role": "user", "content": "Exampleword"}"#,
        ),
    ]);
    let provider = ScriptedProvider::new([
        Reply::text(r#"Here: {"Wrongword": 1}"#)
            .thinking("Thoughtword")
            .usage(120, 30),
        Reply::json(json!({"title": "Answerword"})).usage(150, 20),
        Reply::status(400).body(r#"{"error": {"message": "Errorword"}}"#),
    ]);
    let log = open(
        directory,
        "run",
        LlmLogging {
            log_level,
            ..standard()
        },
    );
    let runner = AgentRunner::builder(provider, prompts)
        .logger(log)
        .retry(RetryPolicy::default().with_max_retries(0))
        .clock(Arc::new(SteppingClock::starting_at(1_769_603_696)))
        .build();
    let mut spec = AgentSpec::new("planner", "p", "gpt-5-mini").with_response_schema(json!({
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": false,
    }));
    spec.temperature = Some(0.7);
    spec.extra.insert("user".to_owned(), "Parameterword".into());
    let variables = json!({"topic": "Variableword"});
    pollster::block_on(runner.run(&spec, &variables)).unwrap();
    pollster::block_on(runner.run(&spec, &variables)).unwrap_err();
}

/// The call files and the summary, with the times that no stepping clock rules taken out.
fn shown(directory: &Path) -> String {
    static TIMES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^( *-? +(?:duration|first_byte)_ms|first_byte_ms|updated_at): .*$")
            .unwrap()
    });
    let mut text = String::new();
    for (name, content) in files(&directory.join("run/llm_calls")) {
        if name != ".numbers" {
            text += &["##### ", &name, "\n"].concat();
            text += std::str::from_utf8(&content).unwrap();
            text.push('\n');
        }
    }
    TIMES.replace_all(&text, "$1: [time]").into_owned()
}

#[test]
fn the_three_levels_are_three_documents() {
    for (name, level) in [
        ("minimal", LogLevel::Minimal),
        ("standard", LogLevel::Standard),
        ("full", LogLevel::Full),
    ] {
        let directory = folder();
        eventful(directory.path(), level);
        read(&directory.path().join("run"));
        insta::assert_snapshot!(format!("level_{name}"), shown(directory.path()));
    }
}

#[test]
fn minimal_holds_no_content_in_any_file_and_full_holds_all() {
    let found = |level| {
        let directory = folder();
        eventful(directory.path(), level);
        let all = files(directory.path()).into_values().flatten().collect();
        let all = String::from_utf8(all).unwrap();
        CONTENT
            .into_iter()
            .filter(|word| all.contains(word))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(LogLevel::Minimal), Vec::<&str>::new());
    assert_eq!(found(LogLevel::Full), CONTENT);
}

#[test]
fn flush_waits_for_everything_before_it() {
    let directory = folder();
    let place = directory.path().join("run");
    let log = open(directory.path(), "run", standard());
    let runner = willing(log.clone());
    for round in 1..=5 {
        (0..20).for_each(|step| run(&runner, "planner", round * 100 + step));
        pollster::block_on(log.flush()).unwrap();
        assert_eq!(call_files(&place).len() as u64, round * 20);
        assert_eq!(summary(&place).calls, round * 20);
    }
}

#[test]
fn flush_works_wherever_it_is_called() {
    let directory = folder();
    let log = open(directory.path(), "run", standard());
    let one = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let many = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let both = |log: CallLog| async move {
        run(&willing(log.clone()), "planner", 1);
        log.flush().await.unwrap();
        log.flush_blocking().unwrap();
    };

    pollster::block_on(both(log.clone()));
    one.block_on(both(log.clone()));
    many.block_on(both(log.clone()));
    many.block_on(many.spawn(both(log.clone()))).unwrap();
    tokio::task::LocalSet::new().block_on(&one, both(log.clone()));
    let inside = log.clone();
    many.block_on(many.spawn_blocking(move || inside.flush_blocking()))
        .unwrap()
        .unwrap();
    let inside = log.clone();
    std::thread::spawn(move || inside.flush_blocking())
        .join()
        .unwrap()
        .unwrap();
    assert_eq!(summary(&directory.path().join("run")).calls, 5);
}

#[test]
fn a_flush_that_nobody_waits_for_takes_no_news_away() {
    let directory = folder();
    let log = open(directory.path(), "run", standard());
    run(&willing(log.clone()), "planner", 1);
    log.flush_blocking().unwrap();
    let calls = directory.path().join("run/llm_calls");
    fs::remove_dir_all(&calls).unwrap();
    run(&willing(log.clone()), "planner", 2);
    // Dropped after one look; where the thread was that fast, this flush is the one that tells.
    let flushed = log.flush().now_or_never();
    let error = flushed.unwrap_or_else(|| log.flush_blocking()).unwrap_err();
    assert!(error.to_string().contains("1 call file "), "{error}");
}

#[test]
fn the_last_handle_that_goes_renders_what_is_left() {
    let directory = folder();
    let place = directory.path().join("run");
    let log = open(directory.path(), "run", standard());
    let runner = willing(log.clone());
    (0..50).for_each(|step| run(&runner, "planner", step));
    drop(runner);
    drop(log);
    assert_eq!(call_files(&place).len(), 50);
    assert_eq!(summary(&place).calls, 50);
}

#[test]
fn a_tee_hands_every_record_to_every_logger() {
    let (first, second) = (MemoryCallLogger::new(), MemoryCallLogger::new());
    let tee = TeeCallLogger::new([
        Arc::new(first.clone()) as Arc<dyn CallLogger>,
        Arc::new(Unwilling { panics: false }),
        Arc::new(NullCallLogger),
        Arc::new(second.clone()),
    ]);
    let log = CallLog::new(tee).with_run_id("run");
    run(&willing(log.clone()), "planner", 7);
    assert_eq!(first.records().len(), 1);
    assert_eq!(first.records(), second.records());
    assert_fits_schema(&first.records()[0]);
    assert_eq!(item(&first.records()[0]), 7);
    assert_eq!(log.flush_blocking().unwrap_err().kind(), ErrorKind::Log);
    assert_eq!(
        pollster::block_on(log.flush()).unwrap_err().kind(),
        ErrorKind::Log
    );
    assert_eq!(log.journal(), None);
}

/// Keeps nothing, and says so by an error or a panic.
#[derive(Debug)]
struct Unwilling {
    panics: bool,
}

impl Unwilling {
    fn refuse(&self) -> Result<()> {
        assert!(!self.panics, "a logger gave up");
        Err(Error::new(ErrorKind::Log, "no room"))
    }
}

#[async_trait]
impl CallLogger for Unwilling {
    fn call_started(&self, _: &Record) -> Result<()> {
        self.refuse()
    }

    fn call_finished(&self, _: &Record) -> Result<()> {
        self.refuse()
    }

    async fn flush(&self) -> Result<()> {
        self.refuse()
    }

    fn flush_blocking(&self) -> Result<()> {
        self.refuse()
    }
}

#[test]
fn a_logger_that_fails_or_panics_fails_no_run() {
    for panics in [false, true] {
        run(&willing(CallLog::new(Unwilling { panics })), "planner", 1);
    }
}

#[test]
fn a_logger_that_panics_while_a_provider_panics_does_not_abort() {
    let log = CallLog::new(Unwilling { panics: true });
    let runner = runner(
        ScriptedProvider::new([Reply::panic("a provider gave up")]),
        log,
    );
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pollster::block_on(runner.run(&agent("planner"), json!({"item": 1})))
    }));
    assert!(ran.is_err());
}

#[test]
fn a_logger_that_fails_stops_the_request_where_the_settings_say_so() {
    for panics in [false, true] {
        let memory = MemoryCallLogger::new();
        let tee = TeeCallLogger::new([
            Arc::new(memory.clone()) as Arc<dyn CallLogger>,
            Arc::new(Unwilling { panics }),
        ]);
        let provider = ScriptedProvider::new([Reply::json(json!({}))]);
        let log = CallLog::new(tee).with_on_error(OnError::Fail);
        let runner = runner(provider.clone(), log);
        let error =
            pollster::block_on(runner.run(&agent("planner"), json!({"item": 1}))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Log);
        assert!(provider.requests().is_empty());
        // The logger that works was promised an end for every start.
        let statuses: Vec<_> = memory
            .records()
            .iter()
            .map(|record| record.status)
            .collect();
        assert_eq!(statuses, [Some(CallStatus::Failed)]);
    }
}

/// Takes starts and no ends.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl CallLogger for Forgetful {
    fn call_started(&self, _: &Record) -> Result<()> {
        Ok(())
    }

    fn call_finished(&self, _: &Record) -> Result<()> {
        Err(Error::new(ErrorKind::Log, "no room"))
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn flush_blocking(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_that_the_log_could_not_keep_is_in_the_ledger() {
    let log = CallLog::new(Forgetful).with_on_error(OnError::Fail);
    let runner = willing(log);
    let error = pollster::block_on(runner.run(&agent("planner"), json!({"item": 1}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    let call = error.ledger().last().unwrap();
    assert_eq!(call.raw_text.as_deref(), Some(r#"{"title":"Tides"}"#));
}

#[test]
fn every_end_of_a_call_fits_the_published_schema() {
    let directory = folder();
    let log = open(
        directory.path(),
        "run",
        LlmLogging {
            log_level: LogLevel::Full,
            ..standard()
        },
    );
    let replies = [
        Reply::json(json!({"title": "Tides"})),
        Reply::text("no JSON at all"),
        Reply::truncated(r#"{"title": "#),
        Reply::refusal("no"),
        Reply::content_filtered(""),
        Reply::status(500).header("x-request-id", "req_1"),
        Reply::cut_body(r#"{"cho"#),
        Reply::error(ErrorKind::Timeout),
        Reply::panic("a provider gave up"),
        Reply::never(),
    ];
    let runner = runner(ScriptedProvider::new(replies), log.clone());
    let mut spec = agent("planner");
    spec.max_schema_repair_attempts = 0;
    for number in 0..10 {
        let run = runner.run(&spec, json!({"item": number}));
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
            || run.now_or_never(),
        )));
    }
    log.flush_blocking().unwrap();
    let log = read(&directory.path().join("run"));
    let statuses: Vec<&str> = log
        .records()
        .iter()
        .map(|record| record.status.unwrap().as_str())
        .collect();
    assert_eq!(
        statuses,
        [
            "succeeded",
            "invalid",
            "truncated",
            "refused",
            "refused",
            "failed",
            "failed",
            "timed_out",
            "failed",
            "cancelled",
        ]
    );
    let file = summary(&directory.path().join("run"));
    let validator = jsonschema::validator_for(&published("summary")).unwrap();
    assert!(validator.is_valid(&serde_json::to_value(&file).unwrap()));
    assert_eq!(file.calls, 10);
    assert_eq!(file.failed_executions, 9);
}

#[test]
fn an_answer_of_any_depth_that_is_accepted_is_read_back() {
    let nested =
        |depth: usize| (0..depth - 1).fold(json!({"deep": true}), |inner, _| json!({"in": inner}));
    let directory = folder();
    let log = open(
        directory.path(),
        "run",
        LlmLogging {
            log_level: LogLevel::Full,
            ..standard()
        },
    );
    for depth in [59, 60, 61, 126, 127] {
        let provider = ScriptedProvider::new([Reply::json(nested(depth))]);
        let runner = runner(provider, log.clone());
        let variables = json!({"item": depth, "more": nested(300)});
        pollster::block_on(runner.run(&agent("planner"), variables)).unwrap();
    }
    log.flush_blocking().unwrap();
    let run = read(&directory.path().join("run"));
    assert_eq!((run.problems().len(), run.records().len()), (0, 5));
    for (record, depth) in run.records().iter().zip([59, 60, 61, 126, 127]) {
        assert_eq!(record.raw_answer, Some(nested(depth).to_string()));
        let file = fs::read_to_string(run.call_file(&record.call_id).unwrap()).unwrap();
        assert_eq!(serde_yaml::from_str::<Record>(&file).unwrap(), *record);
    }
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for format in PublishedFormat::ALL {
        let (name, schema) = (format.name(), format.json_schema());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let text = serde_json::to_string_pretty(&schema).unwrap();
            fs::write(schema_path(name), text + "\n").unwrap();
        }
        assert!(
            published(name) == schema,
            "schemas/{name}.schema.json is out of date: `UPDATE_SCHEMAS=1 cargo test --test it log_tree`"
        );
        let as_text: Value = serde_json::from_slice(&fs::read(schema_path(name)).unwrap()).unwrap();
        assert!(jsonschema::meta::is_valid(&as_text));
        assert_eq!(as_text["title"], format.version());
    }
}
