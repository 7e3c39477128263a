//! Every defect that running the original core (system 004) showed, each with a test that names it.
//!
//! Those of its sanitizer have tests of their own.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use duologue::agent::{AgentMode, Conversation, RunOptions};
use duologue::call_log::{
    CallStatus, LlmLogging, LogLevel, LoggerConfig, Record, RunLog, Sanitize, create_llm_logger,
};
use duologue::chat::{Request, Response, Role, Usage};
use duologue::env::Environment;
use duologue::error::SchemaViolation;
use duologue::provider::{CallContext, Provider, ProviderError, Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind, blocking};
use serde_json::{Value, json};

use crate::support::server::{Answer, Server};
use crate::support::{
    Folder, Stage, current_thread, file_log, folder, in_time, nothing_set, over_http, plan,
    planner, prompts, quick, topic,
};

fn ask(stage: &Stage) -> duologue::Result<duologue::Outcome<Value>> {
    pollster::block_on(stage.runner.run(&planner(), topic()))
}

/// A runner that writes to `folder`.
fn writing(
    folder: &Folder,
    settings: LlmLogging,
    provider: impl Provider + 'static,
) -> AgentRunner {
    AgentRunner::builder(provider, prompts())
        .logger(file_log(folder, settings))
        .retry(quick())
        .build()
}

fn good() -> ScriptedProvider {
    ScriptedProvider::new([Reply::json(plan()).usage(100, 50).forever()])
}

