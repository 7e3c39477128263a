//! What the compiler promises about the public types, and what a spec accepts and refuses.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use duologue::agent::{AgentMode, AgentRunnerBuilder, Conversation, RunOptions};
use duologue::attempt::{Attempt, Attempts, OpenAttempt};
use duologue::call_log::{
    CallLog, CallLogger, FileCallLogger, MemoryCallLogger, NullCallLogger, OpenCall, Record,
    RunLog, Sanitizer, TeeCallLogger,
};
use duologue::chat::{Message, Request, Response};
use duologue::clock::{Clock, SteppingClock, SystemClock};
use duologue::cost::Decimal;
use duologue::env::Environment;
use duologue::error::{CallReport, Ledger};
use duologue::prompt::{PromptLibrary, PromptPack};
use duologue::provider::{
    CallContext, Limited, Provider, ProviderError, Reply, Retrying, ScriptedProvider,
};
use duologue::{AgentRunner, AgentSpec, Error, ErrorKind, Outcome, blocking};
use serde_json::{Value, json};

use crate::support::{folder, plan, planner, prompts, quick, topic};

fn is_send<T: Send>(value: T) -> T {
    value
}

fn is_send_and_sync<T: Send + Sync + 'static>() {}

#[test]
fn public_types_may_be_sent_and_shared() {
    is_send_and_sync::<AgentRunner>();
    is_send_and_sync::<AgentRunnerBuilder>();
    is_send_and_sync::<blocking::AgentRunner>();
    is_send_and_sync::<AgentSpec>();
    is_send_and_sync::<RunOptions<'static>>();
    is_send_and_sync::<Conversation>();
    is_send_and_sync::<Outcome<Value>>();
    is_send_and_sync::<Error>();
    is_send_and_sync::<ProviderError>();
    is_send_and_sync::<(Ledger, CallReport)>();
    is_send_and_sync::<(CallLog, OpenCall, Record, RunLog, Sanitizer)>();
    is_send_and_sync::<(
        FileCallLogger,
        MemoryCallLogger,
        NullCallLogger,
        TeeCallLogger,
    )>();
    is_send_and_sync::<(Attempt, Attempts, OpenAttempt, CallContext)>();
    is_send_and_sync::<(Request, Response, Message)>();
    is_send_and_sync::<(PromptLibrary, PromptPack, Environment)>();
    is_send_and_sync::<(ScriptedProvider, Reply)>();
    #[cfg(feature = "http")]
    is_send_and_sync::<duologue::provider::OpenAiProvider>();
    is_send_and_sync::<Retrying<Limited<ScriptedProvider>>>();
}

#[test]
fn traits_are_object_safe_and_their_objects_are_of_use() {
    let provider: Arc<dyn Provider> = Arc::new(ScriptedProvider::new([Reply::json(plan())]));
    let loggers: [Arc<dyn CallLogger>; 2] =
        [Arc::new(NullCallLogger), Arc::new(MemoryCallLogger::new())];
    let clock: Arc<dyn Clock> = Arc::new(SteppingClock::starting_at(0));
    assert_ne!(clock.id(), SystemClock.id());
    let runner = AgentRunner::builder(provider, prompts())
        .logger(TeeCallLogger::new(loggers))
        .clock(clock)
        .build();
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
}

#[test]
fn an_error_is_one_word_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    assert_eq!(size_of::<ProviderError>(), size_of::<usize>());
}

#[test]
fn the_futures_of_a_runner_may_be_sent() {
    let provider = ScriptedProvider::new([Reply::json(plan()).forever()]);
    let runner = AgentRunner::builder(provider, prompts())
        .retry(quick())
        .build();
    let spec = planner();
    let mut conversation = Conversation::new();
    let with = RunOptions::new().conversation(&mut conversation);
    drop(is_send(runner.run(&spec, topic())));
    drop(is_send(runner.run_with(&spec, topic(), with)));
    drop(is_send(runner.run_as::<Conversationless>(&spec, topic())));
    drop(is_send(runner.run_all([(&spec, topic())], 1)));
    drop(is_send(runner.flush()));
}

/// `Send`, and not `Sync`: the answer of a typed run need not be shared.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Conversationless {
    #[serde(default)]
    #[expect(dead_code, reason = "only its type matters")]
    title: std::cell::Cell<u8>,
}

// ---------------------------------------------------------------- the spec as data

