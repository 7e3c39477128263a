//! Runs that end before their documents do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::agent::Budget;
use duologue::call_log::{CallStatus, RunLog};
use duologue::flow::pipeline::{Limits, Pipeline, PipelineOptions, PipelineStatus, Stage};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{Error, ErrorKind};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Desk, always, content, documents, reviewed, until};
use crate::support::Before;

fn statuses(desk: &Desk) -> Vec<CallStatus> {
    let log = RunLog::open(desk.folder.path().join("run")).unwrap();
    log.records()
        .iter()
        .filter_map(|record| record.status)
        .collect()
}

#[test]
fn a_cancelled_run_reports_what_was_under_way() {
    let token = CancellationToken::new();
    let script = ScriptedProvider::new([
        always("router", json!({"route": "markdown"})),
        Reply::never().agent("cleaner").forever(),
    ]);
    let cancel = token.clone();
    // Four routers, four cleaners that never answer: then nothing moves any more.
    let provider = Before::new(script.clone(), move |number| {
        if number == 8 {
            cancel.cancel();
        }
        async {}
    });
    let desk = Desk::around(provider, script);
    let pipeline = reviewed()
        .limits(Limits::default().documents(4))
        .build()
        .unwrap();
    let options = PipelineOptions::new().cancel_on(token);
    let report = pollster::block_on(pipeline.run(&desk.runner, documents(100), options)).unwrap();
    assert_eq!(report.status, PipelineStatus::Cancelled);
    assert_eq!(
        (report.documents.begun, report.documents.interrupted),
        (4, 4)
    );
    assert_eq!((report.documents.failed, report.failures.len()), (0, 0));
    assert_eq!(desk.lines("failures.jsonl").len(), 0);
    let statuses = statuses(&desk);
    let cancelled = statuses
        .iter()
        .filter(|status| **status == CallStatus::Cancelled);
    assert_eq!((statuses.len(), cancelled.count()), (8, 4));
}

#[test]
fn a_run_that_is_dropped_leaves_records_of_its_calls() {
    let script = ScriptedProvider::new([Reply::never().agent("router").forever()]);
    let (provider, all) = until(3, script.clone());
    let desk = Desk::around(provider, script);
    let pipeline = reviewed()
        .limits(Limits::default().documents(3))
        .build()
        .unwrap();
    let running = pipeline.run(&desk.runner, documents(9), PipelineOptions::new());
    let ended = pollster::block_on(all.run_until_cancelled(running));
    assert!(ended.is_none());
    desk.runner.log().flush_blocking().unwrap();
    assert_eq!(statuses(&desk), [CallStatus::Cancelled; 3]);
}

#[test]
fn a_used_up_budget_pauses_the_run_and_fails_no_document() {
    let [router, cleaner, reviewer, namer] = content();
    let replies = [router.usage(50, 50), cleaner, reviewer, namer];
    let desk = Desk::new(replies);
    let pipeline = reviewed()
        .limits(Limits::default().documents(1))
        .build()
        .unwrap();
    let options = PipelineOptions::new().budget(Budget::new().tokens(250));
    let report = pollster::block_on(pipeline.run(&desk.runner, documents(20), options)).unwrap();
    assert_eq!(report.status, PipelineStatus::Paused);
    assert_eq!(report.documents.failed, 0);
    assert_eq!(report.documents.interrupted, 1);
    assert!(
        report.problems[0].contains("of 250 tokens does not cover another call"),
        "{:?}",
        report.problems
    );
}

#[test]
fn a_full_disk_pauses_the_run_and_fails_no_document() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("save", move |_| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if number < 5 {
                    return Ok(json!({}));
                }
                let full = io::Error::from(io::ErrorKind::StorageFull);
                Err(Error::new(ErrorKind::Log, "cannot write `notes`").with_source(full))
            }
        }))
        .limits(Limits::default().documents(1))
        .build()
        .unwrap();
    let report = Desk::new([]).run(&pipeline, documents(100));
    assert_eq!(report.status, PipelineStatus::Paused);
    assert_eq!(
        (report.documents.succeeded, report.documents.interrupted),
        (5, 1)
    );
    assert_eq!(
        (report.documents.failed, asked.load(Ordering::SeqCst)),
        (0, 6)
    );
    assert!(
        report.problems[0].starts_with("cannot write `notes`"),
        "{:?}",
        report.problems
    );
}

#[test]
fn a_cancelled_run_goes_on_where_it_was() {
    let token = CancellationToken::new();
    let script = ScriptedProvider::new(content());
    let cancel = token.clone();
    let provider = Before::new(script.clone(), move |number| {
        if number == 6 {
            cancel.cancel();
        }
        async {}
    });
    let desk = Desk::around(provider, script);
    let pipeline = reviewed()
        .limits(Limits::default().documents(2))
        .build()
        .unwrap();
    let options = PipelineOptions::new().cancel_on(token);
    let first = pollster::block_on(pipeline.run(&desk.runner, documents(2), options)).unwrap();
    assert_eq!(first.status, PipelineStatus::Cancelled);
    let options = PipelineOptions::new().resume();
    let second = pollster::block_on(pipeline.run(&desk.runner, documents(2), options)).unwrap();
    assert_eq!(
        (second.status, second.documents.succeeded),
        (PipelineStatus::Succeeded, 2)
    );
    let answered = statuses(&desk)
        .iter()
        .filter(|status| **status == CallStatus::Succeeded)
        .count();
    assert_eq!(answered, 8, "no answer was asked for twice");
    let options = PipelineOptions::new().resume();
    let third = pollster::block_on(pipeline.run(&desk.runner, documents(2), options)).unwrap();
    assert_eq!((third.calls, third.documents.resumed), (0, 2));
}
