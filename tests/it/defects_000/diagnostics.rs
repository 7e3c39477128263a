use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use duologue::AgentRunner;
use duologue::lifecycle::Lifecycle;
use duologue::provider::{Reply, ScriptedProvider};
use futures::future::join_all;

use crate::support::{current_thread, in_time, plan, planner, prompts, topic};

fn runner(lifecycle: &Lifecycle) -> AgentRunner {
    let script = ScriptedProvider::new([Reply::json(plan()).forever()]);
    let builder = AgentRunner::builder(script, prompts());
    builder.lifecycle(lifecycle.clone()).build()
}

#[test]
fn diagnostics_never_block_the_async_scheduler() {
    let (release, gate) = channel::<()>();
    let lifecycle = Lifecycle::new();
    // It blocks for as long as the test lives.
    lifecycle
        .on(move |_| {
            let _ = gate.recv();
        })
        .unwrap();
    let runner = runner(&lifecycle);
    in_time(move || {
        let agent = planner();
        let runs = (0..50).map(|_| runner.run(&agent, topic()));
        let ended = current_thread().block_on(join_all(runs));
        assert!(ended.iter().all(Result::is_ok));
    });
    drop(release);
}

#[test]
fn diagnostics_are_flushed_at_shutdown() {
    let heard = Arc::new(Mutex::new(0));
    let count = heard.clone();
    let (release, gate) = channel::<()>();
    let lifecycle = Lifecycle::new();
    lifecycle
        .on(move |_| {
            // Behind with everything until the end.
            let _ = gate.recv();
            *count.lock().unwrap() += 1;
        })
        .unwrap();
    let runner = runner(&lifecycle);
    for _ in 0..50 {
        pollster::block_on(runner.run(&planner(), topic())).unwrap();
    }
    drop(release);
    lifecycle.flush_blocking();
    assert_eq!(*heard.lock().unwrap(), 100);
}
