//! What the blocking face adds to the async one: with an answer at once, and over a local server.

#![expect(
    clippy::print_stdout,
    reason = "figures that criterion has no words for"
)]

mod common;

use std::time::{Duration, Instant};

use common::Result;
use common::answer::{Plan, topic};
use common::figures::Times;
use common::server::{Server, was_server};
use common::work::{runner, sleeping, spec};
use duologue::call_log::CallLog;
use duologue::{AgentRunner, AgentSpec, blocking};
use tokio::runtime::Runtime;

const CALLS: usize = 4_000;

/// Both faces in turns, so that a busy machine is busy for both; prints the difference of medians.
fn compare(name: &str, make: impl Fn() -> Result<AgentRunner>) -> Result {
    let spec = spec();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (through_async, through_blocking) = (make()?, blocking::AgentRunner::from(make()?));
    let (mut async_times, mut blocking_times) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        async_times.push(time_async(&runtime, &through_async, &spec, number)?);
        blocking_times.push(time_blocking(&through_blocking, &spec, number)?);
    }
    let (a, b): (Times, Times) = (
        async_times.into_iter().collect(),
        blocking_times.into_iter().collect(),
    );
    println!("{name}, async      {a}");
    println!("{name}, blocking   {b}");
    println!(
        "{name}, added      p50 {:7.1} µs   target 5",
        b.percentile_us(50) - a.percentile_us(50)
    );
    Ok(())
}

fn time_async(
    runtime: &Runtime,
    runner: &AgentRunner,
    spec: &AgentSpec,
    number: usize,
) -> Result<Duration> {
    let variables = serde_json::json!({"topic": topic(number)});
    let begun = Instant::now();
    runtime.block_on(runner.run_as::<Plan>(spec, variables))?;
    Ok(begun.elapsed())
}

fn time_blocking(
    runner: &blocking::AgentRunner,
    spec: &AgentSpec,
    number: usize,
) -> Result<Duration> {
    let variables = serde_json::json!({"topic": topic(number)});
    let begun = Instant::now();
    runner.run_as::<Plan>(spec, variables)?;
    Ok(begun.elapsed())
}

fn main() -> Result {
    if was_server()? {
        return Ok(());
    }
    compare("answer at once", || {
        Ok(sleeping(Duration::ZERO, CallLog::off()))
    })?;
    let server = Server::start(Duration::ZERO)?;
    compare("over a server ", || {
        runner(&server.base_url, CallLog::off())
    })
}
