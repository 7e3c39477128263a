//! Runs that end while tools run, or right after.

use std::time::Duration;

use duologue::ErrorKind;
use duologue::agent::{Budget, RunOptions};
use duologue::call_log::{CallStatus, ToolStatus};
use duologue::error::ToolFailure;
use duologue::provider::Reply;
use duologue::tool::ToolError;
use futures::FutureExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Harbour, LONG, agent, answer, ask_tides, tool};
use crate::support::{in_time, statuses, topic};

/// `tides`, and a tool that never ends.
fn stuck() -> Harbour {
    Harbour::with(
        |set| set.tool(tool("sleep", std::future::pending)).timeout(LONG),
        [
            ask_tides("Dover").and_tool_call("sleep", json!({})),
            answer(),
        ],
    )
}

fn tool_statuses(harbour: &Harbour) -> Vec<ToolStatus> {
    let tools = harbour.tools();
    tools.iter().map(|tool| tool.status.unwrap()).collect()
}

/// The record of the call that could not be made, last of all.
fn assert_ended(harbour: &Harbour, expected: &[CallStatus], kind: ErrorKind) {
    let records = harbour.memory.records();
    assert_eq!(statuses(&records), expected);
    let last = records.last().unwrap();
    assert_eq!(last.error.as_ref().unwrap().kind, kind);
    assert_eq!(last.ends_execution, Some(true));
    assert!(last.attempts.is_empty() && last.messages.is_empty());
    let ends = records
        .iter()
        .filter(|record| record.ends_execution == Some(true));
    assert_eq!(ends.count(), 1);
}

#[test]
fn cancelling_drops_the_tools_and_records_them() {
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone();
    let harbour = Harbour::with(
        |set| {
            set.timeout(LONG).tool(tool("sleep", move || {
                cancelled.cancel();
                std::future::pending()
            }))
        },
        [
            ask_tides("Dover").and_tool_call("sleep", json!({})),
            answer(),
        ],
    );
    let options = RunOptions::new().cancel_on(cancel);
    let error =
        pollster::block_on(harbour.runner.run_with(&agent(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(
        tool_statuses(&harbour),
        [ToolStatus::Succeeded, ToolStatus::Cancelled]
    );
    let expected = [CallStatus::Succeeded, CallStatus::Cancelled];
    assert_ended(&harbour, &expected, ErrorKind::Cancelled);
    let reported: Vec<_> = error.ledger().tools().map(|tool| tool.status).collect();
    assert_eq!(reported, tool_statuses(&harbour));
}

#[test]
fn a_dropped_run_leaves_cancelled_tools_and_one_end() {
    let harbour = stuck();
    assert!(
        harbour
            .runner
            .run(&agent(), topic())
            .now_or_never()
            .is_none()
    );
    assert_eq!(
        tool_statuses(&harbour),
        [ToolStatus::Succeeded, ToolStatus::Cancelled]
    );
    let expected = [CallStatus::Succeeded, CallStatus::Cancelled];
    assert_ended(&harbour, &expected, ErrorKind::Cancelled);
}

#[test]
fn the_deadline_of_the_run_covers_its_tools() {
    let (harbour, error) = in_time(|| {
        let harbour = stuck();
        let options = RunOptions::new().deadline(Duration::from_millis(50));
        let spec = agent();
        let run = harbour.runner.run_with(&spec, topic(), options);
        let error = pollster::block_on(run).unwrap_err();
        (harbour, error)
    });
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let last = harbour.tools().pop().unwrap();
    assert_eq!(last.status, Some(ToolStatus::TimedOut));
    assert_eq!(last.error.unwrap().kind, ToolFailure::DeadlineExceeded);
    let expected = [CallStatus::Succeeded, CallStatus::TimedOut];
    assert_ended(&harbour, &expected, ErrorKind::DeadlineExceeded);
}

#[test]
fn a_fatal_tool_ends_the_run_with_its_ledger() {
    let harbour = Harbour::with(
        |set| {
            set.timeout(LONG)
                .tool(tool("sleep", std::future::pending))
                .tool(tool("sink", || async {
                    Err(ToolError::fatal("the ship sank"))
                }))
        },
        [
            ask_tides("Dover")
                .and_tool_call("sleep", json!({}))
                .and_tool_call("sink", json!({})),
            answer(),
        ],
    );
    let error = harbour.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool);
    assert_eq!(
        format!("{error:#}"),
        "agent `planner`: tool `sink` ended the run: the ship sank"
    );
    let reported: Vec<_> = error.ledger().tools().map(|tool| tool.error).collect();
    assert_eq!(
        reported,
        [None, Some(ToolFailure::Cancelled), Some(ToolFailure::Fatal)]
    );
    let expected = [CallStatus::Succeeded, CallStatus::Failed];
    assert_ended(&harbour, &expected, ErrorKind::Tool);
}

#[test]
fn nothing_is_done_for_a_call_that_the_budget_does_not_cover() {
    let harbour = Harbour::new([ask_tides("Dover").usage(900, 50), answer()]);
    let options = RunOptions::new().budget(Budget::new().tokens(1_000));
    let error =
        pollster::block_on(harbour.runner.run_with(&agent(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    assert_eq!((harbour.called(), harbour.tools().len()), (0, 0));
    let records = harbour.memory.records();
    assert_eq!(statuses(&records), [CallStatus::Failed]);
    assert_eq!(records[0].ends_execution, Some(true));
}

#[test]
fn results_that_the_budget_does_not_cover_end_the_run() {
    let long = tool("long", || async { Ok("x".repeat(8_000)) });
    let harbour = Harbour::with(
        |set| set.tool(long),
        [Reply::tool_call("long", json!({})).usage(100, 10), answer()],
    );
    let options = RunOptions::new().budget(Budget::new().tokens(1_000));
    let error =
        pollster::block_on(harbour.runner.run_with(&agent(), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    assert_eq!(tool_statuses(&harbour), [ToolStatus::Succeeded]);
    let expected = [CallStatus::Succeeded, CallStatus::Failed];
    assert_ended(&harbour, &expected, ErrorKind::BudgetExhausted);
}