/// The text of every file below `directory`.
fn everything_in(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        text += &path.display().to_string();
        if path.is_dir() {
            text += &everything_in(&path);
        } else {
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    text
}

// ---------------------------------------------------------------- records

#[test]
fn a_failed_call_leaves_a_record() {
    let stage = Stage::new([Reply::status(401)]);
    ask(&stage).unwrap_err();
    assert_eq!(stage.statuses(), [CallStatus::Failed]);
    let error = stage.memory.records()[0].error.clone().unwrap();
    assert_eq!(error.kind, ErrorKind::Auth);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_a_record() {
    let stage = Stage::new([Reply::never()]);
    let second = Duration::from_secs(1);
    let spec = planner();
    let dropped = tokio::time::timeout(second, stage.runner.run(&spec, topic())).await;
    assert!(dropped.is_err());
    assert_eq!(stage.statuses(), [CallStatus::Cancelled]);
    assert_eq!(stage.memory.records()[0].attempts.len(), 1);
}

#[test]
fn an_exhausted_run_leaves_a_record_for_each_call() {
    let stage = Stage::new((1..=3).map(|n| Reply::json(json!({"title": n})).usage(10, 1)));
    let error = ask(&stage).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert_eq!(stage.statuses(), [CallStatus::Invalid; 3]);
    assert_eq!(error.ledger().usage(), Usage::new(30, 3));
}

#[test]
fn invalid_answers_on_the_way_are_kept_with_their_errors() {
    let stage = Stage::new([
        Reply::json(json!({"title": "a"})),
        Reply::json(json!({"steps": ["a"]})),
        Reply::json(plan()),
    ]);
    let outcome = ask(&stage).unwrap();
    let kept: Vec<_> = stage
        .memory
        .records()
        .into_iter()
        .map(|record| (record.raw_answer.unwrap(), record.validation_errors))
        .collect();
    let missing = |name: &str| {
        vec![SchemaViolation {
            pointer: String::new(),
            message: format!("\"{name}\" is a required property"),
        }]
    };
    assert_eq!(
        kept,
        [
            (json!({"title": "a"}).to_string(), missing("steps")),
            (json!({"steps": ["a"]}).to_string(), missing("title")),
            (plan().to_string(), vec![]),
        ]
    );
    let in_ledger: Vec<_> = outcome
        .ledger
        .calls
        .into_iter()
        .map(|call| (call.raw_text.unwrap(), call.violations))
        .collect();
    assert_eq!(in_ledger, kept, "the ledger knows the same");
}

#[test]
fn concurrent_runs_report_their_own_tokens_alone() {
    let folder = folder();
    let replies = [("a", 100, 50), ("b", 200, 60), ("c", 300, 70)].map(|(name, input, output)| {
        Reply::json(plan())
            .usage(input, output)
            .agent(name)
            .delay(Duration::from_millis(1))
    });
    let runner = writing(
        &folder,
        LlmLogging::default(),
        ScriptedProvider::new(replies),
    );
    let specs = ["a", "b", "c"].map(|name| AgentSpec::new(name, "planner", "m"));
    let runs = specs.iter().map(|spec| runner.run(spec, topic()));
    let outcomes = pollster::block_on(futures::future::join_all(runs));
    let expected = [
        Usage::new(100, 50),
        Usage::new(200, 60),
        Usage::new(300, 70),
    ];
    let reported: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().usage)
        .collect();
    assert_eq!(reported, expected);

    drop(runner);
    let run = RunLog::open(folder.path().join("run")).unwrap();
    let mut logged: Vec<_> = run
        .records()
        .iter()
        .map(|record| (&record.agent, record.usage))
        .collect();
    logged.sort_by_key(|(agent, _)| *agent);
    assert_eq!(
        logged.iter().map(|(_, usage)| *usage).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(run.summary().usage, Usage::new(600, 180));
}

#[test]
fn minimal_holds_neither_prompts_nor_answers() {
    let folder = folder();
    let script = ScriptedProvider::new([
        Reply::json(json!({"title": "ANSWER", "steps": "ANSWER"})),
        Reply::status(503).body("ANSWER"),
        Reply::json(json!({"title": "ANSWER", "steps": ["ANSWER"]})),
        Reply::refusal("ANSWER"),
        Reply::status(400).body(json!({"error": {"message": "ANSWER"}}).to_string()),
    ]);
    let settings = LlmLogging {
        log_level: LogLevel::Minimal,
        ..LlmLogging::default()
    };
    let runner = writing(&folder, settings, script.clone());
    let mut spec = planner().with_default_variable("spare", "PROMPT");
    spec.extra
        .insert("metadata".into(), json!({"note": "PROMPT"}));
    for _ in 0..3 {
        let _ = pollster::block_on(runner.run(&spec, json!({"topic": "PROMPT"})));
    }
    script.finish().unwrap();
    drop(runner);
    let written = everything_in(folder.path());
    assert!(written.contains("gpt-5-mini") && written.contains("call_004_planner.yaml"));
    for content in ["PROMPT", "ANSWER", "Plan."] {
        assert!(!written.contains(content), "{content} in {written}");
    }
}

#[test]
fn full_holds_the_raw_payloads() {
    let server = Server::start(|_| Answer::text(plan().to_string()));
    let folder = folder();
    let settings = LlmLogging {
        log_level: LogLevel::Full,
        ..LlmLogging::default()
    };
    let runner = writing(&folder, settings, over_http(&server));
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
    drop(runner);

    let run = RunLog::open(folder.path().join("run")).unwrap();
    let wire = &run.records()[0].wire[0];
    let sent: Value = serde_json::from_str(&wire.request_body).unwrap();
    assert_eq!(sent, server.requests()[0].body, "as sent");
    let received: Value = serde_json::from_str(&wire.response_body).unwrap();
    assert_eq!(
        received["choices"][0]["message"]["content"],
        plan().to_string()
    );
    assert!(!wire.request_headers.is_empty() && !wire.response_headers.is_empty());
    assert_eq!(run.records()[0].context.as_ref().unwrap()["topic"], "tides");
}

// ---------------------------------------------------------------- repair

#[test]
fn the_bad_answer_goes_back_on_repair() {
    let stage = Stage::new([Reply::text("{\"title\": 7}"), Reply::json(plan())]);
    ask(&stage).unwrap();
    let messages = stage.script.requests()[1].messages.clone();
    assert_eq!(messages[2].role, Role::Assistant);
    assert_eq!(messages[2].content, "{\"title\": 7}");
    assert_eq!(messages[3].role, Role::User);
}

#[test]
fn an_answer_that_is_no_object_is_repaired() {
    for answer in ["[1, 2]", "42", "\"text\"", "true", "null", "[]"] {
        let stage = Stage::new([Reply::text(answer), Reply::json(json!({"any": "object"}))]);
        // Without a schema of its own, an agent answers with any object.
        let spec = AgentSpec::new("planner", "planner", "m");
        let outcome = pollster::block_on(stage.runner.run(&spec, topic())).expect(answer);
        assert_eq!(
            (outcome.data, outcome.repairs),
            (json!({"any": "object"}), 1),
            "{answer}"
        );
    }
}

// ---------------------------------------------------------------- sync

#[test]
fn every_sync_call_in_a_row_works_on_a_real_http_client() {
    in_time(|| {
        let server = Server::start(|_| Answer::text(plan().to_string()));
        let runner = blocking::AgentRunner::new(over_http(&server), prompts());
        for _ in 0..10 {
            let outcome = runner.run(&planner(), topic()).unwrap();
            assert_eq!(
                outcome.ledger.attempts(),
                1,
                "and none needed a second attempt"
            );
        }
        assert_eq!(server.requests().len(), 10);
        assert!(server.connections() < 10, "connections are kept alive");
    });
}

// ---------------------------------------------------------------- the scheduler

/// Notes the longest time for which one poll held the thread.
struct PollTimer<F> {
    inner: Pin<Box<F>>,
    longest: Duration,
}

impl<F: Future> Future for PollTimer<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let started = Instant::now();
        let result = self.inner.as_mut().poll(context);
        self.longest = self.longest.max(started.elapsed());
        result.map(|output| (output, self.longest))
    }
}

