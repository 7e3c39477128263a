//! Spans: their tree, their names, how each ends, and that they hold no content unasked.

use std::time::Duration;

use duologue::agent::{AgentMode, Conversation, RunOptions};
use duologue::job::{Job, JobOverrides, JobStatus};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::telemetry::{TelemetryContent, names};
use duologue::{AgentRunner, AgentSpec, blocking};
use futures::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::spans::Listening;
use crate::support::{Stage, current_thread, plan, planner, prompts, quick, topic};

const SHOWN: [&str; 7] = [
    "otel.name",
    names::GEN_AI_USAGE_INPUT_TOKENS,
    names::ATTEMPT,
    names::TRANSPORT_ATTEMPTS,
    names::GEN_AI_RESPONSE_FINISH_REASONS,
    names::ERROR_TYPE,
    "otel.status_code",
];

#[test]
fn a_job_is_a_tree_of_spans_from_the_run_to_the_call() {
    let folder = crate::support::folder();
    let overrides = JobOverrides {
        output_dir: Some(folder.path().to_owned()),
        run_id: Some("demo".to_owned()),
        ..JobOverrides::default()
    };
    let job = Job::load("examples/jobs/quickstart.yaml", &overrides).unwrap();
    let listening = Listening::start();

    let report = current_thread().block_on(job.run(&CancellationToken::new(), &|_| ()));

    assert_eq!(report.unwrap().status, JobStatus::Succeeded);
    insta::assert_snapshot!(listening.tree(&SHOWN));
    for span in listening.spans(names::CHAT) {
        assert_eq!(span.get(names::RUN_ID), "demo");
        assert_eq!(span.target, names::TARGET_CALL);
        assert!(span.get(names::CALL_ID).starts_with("call_"));
    }
}

#[test]
fn a_repair_a_retry_and_an_error_are_told_where_they_happen() {
    let stage = Stage::new([
        Reply::status(503),
        Reply::json(json!({"title": "no steps"})).usage(40, 6),
        Reply::refusal("never"),
    ]);
    let listening = Listening::start();

    let error = current_thread().block_on(stage.runner.run(&planner(), topic()));

    assert!(error.is_err());
    insta::assert_snapshot!(listening.tree(&SHOWN));
}

#[test]
fn a_chat_span_holds_what_the_record_holds() {
    let stage = Stage::new([Reply::json(plan()).usage(40, 6)]);
    let mut spec = planner();
    spec.mode = AgentMode::Conversational;
    spec.temperature = Some(0.5);
    spec.max_output_tokens = Some(900);
    let mut conversation = Conversation::new();
    let options = RunOptions::new()
        .conversation(&mut conversation)
        .iteration(2)
        .parent_call("call_before")
        .job("job_7")
        .document("doc_9");
    let listening = Listening::start();

    current_thread()
        .block_on(stage.runner.run_with(&spec, topic(), options))
        .unwrap();

    let record = &stage.memory.records()[0];
    let span = &listening.spans(names::CHAT)[0];
    let expected = [
        ("otel.kind", "client"),
        (names::GEN_AI_OPERATION_NAME, "chat"),
        (names::GEN_AI_PROVIDER_NAME, "scripted"),
        (names::GEN_AI_REQUEST_MODEL, "gpt-5-mini"),
        (names::GEN_AI_REQUEST_TEMPERATURE, "0.5"),
        (names::GEN_AI_REQUEST_MAX_TOKENS, "900"),
        (names::GEN_AI_AGENT_NAME, "planner"),
        (names::GEN_AI_CONVERSATION_ID, conversation.id()),
        (names::GEN_AI_USAGE_INPUT_TOKENS, "40"),
        (names::GEN_AI_USAGE_OUTPUT_TOKENS, "6"),
        (names::COST_USD, "2.2e-5"),
        (names::CALL_ID, &record.call_id),
        (names::EXECUTION_ID, &record.execution_id),
        (names::RUN_ID, &record.run_id),
        (names::PARENT_CALL_ID, "call_before"),
        (names::JOB_ID, "job_7"),
        (names::DOCUMENT_ID, "doc_9"),
        (names::ITERATION, "2"),
        (names::ERROR_TYPE, ""),
    ];
    for (name, value) in expected {
        assert_eq!(span.get(name), value, "{name}");
    }
    let around = &listening.spans(names::INVOKE_AGENT)[0];
    assert_eq!(around.get(names::EXECUTION_ID), record.execution_id);
    assert_eq!(around.get(names::GEN_AI_USAGE_INPUT_TOKENS), "");
}

#[test]
fn spans_are_children_of_the_callers_in_every_face_and_side_by_side() {
    let listening = Listening::start();
    let stage = Stage::new([Reply::json(plan()).forever()]);
    let (runner, spec) = (&stage.runner, planner());
    let caller = tracing::info_span!("caller");

    caller.in_scope(|| {
        let sync = blocking::AgentRunner::from(runner.clone());
        sync.run(&spec, topic()).unwrap();
        let runtime = current_thread();
        let two = || (0..2).map(|_| runner.run(&spec, topic()));
        runtime.block_on(join_all(two()));
        runtime.block_on(runner.run_all((0..2).map(|_| (&spec, topic())), 2));
    });

    let agents = listening.spans(names::INVOKE_AGENT);
    let chats = listening.spans(names::CHAT);
    assert_eq!((agents.len(), chats.len()), (5, 5));
    let root = caller.id().unwrap().into_u64();
    assert!(agents.iter().all(|agent| agent.parent == root));
    for chat in chats {
        let id = chat.get(names::EXECUTION_ID);
        let own = |told: &&crate::support::spans::Told| told.get(names::EXECUTION_ID) == id;
        let agent = agents.iter().find(own).unwrap();
        assert_eq!(chat.parent, agent.id);
    }
}

