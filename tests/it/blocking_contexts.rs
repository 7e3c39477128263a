//! The blocking runner from every kind of thread and runtime: never a panic, never a hang.
//!
//! The server lives on threads of its own, so that a caller's runtime may stand still meanwhile.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use duologue::agent::{Conversation, RunOptions};
use duologue::call_log::LlmLogging;
use duologue::chat::{Request, Response};
use duologue::provider::{CallContext, Provider, ProviderError, Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind, blocking};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::support::server::{Answer, Server};
use crate::support::{
    Before, Stage, current_thread, file_log, folder, in_time, over_http, plan, planner, prompts,
    topic,
};

/// A server that always answers, and a runner that asks it.
fn served() -> (Server, AgentRunner) {
    let server = Server::start(|_| Answer::text(plan().to_string()));
    let runner = AgentRunner::new(over_http(&server), prompts());
    (server, runner)
}

/// Two calls in a row: the second one meets a kept-alive connection.
fn asks_twice(runner: &blocking::AgentRunner) {
    for _ in 0..2 {
        assert_eq!(runner.run(&planner(), topic()).unwrap().data, plan());
    }
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn from_a_plain_thread() {
    in_time(|| {
        let (_server, runner) = served();
        asks_twice(&runner.into());
    });
}

#[test]
fn from_the_threads_of_a_pool() {
    in_time(|| {
        let (server, runner) = served();
        let runner = blocking::AgentRunner::from(runner);
        let (jobs, inbox) = mpsc::channel::<usize>();
        let inbox = Mutex::new(inbox);
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let job = inbox.lock().unwrap().recv();
                        if job.is_err() {
                            return;
                        }
                        asks_twice(&runner);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            (0..12).for_each(|job| jobs.send(job).unwrap());
            drop(jobs);
        });
        assert_eq!(done.into_inner(), 12);
        assert_eq!(server.requests().len(), 24);
    });
}

