//! The run loop: what goes out, what comes back, and what each way to fail leaves behind.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use duologue::agent::{AgentMode, Conversation, RunOptions};
use duologue::call_log::{
    CallLog, CallLogger, CallStatus, MemoryCallLogger, OnError, Record, TeeCallLogger,
};
use duologue::chat::{Message, Role, Usage};
use duologue::provider::{CallContext, Provider, Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error, ErrorKind, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Before, Stage, plan, plan_schema, planner, prompts, quick, statuses, topic};

fn run(stage: &Stage, spec: &AgentSpec) -> Result<Outcome<Value>, Error> {
    pollster::block_on(stage.runner.run(spec, topic()))
}

fn contents(stage: &Stage, request: usize) -> Vec<(Role, String)> {
    stage.script.requests()[request]
        .messages
        .iter()
        .map(|message| (message.role, message.content.clone()))
        .collect()
}

fn full() -> AgentSpec {
    AgentSpec::new("full", "full", "gpt-5-mini").with_default_variable("tone", "kind")
}

// ---------------------------------------------------------------- what goes out

#[test]
fn messages_go_out_in_the_order_developer_system_examples_user() {
    let stage = Stage::new([Reply::json(plan())]);
    run(&stage, &full()).unwrap();
    assert_eq!(
        contents(&stage, 0),
        [
            (Role::Developer, "Developer kind.".to_owned()),
            (Role::System, "System kind.".to_owned()),
            (Role::User, "example question".to_owned()),
            (Role::Assistant, "example answer".to_owned()),
            (Role::User, "First tides".to_owned()),
        ]
    );
}

#[test]
fn a_later_iteration_is_rendered_from_user_refinement() {
    let stage = Stage::new([Reply::json(plan())]);
    let options = RunOptions::new().iteration(2);
    pollster::block_on(stage.runner.run_with(&full(), topic(), options)).unwrap();
    assert_eq!(
        contents(&stage, 0).last().unwrap().1,
        "Again tides 2".to_owned()
    );
    assert_eq!(stage.memory.records()[0].iteration, 2);
}

#[test]
fn the_request_carries_the_figures_of_the_spec() {
    let stage = Stage::new([Reply::json(plan())]);
    let mut spec = planner();
    spec.temperature = Some(0.3);
    spec.max_output_tokens = Some(77);
    spec.extra.insert("seed".into(), json!(4));
    run(&stage, &spec).unwrap();

    let request = &stage.script.requests()[0];
    assert_eq!(request.temperature, Some(0.3));
    assert_eq!(request.max_output_tokens, Some(77));
    assert_eq!(request.extra["seed"], 4);
    let schema = request.response_schema.as_ref().unwrap();
    assert_eq!(
        (schema.name.as_str(), &*schema.schema),
        ("planner", &plan_schema())
    );
}

#[test]
fn the_callers_variables_win_over_those_of_the_spec() {
    let stage = Stage::new([Reply::json(plan()).forever()]);
    let spec = planner().with_default_variable("topic", "deserts");
    pollster::block_on(stage.runner.run(&spec, ())).unwrap();
    pollster::block_on(stage.runner.run(&spec, topic())).unwrap();
    assert_eq!(contents(&stage, 0)[1].1, "Topic: deserts");
    assert_eq!(contents(&stage, 1)[1].1, "Topic: tides");
}

#[test]
fn the_response_schema_is_a_variable_that_nobody_can_replace() {
    let stage = Stage::new([Reply::json(plan())]);
    let spec = AgentSpec::new("a", "schema", "m").with_response_schema(plan_schema());
    let forged = json!({"response_schema": "anything"});
    pollster::block_on(stage.runner.run(&spec, forged)).unwrap();
    let system = contents(&stage, 0).remove(0).1;
    let shown: Value = serde_json::from_str(system.strip_prefix("Answer like ").unwrap()).unwrap();
    assert_eq!(shown, plan_schema());
}

#[test]
fn what_can_be_known_before_a_request_is_an_error_before_it() {
    let cases: [(&str, AgentSpec, Value, ErrorKind, &str); 8] = [
        (
            "missing variable",
            planner(),
            json!({}),
            ErrorKind::Prompt,
            "topic",
        ),
        (
            "unknown pack",
            AgentSpec::new("a", "plannner", "m"),
            json!({}),
            ErrorKind::Prompt,
            "plannner",
        ),
        (
            "empty model",
            AgentSpec::new("a", "planner", " "),
            topic(),
            ErrorKind::Config,
            "model",
        ),
        (
            "list of variables",
            planner(),
            json!(["tides"]),
            ErrorKind::Config,
            "planner",
        ),
        (
            "single variable",
            planner(),
            json!("tides"),
            ErrorKind::Config,
            "planner",
        ),
        (
            "broken schema",
            planner().with_response_schema(json!({"type": "objekt"})),
            topic(),
            ErrorKind::Schema,
            "planner",
        ),
        (
            "schema elsewhere",
            planner().with_response_schema(json!({"$ref": "https://example.com/a.json"})),
            topic(),
            ErrorKind::Schema,
            "planner",
        ),
        (
            "schema that is a number",
            planner().with_response_schema(json!(3)),
            topic(),
            ErrorKind::Config,
            "response_schema",
        ),
    ];
    for (name, spec, variables, kind, part) in cases {
        let stage = Stage::new([]);
        let error = pollster::block_on(stage.runner.run(&spec, variables)).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error:#}");
        assert!(error.to_string().contains(part), "{name}: {error:#}");
        assert!(error.ledger().calls.is_empty(), "{name}");
        assert!(stage.script.requests().is_empty(), "{name}");
        assert!(stage.memory.records().is_empty(), "{name}");
    }
}

