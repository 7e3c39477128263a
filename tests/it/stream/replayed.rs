//! Streamed runs as replays: told again, broken again, and answered whole where nobody streams.

use std::path::PathBuf;

use duologue::call_log::{LlmLogging, Record, RunLog};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::replay::ReplayProvider;
use duologue::{AgentRunner, ErrorKind};

use super::{in_short, shown, told};
use crate::log_support::open;
use crate::support::{Folder, folder, plan, planner, prompts, quick, topic};

/// A runner whose records go to `run` below `folder`.
fn runner(
    folder: &Folder,
    run: &str,
    provider: impl duologue::provider::Provider + 'static,
) -> AgentRunner {
    AgentRunner::builder(provider, prompts())
        .logger(open(folder.path(), run, LlmLogging::default()))
        .retry(quick())
        .build()
}

/// A streamed run that these replies gave.
fn recorded(folder: &Folder, replies: Vec<Reply>) -> PathBuf {
    let runner = runner(folder, "first", ScriptedProvider::new(replies));
    let _ = pollster::block_on(runner.stream(&planner(), topic()).outcome());
    runner.log().flush_blocking().unwrap();
    folder.path().join("first")
}

fn record(folder: &Folder, run: &str) -> Record {
    let mut records = RunLog::open(folder.path().join(run))
        .unwrap()
        .into_records();
    records.remove(0)
}

#[test]
fn a_streamed_run_is_told_again_in_pieces() {
    let folder = folder();
    let run = recorded(&folder, vec![Reply::json(plan()).usage(4, 5)]);
    let runner = runner(&folder, "second", ReplayProvider::from_run(run).unwrap());
    let events = told(runner.stream(&planner(), topic()).without_partial_json());
    let answer = plan();
    assert_eq!(
        in_short(&events),
        [
            "started".to_owned(),
            "call 1".to_owned(),
            format!("text: {answer}"),
            "usage 9".to_owned(),
            format!("finished {answer}"),
        ]
    );
    assert!(events.len() > 5, "one piece alone");
}

#[test]
fn a_stream_that_broke_fails_again_and_leaves_the_same() {
    let folder = folder();
    let broken = || Reply::json(plan()).breaks_after("Tides");
    let run = recorded(&folder, vec![broken(), broken(), broken()]);

    let again = runner(&folder, "second", ReplayProvider::from_run(&run).unwrap());
    let events = told(again.stream(&planner(), topic()));
    assert_eq!(shown(&events), "{\"title\":\"Tides");
    assert_eq!(in_short(&events).last().unwrap(), "error unavailable");
    again.log().flush_blocking().unwrap();
    let (first, second) = (record(&folder, "first"), record(&folder, "second"));
    assert_eq!(
        (first.raw_answer, first.usage, first.status, first.error),
        (second.raw_answer, second.usage, second.status, second.error)
    );

    // A part of an answer is never taken for one.
    let whole = runner(&folder, "third", ReplayProvider::from_run(&run).unwrap());
    let error = pollster::block_on(whole.run(&planner(), topic())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