fn full_spec() -> AgentSpec {
    let mut spec = planner()
        .with_mode(AgentMode::Conversational)
        .with_max_schema_repair_attempts(5)
        .with_default_variable("topic", json!({"deep": [1, 2]}))
        .with_token_budget(9_000)
        .with_cost_budget_usd(Decimal::new(25, 2))
        .with_deadline(Duration::from_millis(90_500));
    spec.temperature = Some(0.7);
    spec.max_output_tokens = Some(100);
    spec.max_output_tokens_on_truncation = Some(400);
    spec.extra.insert("seed".into(), json!(7));
    spec
}

#[test]
fn a_spec_survives_json_and_yaml() {
    for spec in [full_spec(), AgentSpec::new("a", "b", "c")] {
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<AgentSpec>(&text).unwrap(), spec);
        let text = serde_yaml::to_string(&spec).unwrap();
        assert_eq!(serde_yaml::from_str::<AgentSpec>(&text).unwrap(), spec);
        let value = serde_json::to_value(&spec).unwrap();
        assert_eq!(serde_json::from_value::<AgentSpec>(value).unwrap(), spec);
    }
}

#[test]
fn the_least_spec_has_the_documented_defaults() {
    let least = json!({"name": "a", "prompt_pack": "b", "model": "c"});
    let spec: AgentSpec = serde_json::from_value(least.clone()).unwrap();
    assert_eq!(spec, AgentSpec::new("a", "b", "c"));
    assert_eq!(spec.max_schema_repair_attempts, 2);
    assert_eq!(spec.mode, AgentMode::Oneshot);
    let mut written = serde_json::to_value(&spec).unwrap();
    for key in ["mode", "max_schema_repair_attempts"] {
        written.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(written, least, "what is not set is not written");
}

fn from_file(text: &str) -> duologue::Result<AgentSpec> {
    let folder = folder();
    let path = folder.path().join("agent.yaml");
    fs::write(&path, text).unwrap();
    AgentSpec::from_file(path)
}

const HEAD: &str = "name: a\nprompt_pack: b\nmodel: c\n";

#[test]
fn a_mistake_in_a_file_names_file_key_and_what_is_allowed() {
    let cases = [
        ("temprature: 1", "temprature", "did you mean `temperature`?"),
        (
            "max_schema_repair_attempt: 1",
            "max_schema_repair_attempt",
            "max_schema_repair_attempts",
        ),
        ("mode: chatty", "chatty", "`conversational`"),
        ("temperature: 2.5", "temperature", "0 to 2"),
        ("temperature: warm", "temperature", ""),
        ("token_budget: 0", "token_budget", "1 or more"),
        ("cost_budget_usd: 0", "cost_budget_usd", "more than 0"),
        ("cost_budget_usd: -0.5", "cost_budget_usd", "more than 0"),
        ("cost_budget_usd: much", "cost_budget_usd", "US dollars"),
        ("max_output_tokens: -1", "max_output_tokens", ""),
        ("deadline: soon", "deadline", ""),
        ("deadline: -1", "deadline", ""),
        ("response_schema: 3", "response_schema", "path"),
        ("response_schema: missing.json", "missing.json", ""),
    ];
    for (line, part, hint) in cases {
        let error = from_file(&format!("{HEAD}{line}\n")).expect_err(line);
        assert_eq!(error.kind(), ErrorKind::Config, "{line}: {error:#}");
        let printed = format!("{error:#}");
        assert!(printed.contains(part), "{line}: {printed}");
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{line}: {printed}"
        );
    }
}

#[test]
fn a_spec_without_a_name_is_refused_by_name() {
    let error = from_file("prompt_pack: b\nmodel: c\n").unwrap_err();
    assert!(error.to_string().contains("agent.yaml"), "{error:#}");
    assert!(error.to_string().contains("`name`"), "{error:#}");
}

#[test]
fn durations_are_words_or_seconds() {
    for (text, millis) in [
        ("90s", 90_000),
        ("1m 30s", 90_000),
        ("500ms", 500),
        ("2", 2_000),
        ("0.5", 500),
    ] {
        let spec = from_file(&format!("{HEAD}deadline: {text}\n")).expect(text);
        assert_eq!(spec.deadline, Some(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn a_schema_in_a_file_of_its_own_is_found_beside_the_spec() {
    let folder = folder();
    fs::write(folder.path().join("plan.json"), "{\"type\": \"object\"}").unwrap();
    let path = folder.path().join("agent.yaml");
    fs::write(
        &path,
        format!("{HEAD}response_schema: plan.json\nvariables: {{topic: tides}}\n"),
    )
    .unwrap();
    let spec = AgentSpec::from_file(path).unwrap();
    assert_eq!(spec.response_schema, Some(json!({"type": "object"})));
    assert_eq!(spec.default_variables["topic"], "tides");
}