// ---------------------------------------------------------------- repairs

/// Answers that do not fit, each in its own way.
fn bad(number: usize) -> Reply {
    Reply::json(json!({"title": number, "steps": ["a", number]})).usage(10, 5)
}

#[test]
fn each_error_goes_back_with_its_json_pointer() {
    let stage = Stage::new([bad(1), Reply::json(plan())]);
    let outcome = run(&stage, &planner()).unwrap();
    assert_eq!((outcome.data, outcome.repairs), (plan(), 1));

    let feedback = contents(&stage, 1).pop().unwrap().1;
    assert!(feedback.contains("\n- /title: "), "{feedback}");
    assert!(feedback.contains("\n- /steps/1: "), "{feedback}");
    stage.script.finish().unwrap();
}

#[test]
fn history_holds_only_the_last_bad_answer() {
    let stage = Stage::new((1..=6).map(bad));
    run(&stage, &planner().with_max_schema_repair_attempts(5)).unwrap_err();
    for request in 1..6 {
        let messages = contents(&stage, request);
        assert_eq!(messages.len(), 4, "request {request}");
        let answer = json!({"title": request, "steps": ["a", request]}).to_string();
        assert_eq!(messages[2], (Role::Assistant, answer));
    }
}

#[test]
fn whatever_cannot_be_used_is_repaired() {
    for text in [
        "",
        "   ",
        "no JSON here",
        "{\"title\": ",
        "{'a' 1}",
        "{}",
        "null",
    ] {
        let stage = Stage::new([Reply::text(text), Reply::json(plan())]);
        let outcome = run(&stage, &planner()).expect(text);
        assert_eq!((outcome.data, outcome.repairs), (plan(), 1), "{text:?}");
        assert_eq!(
            stage.statuses(),
            [CallStatus::Invalid, CallStatus::Succeeded],
            "{text:?}"
        );
        assert!(
            !stage.memory.records()[0].validation_errors.is_empty(),
            "{text:?}"
        );
        assert!(
            !contents(&stage, 1)[2].1.is_empty(),
            "no empty message goes out"
        );
    }
}

#[test]
fn there_is_one_call_more_than_repairs_allowed() {
    for allowed in [0, 1, 3] {
        let stage = Stage::new((1..=4).map(bad));
        let spec = planner().with_max_schema_repair_attempts(allowed);
        let error = run(&stage, &spec).unwrap_err();
        let calls = usize::try_from(allowed).unwrap() + 1;
        assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
        assert_eq!(stage.script.requests().len(), calls);
        assert_eq!(error.ledger().calls.len(), calls);
        assert_eq!(stage.statuses(), vec![CallStatus::Invalid; calls]);
        let ends: Vec<_> = stage
            .memory
            .records()
            .iter()
            .map(|record| record.ends_execution)
            .collect();
        let mut expected = vec![Some(false); calls - 1];
        expected.push(Some(true));
        assert_eq!(ends, expected, "only the last call ends the execution");
    }
}