#[test]
fn inside_of_spawn_blocking() {
    in_time(|| {
        let (_server, runner) = served();
        for runtime in [current_thread(), multi_thread()] {
            let runner = blocking::AgentRunner::from(runner.clone());
            let task = runtime.spawn_blocking(move || asks_twice(&runner));
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn on_the_only_worker_of_a_multi_thread_runtime() {
    in_time(|| {
        let (_server, runner) = served();
        let runtime = multi_thread();
        let task = runtime.spawn(async move {
            runner.run(&planner(), topic()).await.unwrap();
            asks_twice(&runner.clone().into());
            runner.run(&planner(), topic()).await.unwrap();
        });
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn on_a_current_thread_runtime_that_holds_an_open_connection_of_its_own() {
    in_time(|| {
        let (server, runner) = served();
        current_thread().block_on(async {
            runner.run(&planner(), topic()).await.unwrap();
            asks_twice(&runner.clone().into());
            runner.run(&planner(), topic()).await.unwrap();
        });
        assert_eq!(server.requests().len(), 4);
        assert!(
            server.connections() >= 2,
            "no runtime uses the connection of another"
        );
    });
}

#[test]
fn in_a_task_of_a_current_thread_runtime() {
    in_time(|| {
        let (_server, runner) = served();
        let runner = blocking::AgentRunner::from(runner);
        let runtime = current_thread();
        let task = runtime.spawn(async move { asks_twice(&runner) });
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn in_a_local_set() {
    in_time(|| {
        let (_server, runner) = served();
        let local = tokio::task::LocalSet::new();
        local.block_on(&current_thread(), async move {
            let task = tokio::task::spawn_local(async move {
                runner.run(&planner(), topic()).await.unwrap();
                asks_twice(&runner.into());
            });
            task.await.unwrap();
        });
    });
}

#[test]
fn in_a_runtime_without_timers_or_sockets() {
    in_time(|| {
        let (_server, runner) = served();
        let bare = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        bare.block_on(async { asks_twice(&runner.into()) });
    });
}

/// Asks another agent with the blocking runner before it answers itself.
struct Nested {
    inner: blocking::AgentRunner,
    script: ScriptedProvider,
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nested")
    }
}

#[async_trait]
impl Provider for Nested {
    fn name(&self) -> &'static str {
        "nested"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        asks_twice(&self.inner);
        self.script.generate_json(request, call).await
    }
}

#[test]
fn inside_of_a_provider_that_another_run_waits_for() {
    in_time(|| {
        let (server, runner) = served();
        let nested = Nested {
            inner: runner.into(),
            script: ScriptedProvider::new([Reply::json(plan()).forever()]),
        };
        let outer = AgentRunner::new(nested, prompts());
        blocking::AgentRunner::from(outer.clone())
            .run(&planner(), topic())
            .unwrap();
        for runtime in [current_thread(), multi_thread()] {
            runtime.block_on(outer.run(&planner(), topic())).unwrap();
        }
        assert_eq!(server.requests().len(), 6);
    });
}

/// Says goodbye with a call.
struct LastWords(blocking::AgentRunner);

impl Drop for LastWords {
    fn drop(&mut self) {
        asks_twice(&self.0);
    }
}

#[test]
fn in_a_destructor() {
    in_time(|| {
        let (server, runner) = served();
        let last_words = || LastWords(runner.clone().into());
        drop(last_words());
        let local = last_words();
        current_thread().block_on(async { drop(local) });
        let unwinding = last_words();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _unwinding = unwinding;
            panic!("on purpose");
        }));
        assert!(panic.is_err());
        assert_eq!(server.requests().len(), 6);
    });
}

#[test]
fn beside_an_async_runtime_that_is_shutting_down() {
    in_time(|| {
        let (_server, runner) = served();
        let runtime = multi_thread();
        let last_words = LastWords(runner.into());
        runtime.spawn(async move {
            let _kept = last_words;
            std::future::pending::<()>().await;
        });
        drop(runtime);
    });
}

/// More operations that are ready at once than tokio's budget allows a task.
async fn many_ready_operations(_call: usize) {
    let slots = Semaphore::new(1);
    for _ in 0..1000 {
        drop(slots.acquire().await.unwrap());
    }
}

#[test]
fn more_ready_operations_than_tokios_budget_do_not_livelock() {
    fn ask() {
        let script = ScriptedProvider::new([Reply::json(plan())]);
        let provider = Before::new(script, many_ready_operations);
        blocking::AgentRunner::new(provider, prompts())
            .run(&planner(), topic())
            .unwrap();
    }
    in_time(ask);
    in_time(|| current_thread().block_on(async { ask() }));
    in_time(|| {
        let runtime = multi_thread();
        runtime.block_on(runtime.spawn(async { ask() })).unwrap();
    });
}

/// Makes a blocking call on a thread of the background runtime, and tells how it went.
async fn on_the_background_thread(
    runner: blocking::AgentRunner,
    told: Arc<Mutex<Option<ErrorKind>>>,
) {
    let task = tokio::spawn(async move { runner.run(&planner(), topic()) });
    let error = task.await.unwrap().unwrap_err();
    *told.lock().unwrap() = Some(error.kind());
}

#[test]
fn on_the_background_thread_itself_it_is_a_typed_error() {
    in_time(|| {
        let inner = Stage::new([]);
        let runner = blocking::AgentRunner::from(inner.runner.clone());
        let told = Arc::new(Mutex::new(None));
        let tell = told.clone();
        let script = ScriptedProvider::new([Reply::json(plan())]);
        let provider = Before::new(script, move |_| {
            on_the_background_thread(runner.clone(), tell.clone())
        });
        blocking::AgentRunner::new(provider, prompts())
            .run(&planner(), topic())
            .unwrap();
        assert_eq!(*told.lock().unwrap(), Some(ErrorKind::Reentrant));
        assert!(inner.script.requests().is_empty());
    });
}

#[test]
fn errors_arrive_with_their_ledger() {
    let stage = Stage::new([Reply::status(503), Reply::status(401)]);
    let runner = blocking::AgentRunner::from(stage.runner.clone());
    let error = runner.run(&planner(), topic()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(error.ledger().attempts(), 2);
}

#[test]
fn a_panic_arrives_and_the_next_call_works() {
    in_time(|| {
        let stage = Stage::new([Reply::panic("broken"), Reply::json(plan()).forever()]);
        let runner = blocking::AgentRunner::from(stage.runner.clone());
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.run(&planner(), topic())
        }))
        .unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "broken");
        asks_twice(&runner);
    });
}

#[test]
fn timers_work_without_a_runtime() {
    in_time(|| {
        let stage = Stage::new([Reply::never(), Reply::status(503), Reply::json(plan())]);
        let runner = blocking::AgentRunner::from(stage.runner.clone());
        let soon = RunOptions::new().deadline(Duration::from_millis(5));
        let error = runner.run_with(&planner(), topic(), soon).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        runner.run(&planner(), topic()).expect("the backoff ends");
    });
}

#[test]
fn a_token_ends_a_blocking_call_from_another_thread() {
    in_time(|| {
        let token = CancellationToken::new();
        let cancel = token.clone();
        let server = Server::start(move |_| {
            cancel.cancel();
            Answer::Never
        });
        let runner = blocking::AgentRunner::new(over_http(&server), prompts());
        let options = RunOptions::new().cancel_on(token);
        let error = runner.run_with(&planner(), topic(), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn a_conversation_goes_on_from_call_to_call() {
    let stage = Stage::new([Reply::json(plan()).forever()]);
    let runner = blocking::AgentRunner::from(stage.runner.clone());
    let spec = planner().with_mode(duologue::agent::AgentMode::Conversational);
    let mut conversation = Conversation::new();
    for turns in 1..=2 {
        let options = RunOptions::new().conversation(&mut conversation);
        runner.run_with(&spec, topic(), options).unwrap();
        assert_eq!(conversation.turns(), turns);
    }
}

#[test]
fn a_flush_works_inside_and_outside_of_async_code() {
    in_time(|| {
        let folder = folder();
        let runner = AgentRunner::builder(
            ScriptedProvider::new([Reply::json(plan()).forever()]),
            prompts(),
        )
        .logger(file_log(&folder, LlmLogging::default()))
        .build();
        let runner = blocking::AgentRunner::from(runner);
        let calls = folder.path().join("run/llm_calls");
        let asks_and_looks = |number: usize| {
            runner.run(&planner(), topic()).unwrap();
            runner.flush().unwrap();
            assert!(
                calls
                    .join(format!("call_{number:03}_planner.yaml"))
                    .is_file()
            );
            assert!(calls.join("summary.yaml").is_file());
        };
        asks_and_looks(1);
        current_thread().block_on(async { asks_and_looks(2) });
        multi_thread().block_on(async { asks_and_looks(3) });
    });
}

// ---------------------------------------------------------------- many at once

#[test]
fn many_runs_keep_to_the_concurrency_and_to_their_order() {
    in_time(|| {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = most.clone();
        let script = ScriptedProvider::new((0..12).map(titled));
        let provider = Before::new(script, move |_| {
            let (now, seen) = (now.clone(), seen.clone());
            async move {
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let runner = blocking::AgentRunner::new(provider, prompts());
        let spec = planner();
        let results = runner
            .run_all((0..12).map(|n| numbered(&spec, n)), 4)
            .unwrap();
        let titles: Vec<_> = results
            .into_iter()
            .map(|result| result.unwrap().data["title"].clone())
            .collect();
        assert_eq!(
            titles,
            (0..12).map(|n| json!(n.to_string())).collect::<Vec<_>>()
        );
        assert_eq!(most.load(Ordering::SeqCst), 4);
    });
}

fn titled(number: usize) -> Reply {
    Reply::json(json!({"title": number.to_string(), "steps": ["a"]}))
        .when(format!("number {number:02}"))
}

fn numbered(spec: &AgentSpec, number: usize) -> (&AgentSpec, Value) {
    (spec, json!({"topic": format!("number {number:02}")}))
}

#[test]
fn many_runs_over_http_from_inside_of_async_code() {
    in_time(|| {
        let (server, runner) = served();
        let runner = blocking::AgentRunner::from(runner);
        current_thread().block_on(async {
            let spec = planner();
            let results = runner
                .run_all((0..20).map(|_| (&spec, topic())), 8)
                .unwrap();
            assert!(results.iter().all(Result::is_ok));
        });
        assert_eq!(server.requests().len(), 20);
    });
}

/// Both faces of one runner may be used in turns.
#[test]
fn the_async_face_works_after_the_blocking_one_and_before() {
    fn assert_future<F: Future + Send>(future: F) -> F {
        future
    }
    in_time(|| {
        let (_server, runner) = served();
        let sync = blocking::AgentRunner::from(runner.clone());
        asks_twice(&sync);
        let runtime = multi_thread();
        runtime
            .block_on(assert_future(runner.run(&planner(), topic())))
            .unwrap();
        asks_twice(&sync);
        drop(runtime);
        asks_twice(&sync);
        pollster::block_on(runner.run(&planner(), topic())).unwrap();
    });
}
