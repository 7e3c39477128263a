//! The same agent from code without async: a plain thread, many at once, and inside
//! `spawn_blocking` of an async app. No runtime is set up, none is blocked.

use std::error::Error;

use duologue::AgentSpec;
use duologue::blocking::AgentRunner;
use duologue::provider::{Repeat, Reply, ScriptedProvider};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

fn main() -> Result<(), Box<dyn Error>> {
    let judge = AgentSpec::new("judge", "judge", "gpt-5-mini");
    let runner = AgentRunner::new(provider(), PROMPTS);

    let verdict = runner.run(&judge, json!({"item": "The wind makes the tides."}))?;
    println!("from main: {}", verdict.data["verdict"]);

    let (thread_runner, thread_judge) = (runner.clone(), judge.clone());
    let thread = std::thread::spawn(move || {
        thread_runner.run(&thread_judge, json!({"item": "The Moon makes the tides."}))
    });
    let verdict = thread.join().map_err(|_| "the thread panicked")??;
    println!("from a thread: {}", verdict.data["verdict"]);

    let items = ["a", "b", "c"].map(|item| (&judge, json!({"item": item})));
    let verdicts = runner.run_all(items, 2)?;
    let answered = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    println!("from run_all: {answered} answers, two at once");
    assert_eq!(answered, 3);

    inside_an_async_app(runner, judge)
}

/// Sync code that an async app has moved off its workers.
#[tokio::main(flavor = "current_thread")]
async fn inside_an_async_app(runner: AgentRunner, judge: AgentSpec) -> Result<(), Box<dyn Error>> {
    let legacy = move || runner.run(&judge, json!({"item": "Tides follow the Moon."}));
    let verdict = tokio::task::spawn_blocking(legacy).await??;
    println!("from spawn_blocking: {}", verdict.data["verdict"]);
    assert_eq!(verdict.data["verdict"], "approve");
    Ok(())
}

fn provider() -> ScriptedProvider {
    let verdict = |word, score| json!({"verdict": word, "score": score, "feedback": "Read again."});
    ScriptedProvider::new([
        Reply::json(verdict("hard_fail", 1)).when("wind"),
        Reply::json(verdict("approve", 9)).repeat(Repeat::Times(5)),
    ])
}