/// Text that YAML has to look at closely: quotes, colons, line breaks.
fn large_answer() -> Value {
    let steps: Vec<String> = (0..7_900)
        .map(|n| {
            format!("step {n}: \"quoted\", # no comment\n- {{not}} [yaml] & *neither*: 'either'")
        })
        .collect();
    json!({"title": "Tides", "steps": steps})
}

#[test]
fn a_large_answer_is_not_rendered_by_the_caller() {
    in_time(run_with_a_large_answer);
}

fn run_with_a_large_answer() {
    let folder = folder();
    let text = large_answer().to_string();
    assert!(
        text.len() > 500_000 && text.len() < 700_000,
        "{}",
        text.len()
    );
    // What the sanitizer costs is measured where it is tested.
    let settings = LlmLogging {
        sanitize: Sanitize::Switch(false),
        ..LlmLogging::default()
    };
    let delay = Duration::from_millis(5);
    let script = ScriptedProvider::new([Reply::json(plan()), Reply::text(text).delay(delay)]);
    let runner = writing(&folder, settings, script);
    let calls = folder.path().join("run/llm_calls");
    pollster::block_on(async {
        runner.run(&planner(), topic()).await.unwrap();
        runner.flush().await.unwrap();
    });

    // Whoever renders a call file must claim its number under this lock.
    let numbers = fs::OpenOptions::new()
        .read(true)
        .open(calls.join(".numbers"))
        .unwrap();
    numbers.lock().unwrap();
    let spec = planner();
    let run = PollTimer {
        inner: Box::pin(runner.run(&spec, topic())),
        longest: Duration::ZERO,
    };
    let (ticks, (outcome, longest)) = current_thread().block_on(async {
        let mut run = pin!(run);
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        let mut ticks = 0;
        loop {
            tokio::select! {
                result = &mut run => break (ticks, result),
                _ = tick.tick() => ticks += 1,
            }
        }
    });
    outcome.unwrap();
    assert!(ticks > 0, "the ticker ran beside the call");
    assert!(
        !calls.join("call_002_planner.yaml").exists(),
        "the run did not wait for its file"
    );
    numbers.unlock().unwrap();
    pollster::block_on(runner.flush()).unwrap();
    assert!(calls.join("call_002_planner.yaml").is_file());

    let run = RunLog::open(folder.path().join("run")).unwrap();
    let json = least_time_of(|| serde_json::to_vec(&run.records()[1]).unwrap());
    let yaml = least_time_of(|| serde_yaml::to_string(&run.records()[1]).unwrap());
    // Reading, validating, journalling and the ledger's copies are a few times what writing the
    // record as JSON is, and always less than writing it as YAML on top.
    assert!(
        longest < json * 40,
        "one poll held the thread for {longest:?}; the record as JSON takes {json:?}, as YAML {yaml:?}"
    );
}

fn least_time_of<T>(work: impl Fn() -> T) -> Duration {
    (0..3)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(work());
            started.elapsed()
        })
        .min()
        .unwrap()
}

// ---------------------------------------------------------------- the run's directory

#[test]
fn starting_again_with_the_same_run_id_keeps_the_old_logs() {
    let folder = folder();
    let calls = folder.path().join("run/llm_calls");
    let mut first = Vec::new();
    for start in 1..=3 {
        let runner = writing(&folder, LlmLogging::default(), good());
        pollster::block_on(runner.run(&planner(), topic())).unwrap();
        drop(runner);
        let written = fs::read(calls.join("call_001_planner.yaml")).unwrap();
        if start == 1 {
            first.clone_from(&written);
        }
        assert_eq!(written, first, "start {start}");
        assert!(
            calls
                .join(format!("call_{start:03}_planner.yaml"))
                .is_file()
        );
    }
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(run.records().len(), 3);
    let summary: Value =
        serde_yaml::from_str(&fs::read_to_string(calls.join("summary.yaml")).unwrap()).unwrap();
    assert_eq!(summary["calls"], 3);
}

#[test]
fn no_agent_name_or_run_id_escapes_the_tree() {
    let folder = folder();
    let inner = folder.path().join("a/b/c");
    let log = create_llm_logger(&LoggerConfig {
        output_dir: inner.clone(),
        run_id: Some("../../escaped".into()),
        llm_logging: LlmLogging::default(),
        environment: nothing_set(),
    })
    .unwrap();
    let runner = AgentRunner::builder(good(), prompts()).logger(log).build();
    for name in ["../../../escaped", "/escaped", "..", "a/../../b"] {
        let spec = AgentSpec::new(name, "planner", "m");
        pollster::block_on(runner.run(&spec, topic())).unwrap();
    }
    runner.log().flush_blocking().unwrap();
    let only_entry = |path: &Path| {
        let mut entries = fs::read_dir(path).unwrap();
        let entry = entries.next().unwrap().unwrap().path();
        assert!(
            entries.next().is_none(),
            "something else is in {}",
            path.display()
        );
        entry
    };
    assert_eq!(only_entry(folder.path()), folder.path().join("a"));
    assert_eq!(
        only_entry(&folder.path().join("a")),
        folder.path().join("a/b")
    );
    let run = only_entry(&inner);
    let files = fs::read_dir(run.join("llm_calls")).unwrap().count();
    assert_eq!(
        files,
        4 + 2,
        "four calls, the summary and the list of numbers"
    );
}

