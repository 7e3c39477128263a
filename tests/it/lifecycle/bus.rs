use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use duologue::lifecycle::{Lifecycle, LifecycleEvent, Phase, Subject};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, ErrorKind, blocking};
use futures::{FutureExt as _, StreamExt as _};

use crate::support::{in_time, plan, planner, prompts, topic};

/// An event that is told apart from others by its run.
fn event(run_id: impl Into<String>) -> LifecycleEvent {
    LifecycleEvent::new(Subject::Run, Phase::Started, run_id)
}

/// A lifecycle, and the runs that its hook heard of.
fn hooked() -> (Lifecycle, Receiver<String>) {
    let (heard, runs) = channel();
    let lifecycle = Lifecycle::new();
    lifecycle
        .on(move |event| heard.send(event.run_id.clone()).unwrap())
        .unwrap();
    (lifecycle, runs)
}

#[test]
fn a_hook_hears_all_that_is_told_in_its_order() {
    let (lifecycle, runs) = hooked();
    for number in 0..100 {
        lifecycle.tell(event(number.to_string()));
    }
    lifecycle.flush_blocking();
    let heard: Vec<String> = runs.try_iter().collect();
    let told: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(heard, told);
}

#[test]
fn an_async_flush_waits_as_well_and_needs_no_runtime() {
    let (lifecycle, runs) = hooked();
    lifecycle.tell(event("one"));
    pollster::block_on(lifecycle.flush());
    assert_eq!(runs.try_recv().as_deref(), Ok("one"));
}

#[test]
fn a_hook_that_panics_hears_on() {
    let lifecycle = Lifecycle::new();
    let (heard, runs) = channel();
    lifecycle
        .on(move |event| {
            assert!(event.run_id != "bad", "a hook that panics on purpose");
            heard.send(event.run_id.clone()).unwrap();
        })
        .unwrap();
    for run in ["bad", "good", "bad", "better"] {
        lifecycle.tell(event(run));
    }
    lifecycle.flush_blocking();
    assert_eq!(runs.try_iter().collect::<Vec<_>>(), ["good", "better"]);
}

#[test]
fn two_lifecycles_share_nothing_and_clones_share_all() {
    let (one, runs) = hooked();
    let (other, other_runs) = hooked();
    one.clone().tell(event("one"));
    one.flush_blocking();
    other.flush_blocking();
    assert_eq!(runs.try_iter().count(), 1);
    assert_eq!(other_runs.try_iter().count(), 0);
}

#[test]
fn nobody_can_hear_one_that_is_off() {
    let off = Lifecycle::off();
    assert_eq!(off.on(|_| ()).unwrap_err().kind(), ErrorKind::Config);
    let mut events = off.subscribe();
    off.tell(event("one"));
    off.flush_blocking();
    assert!(!off.is_on());
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[test]
fn it_is_on_while_somebody_hears() {
    let lifecycle = Lifecycle::new();
    assert!(!lifecycle.is_on());
    let events = lifecycle.subscribe();
    assert!(lifecycle.is_on());
    drop(events);
    lifecycle.tell(event("nobody"));
    assert!(!lifecycle.is_on());
}

/// Tells when the hook that holds it is gone.
struct Last(Sender<()>);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_hooks_thread_hears_the_rest_and_ends_with_the_last_clone() {
    let (gone, is_gone) = channel();
    let (heard, runs) = channel();
    let lifecycle = Lifecycle::new();
    let last = Last(gone);
    lifecycle
        .on(move |event| {
            let _alive = &last;
            heard.send(event.run_id.clone()).unwrap();
        })
        .unwrap();
    for run in ["one", "two"] {
        lifecycle.tell(event(run));
    }
    drop(lifecycle);
    in_time(move || is_gone.recv().unwrap());
    assert_eq!(runs.iter().collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_hook_may_run_agents_tell_hook_and_flush() {
    let done = in_time(|| {
        let lifecycle = Lifecycle::new();
        let (done, is_done) = channel();
        let own = lifecycle.clone();
        lifecycle
            .on(move |event| {
                if event.run_id == "outer" {
                    let script = ScriptedProvider::new([Reply::json(plan())]);
                    let runner = AgentRunner::builder(script, prompts()).lifecycle(own.clone());
                    let runner = blocking::AgentRunner::from(runner.build());
                    let answer = runner.run(&planner(), topic()).unwrap();
                    own.tell(self::event("told by a hook"));
                    own.on(|_| ()).unwrap();
                    own.flush_blocking();
                    pollster::block_on(own.flush());
                    assert_eq!(answer.data, plan());
                }
                done.send(event.run_id.clone()).unwrap();
            })
            .unwrap();
        lifecycle.tell(event("outer"));
        let mut heard = is_done.iter();
        heard.by_ref().find(|run| run == "told by a hook")
    });
    assert_eq!(done.as_deref(), Some("told by a hook"));
}

#[test]
fn two_hooks_that_flush_do_not_wait_for_each_other() {
    in_time(|| {
        let lifecycle = Lifecycle::new();
        for _ in 0..2 {
            let own = lifecycle.clone();
            lifecycle.on(move |_| own.flush_blocking()).unwrap();
        }
        for number in 0..100 {
            lifecycle.tell(event(number.to_string()));
        }
        lifecycle.flush_blocking();
    });
}

#[test]
fn what_a_hook_that_blocks_misses_is_counted_and_the_others_hear_it() {
    let lifecycle = Lifecycle::new();
    let (open, gate) = channel::<()>();
    let (entered, has_entered) = channel();
    let heard = Arc::new(Mutex::new(0_u32));
    let count = heard.clone();
    lifecycle
        .on(move |_| {
            // Told at each event, and held up at the first alone.
            let _ = entered.send(());
            let _ = gate.recv();
            *count.lock().unwrap() += 1;
        })
        .unwrap();
    lifecycle.tell(event("first"));
    in_time(move || has_entered.recv().unwrap());
    let events = lifecycle.subscribe();
    for _ in 0..65_540 {
        lifecycle.tell(event("more"));
    }
    assert_eq!(lifecycle.missed(), 5);
    // It cannot be known how many of them a stream that nobody reads has missed but by asking it.
    assert_eq!(events.missed(), 4);
    drop(open);
    lifecycle.flush_blocking();
    assert_eq!(*heard.lock().unwrap(), 65_536);
}