#[test]
fn the_same_bad_answer_twice_ends_the_loop() {
    let stage = Stage::new([bad(1), bad(2), bad(2), Reply::json(plan())]);
    let error = run(&stage, &planner().with_max_schema_repair_attempts(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert_eq!(error.ledger().calls.len(), 3);
}

#[test]
fn a_cut_answer_before_does_not_count_as_the_same_bad_answer() {
    let mut spec = planner();
    spec.max_output_tokens_on_truncation = Some(1000);
    // Reasoning may eat the whole budget, and the first answer after it may be empty as well.
    let stage = Stage::new([Reply::truncated(""), Reply::text(""), Reply::json(plan())]);
    let outcome = run(&stage, &spec).unwrap();
    assert_eq!((outcome.repairs, outcome.ledger.calls.len()), (1, 3));
}

#[test]
fn a_huge_bad_answer_goes_back_clipped() {
    let huge = json!({"title": "x".repeat(100_000)}).to_string();
    let stage = Stage::new([Reply::text(&huge), Reply::json(plan())]);
    run(&stage, &planner()).unwrap();
    let messages = contents(&stage, 1);
    assert!(messages[2].1.starts_with("{\"title\":\"xxx"));
    assert!(messages[2].1.len() < 9_000, "{}", messages[2].1.len());
    assert!(messages[3].1.len() < 9_000, "{}", messages[3].1.len());
    assert_eq!(
        stage.memory.records()[0].raw_answer.as_deref(),
        Some(huge.as_str()),
        "the record holds all of it"
    );
}

// ---------------------------------------------------------------- not repaired

#[test]
fn what_a_repair_cannot_mend_is_an_error_of_its_own() {
    let overflow = r#"{"error": {"message": "too long", "code": "context_length_exceeded"}}"#;
    let cases = [
        (
            Reply::truncated("{\"title\": \"Ti"),
            ErrorKind::Truncated,
            CallStatus::Truncated,
            "max_output_tokens",
        ),
        (
            Reply::truncated(""),
            ErrorKind::Truncated,
            CallStatus::Truncated,
            "max_output_tokens",
        ),
        (
            Reply::refusal("I will not"),
            ErrorKind::Refused,
            CallStatus::Refused,
            "declined",
        ),
        (
            Reply::content_filtered("{}"),
            ErrorKind::ContentFiltered,
            CallStatus::Refused,
            "filter",
        ),
        (
            Reply::status(400).body(overflow),
            ErrorKind::ContextOverflow,
            CallStatus::Failed,
            "shorten",
        ),
    ];
    for (reply, kind, status, hint) in cases {
        let stage = Stage::new([reply]);
        let error = run(&stage, &planner()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error:#}");
        assert!(
            error.hint().unwrap().contains(hint),
            "{kind}: {:?}",
            error.hint()
        );
        assert_eq!(stage.statuses(), [status], "{kind}");
        assert_eq!(error.ledger().last().unwrap().error, Some(kind));
        assert!(!error.is_retryable());
        stage.script.finish().unwrap();
    }
}

#[test]
fn the_cap_is_raised_once_where_the_spec_allows_it() {
    let mut spec = planner();
    spec.max_output_tokens = Some(100);
    spec.max_output_tokens_on_truncation = Some(400);

    let stage = Stage::new([Reply::truncated("{\"ti"), Reply::json(plan())]);
    let outcome = run(&stage, &spec).unwrap();
    assert_eq!(outcome.repairs, 0, "it is no repair");
    let caps: Vec<_> = stage
        .script
        .requests()
        .iter()
        .map(|request| request.max_output_tokens)
        .collect();
    assert_eq!(caps, [Some(100), Some(400)]);
    assert_eq!(
        contents(&stage, 0),
        contents(&stage, 1),
        "nothing is fed back"
    );

    let stage = Stage::new([Reply::truncated("{\"ti"), Reply::truncated("{\"title")]);
    let error = run(&stage, &spec).unwrap_err();
    assert_eq!(
        (error.kind(), error.ledger().calls.len()),
        (ErrorKind::Truncated, 2)
    );
}

#[test]
fn an_answer_that_is_whole_although_the_limit_was_reached_counts() {
    let stage = Stage::new([Reply::truncated(plan().to_string())]);
    assert_eq!(run(&stage, &planner()).unwrap().data, plan());
}

// ---------------------------------------------------------------- typed answers

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Plan {
    title: String,
    /// A date as no JSON Schema keyword here describes it.
    #[schemars(with = "String")]
    day: Weekday,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Weekday {
    Monday,
}

#[test]
fn a_typed_run_asks_for_the_schema_of_its_type() {
    let stage = Stage::new([Reply::json(json!({"title": "t", "day": "monday"}))]);
    let spec = AgentSpec::new("planner", "planner", "m");
    let outcome = pollster::block_on(stage.runner.run_as::<Plan>(&spec, topic())).unwrap();
    let expected = Plan {
        title: "t".into(),
        day: Weekday::Monday,
    };
    assert_eq!(outcome.data, expected);

    let requests = stage.script.requests();
    let schema = &requests[0].response_schema.as_ref().unwrap().schema;
    assert_eq!(schema["required"], json!(["title", "day"]));
}

#[test]
fn an_answer_that_the_type_does_not_accept_is_repaired() {
    let fits_the_schema_only = json!({"title": "t", "day": "someday"});
    let stage = Stage::new([
        Reply::json(fits_the_schema_only),
        Reply::json(json!({"title": "t", "day": "monday"})),
    ]);
    let spec = AgentSpec::new("planner", "planner", "m");
    let outcome = pollster::block_on(stage.runner.run_as::<Plan>(&spec, topic())).unwrap();
    assert_eq!((outcome.data.day, outcome.repairs), (Weekday::Monday, 1));
    assert!(
        contents(&stage, 1)[3]
            .1
            .contains("unknown variant `someday`")
    );
    assert_eq!(
        stage.statuses(),
        [CallStatus::Invalid, CallStatus::Succeeded]
    );
}

#[test]
fn the_schema_of_the_spec_wins_over_the_type() {
    let stage = Stage::new([Reply::json(json!({"title": "t", "day": "monday"}))]);
    let spec =
        AgentSpec::new("planner", "planner", "m").with_response_schema(json!({"type": "object"}));
    pollster::block_on(stage.runner.run_as::<Plan>(&spec, topic())).unwrap();
    let requests = stage.script.requests();
    assert_eq!(
        *requests[0].response_schema.as_ref().unwrap().schema,
        json!({"type": "object"})
    );
}

// ---------------------------------------------------------------- deadline, cancellation

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_call_that_does_not_answer() {
    let stage = Stage::new([Reply::never()]);
    let started = tokio::time::Instant::now();
    let spec = planner().with_deadline(Duration::from_secs(30));
    let error = stage.runner.run(&spec, topic()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(stage.statuses(), [CallStatus::TimedOut]);
    assert_eq!(error.ledger().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_repairs_and_the_shorter_one_holds() {
    let slow = |number| bad(number).delay(Duration::from_secs(20));
    let stage = Stage::new((1..=9).map(slow));
    let started = tokio::time::Instant::now();
    let spec = planner()
        .with_deadline(Duration::from_secs(3_600))
        .with_max_schema_repair_attempts(8);
    let options = RunOptions::new().deadline(Duration::from_secs(50));
    let error = stage
        .runner
        .run_with(&spec, topic(), options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(started.elapsed().as_secs(), 50);
    assert_eq!(
        stage.statuses(),
        [
            CallStatus::Invalid,
            CallStatus::Invalid,
            CallStatus::TimedOut
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_backoff_that_would_pass_the_deadline_is_not_begun() {
    let script = ScriptedProvider::new([Reply::status(503).header("retry-after", "40")]);
    let runner = AgentRunner::new(script.clone(), prompts());
    let started = tokio::time::Instant::now();
    let spec = planner().with_deadline(Duration::from_secs(30));
    let error = runner.run(&spec, topic()).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "what happened is more than `too late`"
    );
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(error.ledger().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_slot_counts_against_the_deadline() {
    let script = ScriptedProvider::new([Reply::never().agent("first"), Reply::json(plan())]);
    let memory = MemoryCallLogger::new();
    let runner = AgentRunner::builder(script.clone(), prompts())
        .logger(memory.clone())
        .max_in_flight(1)
        .build();
    let mut first = planner();
    first.name = "first".into();
    let spec = planner().with_deadline(Duration::from_secs(30));
    tokio::select! {
        biased;
        _ = runner.run(&first, topic()) => unreachable!(),
        result = runner.run(&spec, topic()) => {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
        }
    }
    let records = memory.records();
    assert_eq!(
        statuses(&records),
        [CallStatus::Cancelled, CallStatus::TimedOut]
    );
    assert!(records[1].attempts.is_empty(), "nothing left the process");
    assert_eq!(records[1].limiter_wait_ms, Some(30_000));
}

#[test]
fn a_deadline_beyond_all_time_is_none() {
    let stage = Stage::new([Reply::json(plan())]);
    run(&stage, &planner().with_deadline(Duration::MAX)).unwrap();
}

#[test]
fn a_run_that_is_cancelled_before_it_begins_makes_no_call() {
    let token = CancellationToken::new();
    token.cancel();
    let stage = Stage::new([]);
    let options = RunOptions::new().cancel_on(token);
    let error =
        pollster::block_on(stage.runner.run_with(&planner(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(stage.script.requests().is_empty() && stage.memory.records().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_the_call_under_way_and_keeps_the_ledger() {
    let stage = Stage::new([bad(1), Reply::never()]);
    let token = CancellationToken::new();
    let options = RunOptions::new().cancel_on(token.clone());
    let spec = planner();
    let (result, ()) = tokio::join!(stage.runner.run_with(&spec, topic(), options), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel();
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(
        stage.statuses(),
        [CallStatus::Invalid, CallStatus::Cancelled]
    );
    assert_eq!(error.ledger().usage(), Usage::new(10, 5));
    assert_eq!(error.ledger().attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_a_backoff() {
    let script = ScriptedProvider::new([Reply::status(503).header("retry-after", "60")]);
    let memory = MemoryCallLogger::new();
    let runner = AgentRunner::builder(script.clone(), prompts())
        .logger(memory.clone())
        .build();
    let token = CancellationToken::new();
    let options = RunOptions::new().cancel_on(token.clone());
    let started = tokio::time::Instant::now();
    let spec = planner();
    let (result, ()) = tokio::join!(runner.run_with(&spec, topic(), options), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel();
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(started.elapsed().as_secs(), 1);
    let records = memory.records();
    assert_eq!(statuses(&records), [CallStatus::Cancelled]);
    assert_eq!(records[0].attempts.len(), 1);
    assert_eq!(records[0].attempts[0].status, Some(503));
}

#[test]
fn a_token_that_is_cancelled_between_calls_prevents_the_next_one() {
    let token = CancellationToken::new();
    let script = ScriptedProvider::new([bad(1), Reply::json(plan())]);
    let cancel = token.clone();
    let provider = CancelsAfter(script.clone(), cancel);
    let stage = Stage::around(provider, script);
    let options = RunOptions::new().cancel_on(token);
    let error =
        pollster::block_on(stage.runner.run_with(&planner(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(stage.statuses(), [CallStatus::Invalid]);
    assert_eq!(stage.memory.records()[0].ends_execution, Some(true));
}

/// Gives its answer, and cancels the token with it.
#[derive(Debug)]
struct CancelsAfter(ScriptedProvider, CancellationToken);

#[async_trait]
impl Provider for CancelsAfter {
    fn name(&self) -> &'static str {
        "cancels_after"
    }

    async fn generate_json(
        &self,
        request: &duologue::chat::Request,
        call: &CallContext,
    ) -> Result<duologue::chat::Response, duologue::provider::ProviderError> {
        let answer = self.0.generate_json(request, call).await;
        self.1.cancel();
        answer
    }
}

// ---------------------------------------------------------------- the ledger and the error

#[test]
fn the_ledger_of_a_failure_says_what_the_ledger_of_a_success_says() {
    let spec = planner().with_max_schema_repair_attempts(1);
    let succeeds = Stage::new([Reply::status(503), bad(1), Reply::json(plan()).usage(20, 6)]);
    let fails = Stage::new([
        Reply::status(503),
        bad(1),
        Reply::json(json!({})).usage(20, 6),
    ]);
    let ok = run(&succeeds, &spec).unwrap();
    let error = run(&fails, &spec).unwrap_err();

    let plain = |ledger: &duologue::error::Ledger| {
        let mut call = ledger.calls[0].clone();
        assert_ne!(call.call_id, "");
        call.call_id.clear();
        call.duration = Duration::ZERO;
        for attempt in &mut call.attempts {
            (attempt.delay_ms, attempt.duration_ms, attempt.first_byte_ms) = (0, 0, None);
        }
        call
    };
    assert_eq!(plain(&ok.ledger), plain(error.ledger()));
    assert_eq!(ok.ledger.usage(), error.ledger().usage());
    assert_eq!(ok.usage, Usage::new(30, 11));
    assert_eq!(ok.ledger.attempts(), 3);

    let last = error.ledger().last().unwrap();
    assert_eq!(last.raw_text.as_deref(), Some("{}"));
    assert_eq!(last.violations.len(), 2, "title and steps are missing");
    assert_eq!(last.error, Some(ErrorKind::InvalidAnswer));
    let ids: Vec<_> = succeeds
        .memory
        .records()
        .into_iter()
        .map(|record| record.call_id)
        .collect();
    assert_eq!(
        ok.call_ids().collect::<Vec<_>>(),
        ids,
        "the ids are those of the records"
    );
}

#[test]
fn no_error_prints_a_prompt_or_an_answer() {
    let replies: [(&str, Reply); 8] = [
        ("invalid", Reply::json(json!({"title": "ANSWER"}))),
        ("no JSON", Reply::text("ANSWER")),
        ("truncated", Reply::truncated("ANSWER")),
        ("refused", Reply::refusal("ANSWER")),
        ("filtered", Reply::content_filtered("ANSWER")),
        ("failed", Reply::status(500)),
        (
            "cut",
            Reply::cut_body("{\"choices\": [{\"message\": {\"content\": \"ANSWER\""),
        ),
        (
            "malformed",
            Reply::status(200).body("{\"answer\": \"ANSWER\"}"),
        ),
    ];
    for (name, reply) in replies {
        let stage = Stage::new([reply.forever()]);
        let variables = json!({"topic": "PROMPT"});
        let error = pollster::block_on(stage.runner.run(&planner(), variables)).expect_err(name);
        for printed in [format!("{error}"), format!("{error:?}")] {
            assert!(!printed.contains("PROMPT"), "{name}: {printed}");
            assert!(!printed.contains("ANSWER"), "{name}: {printed}");
        }
    }
}

#[test]
fn a_provider_that_panics_leaves_a_record_and_the_panic_arrives() {
    let stage = Stage::new([Reply::panic("the provider broke"), Reply::json(plan())]);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&stage, &planner())))
        .unwrap_err();
    assert_eq!(
        panic.downcast_ref::<String>().unwrap(),
        "the provider broke"
    );
    let records = stage.memory.records();
    assert_eq!(statuses(&records), [CallStatus::Failed]);
    assert_eq!(records[0].error.as_ref().unwrap().kind, ErrorKind::Internal);
    assert_eq!(records[0].attempts.len(), 1);

    run(&stage, &planner()).expect("the runner is none the worse for it");
}

// ---------------------------------------------------------------- conversations

fn chatty() -> AgentSpec {
    planner().with_mode(AgentMode::Conversational)
}

#[test]
fn a_conversation_carries_each_turn_into_the_next() {
    let stage = Stage::new([Reply::json(plan()).forever()]);
    let (mut conversation, spec) = (Conversation::new(), chatty());
    for topic in ["tides", "storms"] {
        let options = RunOptions::new().conversation(&mut conversation);
        let run = stage
            .runner
            .run_with(&spec, json!({"topic": topic}), options);
        let outcome = pollster::block_on(run).unwrap();
        assert!(outcome.conversation_id.is_some());
    }
    assert_eq!(
        contents(&stage, 1),
        [
            (Role::System, "Plan.".to_owned()),
            (Role::User, "Topic: tides".to_owned()),
            (Role::Assistant, plan().to_string()),
            (Role::User, "Topic: storms".to_owned()),
        ]
    );
    assert_eq!(conversation.turns(), 2);
    for record in stage.memory.records() {
        assert_eq!(record.conversation_id.as_deref(), Some(conversation.id()));
    }
}

#[test]
fn a_conversation_remembers_the_repaired_answer_and_not_the_repair() {
    let stage = Stage::new([bad(1), Reply::json(plan())]);
    let mut conversation = Conversation::new();
    let options = RunOptions::new().conversation(&mut conversation);
    pollster::block_on(stage.runner.run_with(&chatty(), topic(), options)).unwrap();
    assert_eq!(
        conversation.messages(),
        [
            Message::user("Topic: tides"),
            Message::assistant(plan().to_string())
        ]
    );
}

#[test]
fn a_dropped_turn_leaves_the_conversation_as_it_was() {
    let stage = Stage::new([Reply::never()]);
    let mut conversation = Conversation::new();
    let options = RunOptions::new().conversation(&mut conversation);
    pollster::block_on(poll_once_and_drop(stage.runner.run_with(
        &chatty(),
        topic(),
        options,
    )));
    assert_eq!(conversation.turns(), 0);
    assert_eq!(stage.statuses(), [CallStatus::Cancelled]);
}

#[test]
fn a_conversation_that_was_stored_goes_on() {
    let stage = Stage::new([Reply::json(plan()).forever()]);
    let mut conversation = Conversation::new();
    let options = RunOptions::new().conversation(&mut conversation);
    pollster::block_on(stage.runner.run_with(&chatty(), topic(), options)).unwrap();
    let stored = serde_json::to_string(&conversation).unwrap();
    let restored: Conversation = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, conversation);
}

#[test]
fn a_oneshot_agent_takes_no_conversation() {
    let stage = Stage::new([]);
    let mut conversation = Conversation::new();
    let options = RunOptions::new().conversation(&mut conversation);
    let error =
        pollster::block_on(stage.runner.run_with(&planner(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.hint().unwrap().contains("conversational"),
        "{error:#}"
    );
}

#[test]
fn a_conversational_pack_needs_a_user_template() {
    let stage = Stage::new([]);
    let spec = AgentSpec::new("mute", "mute", "m").with_mode(AgentMode::Conversational);
    let error = run(&stage, &spec).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    assert!(error.to_string().contains("`mute`"), "{error:#}");
    assert!(stage.script.requests().is_empty());
}

// ---------------------------------------------------------------- the log

/// Refuses starts, ends, or both.
#[derive(Debug, Clone, Copy)]
struct Broken {
    start: bool,
    end: bool,
}

impl Broken {
    fn result(fails: bool) -> duologue::Result<()> {
        if fails {
            Err(Error::new(ErrorKind::Log, "the disk is full"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl CallLogger for Broken {
    fn call_started(&self, _record: &Record) -> duologue::Result<()> {
        Self::result(self.start)
    }

    fn call_finished(&self, _record: &Record) -> duologue::Result<()> {
        Self::result(self.end)
    }

    async fn flush(&self) -> duologue::Result<()> {
        Ok(())
    }

    fn flush_blocking(&self) -> duologue::Result<()> {
        Ok(())
    }
}

fn logged_to(
    logger: impl CallLogger + 'static,
    on_error: OnError,
    script: &ScriptedProvider,
) -> AgentRunner {
    AgentRunner::builder(script.clone(), prompts())
        .logger(CallLog::new(logger).with_on_error(on_error))
        .build()
}

const FULL_DISK: Broken = Broken {
    start: true,
    end: true,
};

#[test]
fn a_log_that_must_not_fail_keeps_the_request_from_leaving() {
    let script = ScriptedProvider::new([]);
    let memory = MemoryCallLogger::new();
    let tee = TeeCallLogger::new([
        Arc::new(memory.clone()) as Arc<dyn CallLogger>,
        Arc::new(FULL_DISK),
    ]);
    let runner = logged_to(tee, OnError::Fail, &script);
    let error = pollster::block_on(runner.run(&planner(), topic())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(script.requests().is_empty());
    assert_eq!(
        statuses(&memory.records()),
        [CallStatus::Failed],
        "a logger that did keep the start hears of the end"
    );
}

#[test]
fn an_end_that_cannot_be_kept_fails_the_run_and_keeps_the_answer_in_the_ledger() {
    let script = ScriptedProvider::new([Reply::json(plan()).usage(10, 5)]);
    let logger = Broken {
        start: false,
        end: true,
    };
    let runner = logged_to(logger, OnError::Fail, &script);
    let error = pollster::block_on(runner.run(&planner(), topic())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    let call = error.ledger().last().unwrap();
    assert_eq!(
        call.raw_text,
        Some(plan().to_string()),
        "what was paid for is there"
    );
    assert_eq!(call.usage, Usage::new(10, 5));
}

#[test]
fn a_log_that_may_fail_does_not_stop_the_run() {
    let script = ScriptedProvider::new([Reply::json(plan())]);
    let runner = logged_to(FULL_DISK, OnError::Warn, &script);
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
}

// ---------------------------------------------------------------- one record per call

enum Ending {
    Itself,
    Dropped,
    Deadline,
    Token,
    Panic,
}

struct Path {
    name: &'static str,
    replies: Vec<Reply>,
    ending: Ending,
    /// Status and requests on the wire of each record.
    records: &'static [(CallStatus, usize)],
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[tokio::test(start_paused = true)]
async fn every_path_leaves_one_record_per_call() {
    use CallStatus::{Cancelled, Failed, Invalid, Refused, Succeeded, TimedOut, Truncated};
    let path = |name, replies: Vec<Reply>, ending, records| Path {
        name,
        replies,
        ending,
        records,
    };
    let paths = [
        path(
            "success",
            vec![Reply::json(plan())],
            Ending::Itself,
            &[(Succeeded, 1)],
        ),
        path(
            "success after retries",
            vec![
                Reply::status(503),
                Reply::error(ErrorKind::Unavailable),
                Reply::json(plan()),
            ],
            Ending::Itself,
            &[(Succeeded, 3)],
        ),
        path(
            "HTTP error",
            vec![Reply::status(401)],
            Ending::Itself,
            &[(Failed, 1)],
        ),
        path(
            "retries used up",
            vec![Reply::status(503).forever()],
            Ending::Itself,
            &[(Failed, 3)],
        ),
        path(
            "malformed body",
            vec![Reply::status(200).body("<html>")],
            Ending::Itself,
            &[(Failed, 1)],
        ),
        path(
            "cut body",
            vec![Reply::cut_body("{").forever()],
            Ending::Itself,
            &[(Failed, 3)],
        ),
        path(
            "invalid, then repaired",
            vec![bad(1), Reply::json(plan())],
            Ending::Itself,
            &[(Invalid, 1), (Succeeded, 1)],
        ),
        path(
            "exhausted",
            (1..=3).map(bad).collect(),
            Ending::Itself,
            &[(Invalid, 1), (Invalid, 1), (Invalid, 1)],
        ),
        path(
            "repair fails",
            vec![bad(1), Reply::status(400)],
            Ending::Itself,
            &[(Invalid, 1), (Failed, 1)],
        ),
        path(
            "truncation",
            vec![Reply::truncated("{")],
            Ending::Itself,
            &[(Truncated, 1)],
        ),
        path(
            "refusal",
            vec![Reply::refusal("no")],
            Ending::Itself,
            &[(Refused, 1)],
        ),
        path(
            "filter",
            vec![Reply::content_filtered("")],
            Ending::Itself,
            &[(Refused, 1)],
        ),
        path(
            "timeout",
            vec![Reply::error(ErrorKind::Timeout).forever()],
            Ending::Itself,
            &[(TimedOut, 3)],
        ),
        path("surplus", vec![], Ending::Itself, &[(Failed, 1)]),
        path(
            "deadline",
            vec![Reply::never()],
            Ending::Deadline,
            &[(TimedOut, 1)],
        ),
        path(
            "deadline in a repair",
            vec![bad(1), Reply::never()],
            Ending::Deadline,
            &[(Invalid, 1), (TimedOut, 1)],
        ),
        path(
            "dropped",
            vec![Reply::never()],
            Ending::Dropped,
            &[(Cancelled, 1)],
        ),
        path(
            "dropped in a repair",
            vec![bad(1), Reply::never()],
            Ending::Dropped,
            &[(Invalid, 1), (Cancelled, 1)],
        ),
        path(
            "dropped in backoff",
            vec![Reply::status(503).header("retry-after", "9")],
            Ending::Dropped,
            &[(Cancelled, 1)],
        ),
        path(
            "token",
            vec![Reply::never()],
            Ending::Token,
            &[(Cancelled, 1)],
        ),
        path(
            "panic",
            vec![Reply::panic("broken")],
            Ending::Panic,
            &[(Failed, 1)],
        ),
        path(
            "panic in a retry",
            vec![Reply::status(503), Reply::panic("broken")],
            Ending::Panic,
            &[(Failed, 2)],
        ),
    ];
    for Path {
        name,
        replies,
        ending,
        records: expected,
    } in paths
    {
        let stage = Stage::new(replies);
        end(&stage, ending, name).await;
        let records = stage.memory.records();
        let found: Vec<_> = statuses(&records)
            .into_iter()
            .zip(records.iter().map(|record| record.attempts.len()))
            .collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(
            stage.script.requests().len(),
            expected.iter().map(|(_, attempts)| attempts).sum::<usize>(),
            "{name}"
        );
        let ended = records
            .iter()
            .filter(|record| record.ends_execution == Some(true))
            .count();
        assert_eq!(ended, 1, "{name}: one call ends the execution");
        assert!(
            records
                .iter()
                .all(|record| record.execution_id == records[0].execution_id)
        );
    }
}

async fn end(stage: &Stage, ending: Ending, name: &str) {
    let (spec, token) = (planner(), CancellationToken::new());
    let second = Duration::from_secs(1);
    let run = |options| stage.runner.run_with(&spec, topic(), options);
    match ending {
        Ending::Itself => drop(run(RunOptions::new()).await),
        Ending::Dropped => {
            let result = tokio::time::timeout(second, run(RunOptions::new())).await;
            assert!(result.is_err(), "{name}");
        }
        Ending::Deadline => {
            let error = run(RunOptions::new().deadline(second)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{name}");
        }
        Ending::Token => {
            let cancel = async {
                tokio::time::sleep(second).await;
                token.cancel();
            };
            let options = RunOptions::new().cancel_on(token.clone());
            let (result, ()) = tokio::join!(run(options), cancel);
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled, "{name}");
        }
        Ending::Panic => {
            let run = std::panic::AssertUnwindSafe(run(RunOptions::new()));
            let result = futures::FutureExt::catch_unwind(run).await;
            assert!(result.is_err(), "{name}");
        }
    }
}

async fn poll_once_and_drop<F: Future>(future: F) {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

// ---------------------------------------------------------------- many at once

/// Counts the calls that are in flight at the same time.
async fn counted(now: &AtomicUsize, most: &AtomicUsize) {
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::task::yield_now().await;
    now.fetch_sub(1, Ordering::SeqCst);
}

fn counting(script: &ScriptedProvider) -> (impl Provider + 'static, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let provider = Before::new(script.clone(), move |_| {
        let (now, most) = (now.clone(), most.clone());
        async move { counted(&now, &most).await }
    });
    (provider, seen)
}

#[test]
fn many_runs_keep_to_the_concurrency_and_to_their_order() {
    let replies = (0..9).map(|n| {
        Reply::json(json!({"title": n.to_string(), "steps": ["a"]})).when(format!("topic {n}"))
    });
    let script = ScriptedProvider::new(replies);
    let (provider, most) = counting(&script);
    let runner = AgentRunner::new(provider, prompts());
    let spec = planner();
    let runs = (0..9).map(|n| (&spec, json!({"topic": format!("topic {n}")})));
    let results = pollster::block_on(runner.run_all(runs, 3));
    let titles: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap().data["title"].clone())
        .collect();
    assert_eq!(
        titles,
        (0..9).map(|n| json!(n.to_string())).collect::<Vec<_>>()
    );
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn one_slow_run_does_not_keep_the_others_from_starting() {
    let script = ScriptedProvider::new([
        Reply::json(plan())
            .when("slow")
            .delay(Duration::from_secs(10)),
        Reply::json(plan()).delay(Duration::from_secs(1)).forever(),
    ]);
    let runner = AgentRunner::new(script, prompts());
    let spec = planner();
    let runs = (0..9).map(|n| {
        (
            &spec,
            json!({"topic": if n == 0 { "slow" } else { "fast" }}),
        )
    });
    let started = tokio::time::Instant::now();
    let results = runner.run_all(runs, 2).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(
        started.elapsed().as_secs(),
        10,
        "eight seconds of work fit beside the slow one"
    );
}

#[test]
fn one_failure_among_many_stops_nobody() {
    let stage = Stage::new([Reply::status(401).when("b"), Reply::json(plan()).forever()]);
    let spec = planner();
    let runs = ["a", "b", "c"].map(|topic| (&spec, json!({"topic": topic})));
    let results = pollster::block_on(stage.runner.run_all(runs, 0));
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, true, false]);
}

#[test]
fn the_limit_of_the_runner_holds_over_all_its_clones() {
    let script = ScriptedProvider::new([Reply::json(plan()).forever()]);
    let (provider, most) = counting(&script);
    let runner = AgentRunner::builder(provider, prompts())
        .max_in_flight(2)
        .build();
    let spec = planner();
    let runs = (0..6).map(|_| {
        let runner = runner.clone();
        let spec = &spec;
        async move { runner.run(spec, topic()).await }
    });
    let results = pollster::block_on(futures::future::join_all(runs));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_gives_its_slot_back() {
    let script = ScriptedProvider::new([Reply::never(), Reply::json(plan())]);
    let runner = AgentRunner::builder(script, prompts())
        .max_in_flight(1)
        .build();
    let spec = planner();
    let dropped = tokio::time::timeout(Duration::from_secs(1), runner.run(&spec, topic())).await;
    assert!(dropped.is_err());
    runner.run(&spec, topic()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_holds_no_slot_while_it_backs_off() {
    let script = ScriptedProvider::new([
        Reply::status(503)
            .header("retry-after", "20")
            .when("limited"),
        Reply::json(plan()).forever(),
    ]);
    let runner = AgentRunner::builder(script, prompts())
        .retry(RetryPolicy::default())
        .max_in_flight(1)
        .build();
    let spec = planner();
    let started = tokio::time::Instant::now();
    let other = async {
        let outcome = runner.run(&spec, topic()).await;
        (outcome, started.elapsed())
    };
    let (limited, (other, after)) =
        tokio::join!(runner.run(&spec, json!({"topic": "limited"})), other);
    assert!(limited.is_ok() && other.is_ok());
    assert_eq!(after, Duration::ZERO);
    assert!(started.elapsed() >= Duration::from_secs(20));
}

#[test]
fn retries_are_made_by_the_runner_alone() {
    let stage = Stage::new([Reply::status(503).forever()]);
    let error = run(&stage, &planner()).unwrap_err();
    assert_eq!(stage.script.requests().len(), 3, "{:?}", quick());
    assert!(error.is_retryable());
    assert!(error.to_string().contains("3 attempts"), "{error}");
}
