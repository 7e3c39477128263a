//! A stream that breaks for good, stalls or comes too late leaves its text and its tokens.

use std::time::Duration;

use duologue::ErrorKind;
use duologue::agent::{Budget, RunOptions};
use duologue::attempt::PartialAnswer;
use duologue::call_log::CallStatus;
use duologue::chat::{Delta, Usage};
use duologue::provider::Reply;

use super::{in_short, told};
use crate::support::{Stage, plan, planner, quick, topic};

fn broken() -> Reply {
    Reply::json(plan()).usage(10, 5).breaks_after("\"Tides\"")
}

#[test]
fn a_stream_that_breaks_for_good_leaves_what_came_in_record_and_ledger() {
    let stage = Stage::new([broken(), broken(), broken()]);
    let budget = Budget::new();
    let options = RunOptions::new().budget(budget.clone());
    let events = told(
        stage
            .runner
            .stream_with(&planner(), topic(), options)
            .without_partial_json(),
    );
    assert_eq!(
        in_short(&events),
        [
            "started",
            "call 1",
            "text: {\"title\":\"Tides\"",
            "restarted",
            "text: {\"title\":\"Tides\"",
            "restarted",
            "text: {\"title\":\"Tides\"",
            "error unavailable",
        ]
    );
    let error = events.into_iter().last().unwrap().unwrap_err();
    let call = error.ledger().last().unwrap();
    assert_eq!(call.raw_text.as_deref(), Some("{\"title\":\"Tides\""));
    assert_eq!(call.usage.output_tokens, Some(4));
    assert!(call.usage.estimated && call.usage.input_tokens > Some(0) && call.cost.is_some());

    let record = &stage.memory.records()[0];
    assert_eq!(record.status, Some(CallStatus::Failed));
    assert_eq!(record.raw_answer, call.raw_text);
    assert_eq!((record.usage, record.cost_usd), (call.usage, call.cost));
    assert_eq!(Some(budget.spending().tokens), call.usage.total_tokens());
    assert_eq!(Some(budget.spending().cost), call.cost);
}

#[test]
fn the_text_of_an_earlier_attempt_is_kept_when_the_later_ones_bring_none() {
    let stage = Stage::new([broken(), Reply::status(401)]);
    let error = pollster::block_on(stage.runner.stream(&planner(), topic()).outcome()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    let record = &stage.memory.records()[0];
    assert_eq!(record.raw_answer.as_deref(), Some("{\"title\":\"Tides\""));
    assert!(record.usage.estimated);
}

#[test]
fn what_the_server_told_of_its_tokens_is_not_estimated() {
    use duologue::attempt::{Attempts, WireCapture};

    let attempts = Attempts::new(WireCapture::Off);
    assert_eq!(attempts.remains(), None);
    attempts.estimate_input(100);
    attempts.receive(&Delta::Text("0123456789"));
    attempts.receive(&Delta::Usage(Usage::new(90, 8)));
    let PartialAnswer { usage, .. } = attempts.remains().unwrap();
    assert_eq!(usage, Usage::new(90, 8));

    // A server that begins by telling of one token does not mean that it was the last one.
    attempts.receive(&Delta::Usage(Usage::new(90, 1)));
    let usage = attempts.remains().unwrap().usage;
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(90), Some(3))
    );
    assert!(usage.estimated);
}

#[test]
fn a_deadline_in_the_middle_of_a_stream_leaves_what_came() {
    let stage = Stage::new([Reply::json(plan()).stalls_after("moon")]);
    let options = RunOptions::new().deadline(Duration::from_millis(200));
    let events = told(
        stage
            .runner
            .stream_with(&planner(), topic(), options)
            .without_partial_json(),
    );
    let short = in_short(&events);
    assert_eq!(
        short[2..],
        [
            "text: {\"title\":\"Tides\",\"steps\":[\"moon",
            "error deadline_exceeded"
        ]
    );
    let record = &stage.memory.records()[0];
    assert_eq!(record.status, Some(CallStatus::TimedOut));
    assert!(record.raw_answer.as_deref().unwrap().ends_with("moon"));
    assert!(record.usage.estimated);
}

#[test]
fn without_a_stream_such_replies_fail_like_a_cut_body() {
    let stage = Stage::new([broken(), Reply::json(plan())]);
    let outcome = pollster::block_on(stage.runner.run(&planner(), topic())).unwrap();
    assert_eq!(outcome.data, plan());
    let record = &stage.memory.records()[0];
    assert_eq!(record.attempts[0].error, Some(ErrorKind::Unavailable));
    assert!(!record.streamed && record.first_token_ms.is_none() && !record.usage.estimated);
}

#[test]
fn a_panic_in_the_middle_of_a_stream_ends_it() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use futures::StreamExt as _;

    let stage = Stage::new([Reply::panic("broken")]);
    let mut events = stage.runner.stream(&planner(), topic());
    let mut next = || pollster::block_on(events.next());
    let panic = catch_unwind(AssertUnwindSafe(|| while next().is_some() {}));
    assert_eq!(
        panic.unwrap_err().downcast_ref::<String>().unwrap(),
        "broken"
    );
    while let Some(event) = next() {
        event.unwrap();
    }
    assert_eq!(stage.statuses(), [CallStatus::Failed]);
}

#[test]
fn the_minimal_level_has_the_tokens_and_not_the_text() {
    use duologue::AgentRunner;
    use duologue::call_log::{CallLog, LogLevel, MemoryCallLogger};

    let memory = MemoryCallLogger::new();
    let log = CallLog::new(memory.clone()).with_level(LogLevel::Minimal);
    let script = duologue::provider::ScriptedProvider::new([broken()]);
    let runner = AgentRunner::builder(script, crate::support::prompts())
        .logger(log)
        .retry(quick().with_max_retries(0))
        .build();
    pollster::block_on(runner.stream(&planner(), topic()).outcome()).unwrap_err();
    let record = &memory.records()[0];
    assert_eq!(record.raw_answer, None);
    assert_eq!(record.usage.output_tokens, Some(4));
    assert!(record.streamed);
}
