use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use duologue::agent::RunOptions;
use duologue::blocking;
use duologue::call_log::LlmLogging;
use duologue::lifecycle::{Phase, Subject};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::replay::ReplayProvider;
use futures::StreamExt as _;
use serde_json::json;

use super::Heard;
use crate::log_support::open;
use crate::support::{Before, folder, plan, planner, topic};

/// A retry, an answer that is repaired, a retry again, and the answer.
fn replies() -> Vec<Reply> {
    vec![
        Reply::status(503),
        Reply::json(json!({"title": "no steps"})).usage(10, 5),
        Reply::status(429),
        Reply::json(plan()).usage(20, 10),
    ]
}

const TOLD: [&str; 7] = [
    "call started 1",
    "call retried 2: unavailable",
    "call failed 1: invalid_answer",
    "call retried 2: invalid_answer",
    "call started 2",
    "call retried 2: rate_limited",
    "call finished 2",
];

#[test]
fn a_call_is_told_with_what_its_record_knows() {
    let mut heard = Heard::new([Reply::json(plan()).usage(20, 10)]);
    let options = RunOptions::new().document("tides").stage("plan");
    pollster::block_on(heard.runner.run_with(&planner(), topic(), options)).unwrap();

    let told = heard.told();
    let record = &heard.memory.records()[0];
    let [started, finished] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (started.phase, finished.phase),
        (Phase::Started, Phase::Finished)
    );
    for event in [started, finished] {
        assert_eq!(event.subject, Subject::Call);
        assert_eq!(event.run_id, record.run_id);
        assert_eq!(event.call_id.as_ref(), Some(&record.call_id));
        assert_eq!(event.agent.as_deref(), Some("planner"));
        assert_eq!(event.model.as_deref(), Some("gpt-5-mini"));
        assert_eq!(event.document_id.as_deref(), Some("tides"));
        assert_eq!(event.stage.as_deref(), Some("plan"));
        assert!(event.time.ends_with('Z'), "{event:?}");
    }
    assert_eq!(record.stage.as_deref(), Some("plan"));
    assert_eq!(
        (finished.usage, finished.cost_usd),
        (record.usage, record.cost_usd)
    );
    assert!(finished.duration_ms.is_some() && finished.cost_usd.is_some());
}

#[test]
fn each_retry_on_the_wire_and_each_repair_is_told() {
    let mut heard = Heard::new(replies());
    pollster::block_on(heard.runner.run(&planner(), topic())).unwrap();
    let told = heard.told();
    let calls: Vec<_> = told.iter().map(|event| event.call_id.as_deref()).collect();
    let records = heard.memory.records();
    let [first, second] = [0, 1].map(|place| Some(&*records[place].call_id));
    assert_eq!(calls, [first, first, first, first, second, second, second]);
    let short: Vec<String> = told.iter().map(|event| super::in_short(event)).collect();
    assert_eq!(short, TOLD);
}

#[test]
fn streamed_blocking_and_replayed_runs_tell_the_same() {
    let mut streamed = Heard::new(replies());
    let events = streamed.runner.stream(&planner(), topic());
    let _ = pollster::block_on(events.collect::<Vec<_>>());
    assert_eq!(streamed.in_short(), TOLD);

    let mut blocking = Heard::new(replies());
    let runner = blocking::AgentRunner::from(blocking.runner.clone());
    runner.run(&planner(), topic()).unwrap();
    assert_eq!(blocking.in_short(), TOLD);

    let folder = folder();
    let log = open(folder.path(), "first", LlmLogging::default());
    let recorded = Heard::with(ScriptedProvider::new(replies()), |builder| {
        builder.logger(log)
    });
    pollster::block_on(recorded.runner.run(&planner(), topic())).unwrap();
    let recording = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let mut replayed = Heard::asking(recording);
    pollster::block_on(replayed.runner.run(&planner(), topic())).unwrap();
    assert_eq!(replayed.in_short(), TOLD);
}

#[test]
fn a_call_that_fails_for_good_says_why() {
    let mut heard = Heard::new([Reply::status(401)]);
    pollster::block_on(heard.runner.run(&planner(), topic())).unwrap_err();
    let told = heard.told();
    let error = told[1].error.as_ref().unwrap();
    assert_eq!(error.kind.as_str(), "auth");
    assert_eq!(error.message, "it failed after 1 attempt (HTTP 401)");
}

#[test]
fn a_call_that_is_dropped_fails_as_cancelled_once_its_record_is_there() {
    let script = ScriptedProvider::new([Reply::json(plan())]);
    let mut heard = Heard::asking(Before::new(script, |_| pending()));
    let runner = heard.runner.clone();
    let agent = planner();
    {
        let mut run = pin!(runner.run(&agent, topic()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(run.as_mut().poll(&mut context), Poll::Pending));
        assert_eq!(heard.in_short(), ["call started 1"]);
    }
    assert_eq!(heard.in_short(), ["call failed 1: cancelled"]);
    assert_eq!(heard.memory.records().len(), 1);
}

#[test]
fn no_event_holds_a_prompt_an_answer_a_servers_words_or_a_key() {
    let key = format!("sk-proj-{}", "a1B2c3D4e5F6".repeat(4));
    let mut heard = Heard::new([
        Reply::status(503).body("{\"error\": {\"message\": \"Seestern\"}}"),
        Reply::json(json!({"Seepferd": "Seestern"})),
        Reply::text("Seestern"),
        Reply::status(400).body("{\"error\": {\"message\": \"Seestern\"}}"),
    ]);
    let options = RunOptions::new().document(format!("id {key}"));
    let (agent, topic) = (planner(), json!({"topic": "Seestern"}));
    let run = heard.runner.run_with(&agent, topic, options);
    pollster::block_on(run).unwrap_err();
    let told = heard.told();
    assert!(told.len() > 6, "{told:?}");
    let text =
        serde_json::to_string(&told.iter().map(|event| &**event).collect::<Vec<_>>()).unwrap();
    assert!(text.contains("REDACTED:"), "{text}");
    for content in ["Seestern", "Seepferd", &key] {
        assert!(!text.contains(content), "{text}");
    }
}
