//! Dropping a stream, or cancelling it, at any moment.

use duologue::ErrorKind;
use duologue::agent::{Budget, RunOptions};
use duologue::call_log::CallStatus;
use duologue::provider::Reply;
use futures::StreamExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{in_short, is_text, read_until};
use crate::support::{Stage, plan, planner, topic};

/// A broken answer, a retry in its repair, and the answer: every kind of event but those of tools.
fn replies() -> Vec<Reply> {
    vec![
        Reply::json(json!({"title": "bad"})).usage(10, 5),
        Reply::json(plan()).breaks_after("Ti"),
        Reply::json(plan()).usage(20, 10),
    ]
}

#[test]
fn a_stream_that_is_dropped_leaves_its_text_and_estimated_tokens() {
    let stage = Stage::new([Reply::json(plan()).usage(10, 5).chunks_of(8)]);
    let budget = Budget::new();
    let options = RunOptions::new().budget(budget.clone());
    let mut events = stage.runner.stream_with(&planner(), topic(), options);
    assert!(read_until(&mut events, is_text));
    assert!(read_until(&mut events, is_text));
    assert_eq!(stage.memory.records()[0].status, None);
    drop(events);

    let record = &stage.memory.records()[0];
    assert_eq!(record.status, Some(CallStatus::Cancelled));
    assert_eq!(record.raw_answer.as_deref(), Some("{\"title\":\"Tides\""));
    assert!(record.usage.estimated && record.usage.input_tokens > Some(0));
    assert_eq!(record.usage.output_tokens, Some(4));
    let spending = budget.spending();
    assert_eq!(Some(spending.tokens), record.usage.total_tokens());
    assert_eq!(spending.reserved_tokens, 0);
    assert_eq!(Some(spending.cost), record.cost_usd);
    assert_eq!(record.attempts[0].error, Some(ErrorKind::Cancelled));
}

/// How many events a whole run has.
fn all_events() -> usize {
    let stage = Stage::new(replies());
    pollster::block_on(stage.runner.stream(&planner(), topic()).count())
}

#[test]
fn a_stream_may_be_dropped_after_any_event() {
    let count = all_events();
    assert!(count > 15, "{count}");
    for taken in 0..=count {
        let stage = Stage::new(replies());
        let budget = Budget::new();
        let options = RunOptions::new().budget(budget.clone());
        let mut events = stage.runner.stream_with(&planner(), topic(), options);
        for _ in 0..taken {
            pollster::block_on(events.next()).unwrap().unwrap();
        }
        drop(events);
        // Every call that began has ended, and nothing stays reserved.
        let statuses = stage.statuses();
        assert_eq!(
            statuses.len(),
            stage.script.requests().len().min(2),
            "{taken}"
        );
        assert_eq!(budget.spending().reserved_tokens, 0, "{taken}");
        if taken == count {
            assert_eq!(statuses, [CallStatus::Invalid, CallStatus::Succeeded]);
        }
    }
}

#[test]
fn a_token_may_be_cancelled_after_any_event() {
    let count = all_events();
    for taken in 0..count {
        let stage = Stage::new(replies());
        let token = CancellationToken::new();
        let options = RunOptions::new().cancel_on(token.clone());
        let mut events = stage.runner.stream_with(&planner(), topic(), options);
        for _ in 0..taken {
            pollster::block_on(events.next()).unwrap().unwrap();
        }
        token.cancel();
        match pollster::block_on(events.outcome()) {
            Ok(outcome) => assert_eq!(outcome.data, plan()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{taken}");
                let records = stage.memory.records();
                assert_eq!(error.ledger().calls.len(), records.len(), "{taken}");
                for (call, record) in error.ledger().calls.iter().zip(&records) {
                    assert_eq!(call.raw_text, record.raw_answer, "{taken}");
                    assert_eq!((call.usage, call.cost), (record.usage, record.cost_usd));
                }
            }
        }
    }
}

#[test]
fn nothing_happens_while_nobody_polls_and_the_rest_comes_later() {
    let stage = Stage::new([Reply::json(plan()).chunks_of(4)]);
    let mut idle = stage.runner.stream(&planner(), topic());
    assert_eq!(stage.script.requests().len(), 0);
    assert!(read_until(&mut idle, is_text));

    let rest = pollster::block_on(idle.collect::<Vec<_>>());
    assert!(in_short(&rest).last().unwrap().starts_with("finished"));
}
