//! Many runs at once: throughput against the ideal, memory per run, and the cost of a long
//! conversation.
//!
//! The ideal is that every call takes the 200 ms of its server and nothing else.

#![expect(
    clippy::print_stdout,
    reason = "figures that criterion has no words for"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Result;
use common::answer::{Plan, topic};
use common::figures::{Times, resident_kib};
use common::server::{Server, was_server};
use common::work::{log, runner, sleeping, spec};
use duologue::AgentRunner;
use duologue::agent::{AgentMode, Conversation, RunOptions};
use duologue::call_log::{CallLog, Views};

const ANSWER_TIME: Duration = Duration::from_millis(200);

/// `at_once` tasks that make `rounds` runs each, one after the other.
async fn crowd(runner: &AgentRunner, at_once: usize, rounds: usize) -> Result<(Duration, u64)> {
    let spec = Arc::new(spec());
    let before = resident_kib();
    let begun = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|task| {
            let (runner, spec) = (runner.clone(), spec.clone());
            tokio::spawn(async move {
                for round in 0..rounds {
                    let variables = serde_json::json!({"topic": topic(task * rounds + round)});
                    runner.run_as::<Plan>(&spec, variables).await?;
                }
                Ok::<_, duologue::Error>(())
            })
        })
        .collect();
    let peak = tokio::spawn(async move {
        let mut peak = before;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(9)).await;
            peak = peak.max(resident_kib());
        }
        peak
    });
    for task in tasks {
        task.await??;
    }
    let elapsed = begun.elapsed();
    let peak = peak.await?;
    Ok((elapsed, peak - before))
}

/// What tokio alone makes of as many tasks that only sleep.
async fn sleeping_tasks(at_once: usize, rounds: usize) -> Result {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..rounds {
                    tokio::time::sleep(ANSWER_TIME).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    let share = share_of_ideal(rounds, begun.elapsed());
    println!("{at_once:6} tasks asleep,  {rounds:2} each   {share:5.1} % of ideal");
    Ok(())
}

fn share_of_ideal(rounds: usize, elapsed: Duration) -> f64 {
    100.0 * ANSWER_TIME.as_secs_f64() * rounds as f64 / elapsed.as_secs_f64()
}

/// Runs in this process, over a provider that only sleeps.
async fn in_process(at_once: usize, rounds: usize) -> Result {
    let runner = sleeping(ANSWER_TIME, CallLog::off());
    let (elapsed, memory) = crowd(&runner, at_once, rounds).await?;
    println!(
        "{at_once:6} runs at once, {rounds:2} each   {:5.1} % of ideal   {:5.1} KiB per run   target 95 %, 20 KB",
        share_of_ideal(rounds, elapsed),
        memory as f64 / at_once as f64,
    );
    Ok(())
}

/// 250 calls over a real server, 50 in flight.
async fn over_http(name: &str, log: CallLog) -> Result {
    let server = Server::start(ANSWER_TIME)?;
    let before = resident_kib();
    let runner = runner(&server.base_url, log)?;
    let (elapsed, _) = crowd(&runner, 50, 5).await?;
    println!(
        "50 in flight, {name}   {:5.1} calls/s   {:4.1} MiB more, {:4.1} MiB in all   target 240, 15 MiB",
        250.0 / elapsed.as_secs_f64(),
        (resident_kib() - before) as f64 / 1024.0,
        resident_kib() as f64 / 1024.0,
    );
    runner.flush().await?;
    Ok(())
}

/// Times of turn `n` over many conversations.
async fn conversations(runner: &AgentRunner) -> Result {
    const TURNS: usize = 50;
    let mut spec = spec();
    spec.mode = AgentMode::Conversational;
    let mut times = vec![Vec::new(); TURNS];
    for number in 0..40 {
        let mut conversation = Conversation::new();
        for (turn, times) in times.iter_mut().enumerate() {
            let variables = serde_json::json!({"topic": topic(number * TURNS + turn)});
            let options = RunOptions::new().conversation(&mut conversation);
            let begun = Instant::now();
            runner
                .run_as_with::<Plan>(&spec, variables, options)
                .await?;
            times.push(begun.elapsed());
        }
    }
    for turn in [5, 50] {
        let times: Times = times[turn - 1].iter().copied().collect();
        println!("conversation, turn {turn:2}   {times}");
    }
    Ok(())
}

fn main() -> Result {
    if was_server()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        over_http("no log       ", CallLog::off()).await?;
        over_http("journal, YAML", log(folder.path(), Views::All)?).await?;
        for (at_once, rounds) in [(1_000, 10), (10_000, 1), (10_000, 10)] {
            sleeping_tasks(at_once, rounds).await?;
            in_process(at_once, rounds).await?;
        }
        conversations(&sleeping(Duration::ZERO, log(folder.path(), Views::None)?)).await
    })
}
