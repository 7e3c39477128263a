//! The iterator of the blocking face.

use std::sync::{Arc, Mutex};

use duologue::agent::StreamEvent;
use duologue::blocking::AgentRunner;
use duologue::call_log::CallStatus;
use duologue::provider::{Reply, ScriptedProvider};

use super::{in_short, shown};
use crate::support::{Before, Stage, in_time, plan, planner, prompts, topic};

#[test]
fn the_iterator_gives_the_events_and_the_outcome() {
    let reply = || Reply::json(plan()).usage(1, 2).chunks_of(9);
    let stage = Stage::new([reply(), reply(), reply()]);
    let stream = pollster::block_on(futures::StreamExt::collect::<Vec<_>>(
        stage.runner.stream(&planner(), topic()),
    ));
    let runner = AgentRunner::from(stage.runner.clone());
    let events: Vec<_> = runner.stream(&planner(), topic()).collect();
    assert_eq!(in_short(&events), in_short(&stream));
    assert_eq!(shown(&events), plan().to_string());
    let outcome = runner.stream(&planner(), topic()).outcome().unwrap();
    assert_eq!(outcome.data, plan());
}

#[test]
fn an_iterator_that_is_dropped_cancels_its_run() {
    let stage = Stage::new([Reply::json(plan()).stalls_after("Tides")]);
    let runner = AgentRunner::from(stage.runner.clone());
    let mut text = String::new();
    for event in runner.stream(&planner(), topic()) {
        if let StreamEvent::TextDelta(piece) = event.unwrap() {
            text.push_str(&piece);
        }
        if text.contains("Tides") {
            break;
        }
    }
    assert_eq!(stage.statuses(), [CallStatus::Cancelled]);
    assert_eq!(
        stage.memory.records()[0].raw_answer.as_deref(),
        Some("{\"title\":\"Tides")
    );
}

#[test]
fn it_works_on_the_workers_of_any_runtime() {
    in_time(|| {
        let stage = Stage::new((0..8).map(|_| Reply::json(plan()).chunks_of(2)));
        let runner = AgentRunner::from(stage.runner.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let runner = runner.clone();
                runtime.spawn(async move { runner.stream(&planner(), topic()).count() })
            })
            .collect();
        for task in tasks {
            assert!(runtime.block_on(task).unwrap() > 10);
        }
    });
}

/// Asks for events on a thread of the background runtime, and tells what came.
async fn on_the_background_thread(runner: AgentRunner, told: Arc<Mutex<Vec<String>>>) {
    let task = tokio::spawn(async move {
        let events: Vec<_> = runner.stream(&planner(), topic()).collect();
        in_short(&events)
    });
    *told.lock().unwrap() = task.await.unwrap();
}

#[test]
fn a_thread_that_must_not_block_gets_one_error() {
    in_time(|| {
        let inner = Stage::new([]);
        let runner = AgentRunner::from(inner.runner.clone());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let script = ScriptedProvider::new([Reply::json(plan())]);
        let provider = Before::new(script, move |_| {
            on_the_background_thread(runner.clone(), tell.clone())
        });
        let outer = AgentRunner::new(provider, prompts());
        outer.stream(&planner(), topic()).outcome().unwrap();
        assert_eq!(*told.lock().unwrap(), ["error reentrant"]);
    });
}