#[test]
fn the_summary_is_there_even_if_nobody_flushes() {
    let folder = folder();
    let runner = writing(&folder, LlmLogging::default(), good());
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
    drop(runner);
    let text = fs::read_to_string(folder.path().join("run/llm_calls/summary.yaml")).unwrap();
    let summary: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(
        (&summary["calls"], &summary["status"]),
        (&json!(1), &json!("succeeded"))
    );
}

// ---------------------------------------------------------------- settings

#[test]
fn an_unknown_format_or_level_is_an_error() {
    for (key, value) in [("format", "xml"), ("log_level", "debug"), ("views", "some")] {
        let block = json!({key: value});
        let error = serde_json::from_value::<LlmLogging>(block).expect_err(value);
        assert!(error.to_string().contains(value), "{error}");
    }
}

#[test]
fn an_environment_value_that_is_not_allowed_is_an_error() {
    for (name, value) in [
        ("DUOLOGUE_LLM_LOG_LEVEL", "verbose"),
        ("DUOLOGUE_LLM_LOG_FORMAT", "toml"),
        ("DUOLOGUE_DISABLE_LLM_LOGGING", "perhaps"),
        ("TWINKLR_LLM_LOG_LEVEL", "verbose"),
    ] {
        let folder = folder();
        let error = create_llm_logger(&LoggerConfig {
            output_dir: folder.path().to_owned(),
            run_id: None,
            llm_logging: LlmLogging::default(),
            environment: Environment::fixed([(name, value)]),
        })
        .expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Config);
        let printed = format!("{error:#}");
        assert!(
            printed.contains(name) && printed.contains(value),
            "{printed}"
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing half written"
        );
    }
}

// ---------------------------------------------------------------- conversations

#[test]
fn a_failed_turn_leaves_no_duplicate_user_message() {
    let stage = Stage::new([Reply::status(400), Reply::json(plan()), Reply::json(plan())]);
    let spec = planner().with_mode(AgentMode::Conversational);
    let mut conversation = Conversation::new();
    let mut turn = || {
        let options = RunOptions::new().conversation(&mut conversation);
        let result = pollster::block_on(stage.runner.run_with(&spec, topic(), options));
        (result.is_ok(), conversation.messages().len())
    };
    assert_eq!(turn(), (false, 0));
    assert_eq!(turn(), (true, 2));
    assert_eq!(turn(), (true, 4));
    let sent: Vec<_> = stage
        .script
        .requests()
        .iter()
        .map(|request| request.messages.len())
        .collect();
    assert_eq!(sent, [2, 2, 4], "system, history, one user message");
}

// ---------------------------------------------------------------- memory

/// Answers without remembering anything.
#[derive(Debug)]
struct Forgetful(Arc<str>);

#[async_trait]
impl Provider for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    async fn generate_json(
        &self,
        _request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        call.attempts().open().close(None);
        Ok(Response::text(&*self.0))
    }
}

const CHILD: &str = "DUOLOGUE_TEST_CHILD";

/// In a process of its own, where nothing else allocates.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_calls() {
    if std::env::var_os(CHILD).is_some() {
        return grow();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "defects_004::memory_does_not_grow_with_the_calls",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[cfg(target_os = "linux")]
fn grow() {
    let folder = folder();
    let answer = json!({"title": "x".repeat(20_000), "steps": ["a"]}).to_string();
    let runner = writing(&folder, LlmLogging::default(), Forgetful(answer.into()));
    let spec = planner();
    let calls = |number: usize| {
        for _ in 0..number {
            pollster::block_on(runner.run(&spec, topic())).unwrap();
        }
        runner.log().flush_blocking().unwrap();
        resident_kilobytes()
    };
    let before = calls(200);
    let after = calls(1_000);
    // All answers together are 20 MB, and each stands in its record twice.
    assert!(after < before + 6_000, "{before} kB grew to {after} kB");
}

#[cfg(target_os = "linux")]
fn resident_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A record that another test reads must be one that this version would write.
#[test]
fn every_record_names_its_format() {
    let stage = Stage::new([Reply::json(plan())]);
    ask(&stage).unwrap();
    assert_eq!(stage.memory.records()[0].schema, Record::SCHEMA);
}