#[test]
fn a_run_that_is_dropped_cancelled_or_panics_closes_its_spans_with_the_reason() {
    let ends = |reply: Reply, run: &dyn Fn(&AgentRunner)| {
        let stage = Stage::new([reply]);
        let listening = Listening::start();
        run(&stage.runner);
        listening.tree(&["error.type"])
    };

    let dropped = ends(Reply::never(), &|runner| {
        let limited = async {
            let short = Duration::from_millis(1);
            let spec = planner();
            assert!(
                tokio::time::timeout(short, runner.run(&spec, topic()))
                    .await
                    .is_err()
            );
        };
        current_thread().block_on(limited);
    });
    let cancelled = ends(Reply::never(), &|runner| {
        let token = CancellationToken::new();
        let options = RunOptions::new().cancel_on(token.clone());
        let spec = planner();
        let run = runner.run_with(&spec, topic(), options);
        let both = async { tokio::join!(run, async { token.cancel() }) };
        assert!(current_thread().block_on(both).0.is_err());
    });
    let panicked = ends(Reply::panic("a defect"), &|runner| {
        let run = || current_thread().block_on(runner.run(&planner(), topic()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    });

    let tree = |kind: &str| format!("invoke_agent error.type={kind}\n  chat error.type={kind}\n");
    assert_eq!(dropped, tree("cancelled"));
    assert!(cancelled.starts_with(&tree("cancelled")), "{cancelled}");
    assert_eq!(panicked, tree("internal"));
}

#[test]
fn an_agent_that_cannot_begin_has_a_span_without_calls() {
    let stage = Stage::new([]);
    let listening = Listening::start();

    let missing = current_thread().block_on(stage.runner.run(&planner(), json!({})));

    assert!(missing.is_err());
    assert_eq!(
        listening.tree(&["error.type"]),
        "invoke_agent error.type=prompt\n"
    );
}

/// A secret in the prompt and one in the answer, both of a known shape.
const PROMPT_SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const ANSWER_SECRET: &str = "AKIAIOSFODNN7EXAMPLQ";

fn talkative(builder: duologue::agent::AgentRunnerBuilder) -> AgentRunner {
    builder.retry(quick()).build()
}

fn speak(runner: &AgentRunner) {
    let spec = AgentSpec::new("planner", "planner", "gpt-5-mini");
    let topic = json!({"topic": format!("the confidential tides {PROMPT_SECRET}")});
    let done = current_thread().block_on(runner.run(&spec, topic));
    assert!(done.is_ok());
}

fn script() -> ScriptedProvider {
    let answer = json!({"title": format!("confidential answer {ANSWER_SECRET}")});
    ScriptedProvider::new([
        Reply::status(429).body("confidential failure"),
        Reply::text("confidential nonsense"),
        Reply::json(answer).thinking("confidential thoughts"),
    ])
}

#[test]
fn without_the_switch_no_prompt_and_no_answer_is_told_at_any_level() {
    let listening = Listening::start();

    speak(&talkative(AgentRunner::builder(script(), prompts())));

    let all = format!("{:#?}", listening.told());
    assert_eq!(listening.spans(names::CHAT).len(), 2);
    assert!(!all.contains("confidential"), "{all}");
    assert!(!all.contains("Topic:") && !all.contains("Plan."), "{all}");
}

#[test]
fn with_the_switch_messages_and_answers_are_told_after_the_sanitizer() {
    let listening = Listening::start();

    let builder = AgentRunner::builder(script(), prompts());
    speak(&talkative(
        builder.telemetry_content(TelemetryContent::Sanitized),
    ));

    let chats = listening.spans(names::CHAT);
    let last = chats.last().unwrap();
    let input = last.get(names::GEN_AI_INPUT_MESSAGES);
    let input: serde_json::Value = serde_json::from_str(input).unwrap();
    assert_eq!(input[0]["role"], "system");
    assert_eq!(
        input[1],
        json!({"role": "user", "parts": [
            {"type": "text", "content": "Topic: the confidential tides <REDACTED:github-token>"},
        ]})
    );
    let output = last.get(names::GEN_AI_OUTPUT_MESSAGES);
    let output: serde_json::Value = serde_json::from_str(output).unwrap();
    assert_eq!(output[0]["role"], "assistant");
    assert!(
        output
            .to_string()
            .contains("confidential answer <REDACTED:"),
        "{output}"
    );
    let all = format!("{:#?}", listening.told());
    assert!(!all.contains(PROMPT_SECRET) && !all.contains(ANSWER_SECRET));
}

/// Over HTTP, where the crates below us speak to `tracing` as well.
#[cfg(feature = "http")]
#[test]
fn over_http_the_server_is_told_and_still_no_content() {
    use crate::support::over_http;
    use crate::support::server::{Answer, Server};

    let server = Server::start(|_| Answer::text("{\"title\": \"confidential answer\"}"));
    let listening = Listening::start();

    speak(&talkative(AgentRunner::builder(
        over_http(&server),
        prompts(),
    )));

    let chat = &listening.spans(names::CHAT)[0];
    assert_eq!(chat.get(names::SERVER_ADDRESS), "127.0.0.1");
    let port = chat.get(names::SERVER_PORT);
    assert!(server.base_url().contains(&format!(":{port}/")), "{port}");
    assert_ne!(chat.get(names::FIRST_BYTE_MS), "");
    let all = format!("{:#?}", listening.told());
    assert!(!all.contains("confidential"), "{all}");
}
