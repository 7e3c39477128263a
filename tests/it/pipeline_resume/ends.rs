//! Runs that end before their work is done: each way, and what a resumption pays.

use std::panic::{AssertUnwindSafe, catch_unwind};

use duologue::flow::pipeline::{PipelineOptions, PipelineStatus};
use duologue::provider::{Reply, ScriptedProvider};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Asked, Desk, script};
use crate::support::{Before, current_thread};

/// What one pass over six documents asks for.
const ONE_PASS: usize = 12;

/// Answers five times, and then never.
fn tired() -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::json(json!({"body": "clean"})).agent("cleaner"),
        Reply::json(json!({"approved": true})).agent("reviewer"),
        Reply::json(json!({"body": "clean"})).agent("cleaner"),
        Reply::json(json!({"approved": true})).agent("reviewer"),
        Reply::json(json!({"body": "clean"})).agent("cleaner"),
        Reply::never(),
    ])
}

#[test]
fn a_cancelled_run_goes_on_where_it_was() {
    let desk = Desk::new();
    let (script, token) = (tired(), CancellationToken::new());
    let cancel = token.clone();
    let provider = Before::new(script.clone(), move |call| {
        if call == 6 {
            cancel.cancel();
        }
        std::future::ready(())
    });
    let options = PipelineOptions::new().cancel_on(token);
    let report = desk.try_run(provider, options).unwrap();
    assert_eq!(report.status, PipelineStatus::Cancelled);
    let paid = script.requests().len();
    assert!((5..=6).contains(&paid), "{paid}");
    // The one that was cancelled on its way may have been paid for, too; no other.
    assert_eq!(desk.resume().all(), ONE_PASS - 5);
    assert_eq!(desk.artifacts().len(), 6);
}

#[test]
fn a_run_whose_future_was_dropped_goes_on_where_it_was() {
    let desk = Desk::new();
    let dropped = current_thread().block_on(async {
        let asked = std::sync::Arc::new(tokio::sync::Notify::new());
        let last = asked.clone();
        let provider = Before::new(tired(), move |call| {
            if call == 6 {
                last.notify_one();
            }
            std::future::ready(())
        });
        let runner = desk.runner(provider);
        let documents = duologue::flow::document::DocumentSource::of(desk.documents.clone());
        let pipeline = desk.pipeline();
        tokio::select! {
            _ = pipeline.run(&runner, documents, PipelineOptions::new()) => false,
            () = asked.notified() => true,
        }
    });
    assert!(dropped);
    assert_eq!(desk.resume().all(), ONE_PASS - 5);
}

#[test]
fn a_run_that_panicked_goes_on_where_it_was() {
    let desk = Desk::new();
    let panics = Before::new(script(), |call| async move {
        assert!(call != 6, "on purpose");
    });
    let ended = catch_unwind(AssertUnwindSafe(|| {
        desk.try_run(panics, PipelineOptions::new())
    }));
    // Whether a provider's panic ends the run or one document: nothing that was paid for is lost.
    let paid = match ended {
        Ok(report) => usize::try_from(report.unwrap().calls).unwrap() - 1,
        Err(_) => 5,
    };
    assert_eq!(desk.resume().all(), ONE_PASS - paid);
    assert_eq!(desk.artifacts().len(), 6);
}

#[test]
fn a_failed_document_is_tried_again_and_no_other() {
    let desk = Desk::new();
    let script = ScriptedProvider::new([
        Reply::refusal("no").agent("cleaner"),
        Reply::json(json!({"body": "clean"}))
            .agent("cleaner")
            .forever(),
        Reply::json(json!({"approved": true}))
            .agent("reviewer")
            .forever(),
    ]);
    let report = desk.try_run(script, PipelineOptions::new()).unwrap();
    assert_eq!(report.status, PipelineStatus::Partial);
    assert_eq!(
        desk.resume(),
        Asked {
            cleaner: 1,
            reviewer: 1
        }
    );
}

#[test]
fn a_run_without_its_store_pauses_before_more_is_paid_for() {
    let desk = Desk::new();
    let store = desk.folder.path().join("run/stages.jsonl");
    let script = script();
    let provider = Before::new(script.clone(), move |call| {
        if call == 4 {
            std::fs::remove_file(&store).unwrap();
        }
        std::future::ready(())
    });
    let report = desk.try_run(provider, PipelineOptions::new()).unwrap();
    assert_eq!(report.status, PipelineStatus::Paused);
    assert!(
        report.problems[0].contains("stages.jsonl"),
        "{:?}",
        report.problems
    );
    assert_eq!(script.requests().len(), 4);
}

#[test]
fn two_runs_in_one_directory_do_not_work_at_once() {
    let desk = Desk::new();
    let second = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (seen, inside) = (second.clone(), Desk::new());
    let directory = desk.folder.path().join("run");
    let provider = Before::new(script(), move |call| {
        if call == 3 {
            let options = PipelineOptions::new().resume().directory(&directory);
            *seen.lock().unwrap() = Some(inside.try_run(script(), options));
        }
        std::future::ready(())
    });
    let report = desk.try_run(provider, PipelineOptions::new()).unwrap();
    assert_eq!(report.status, PipelineStatus::Succeeded);
    let error = second.lock().unwrap().take().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("is at work on this run"),
        "{error}"
    );
}
