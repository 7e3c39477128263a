//! Replays: what a run recorded answers the same run again, offline.

/// The command: a job recorded and replayed, misses as a person sees them.
#[cfg(feature = "cli")]
mod command;

/// A thousand mixed calls, recorded and replayed: outcomes and records are the same.
mod mixed;

/// A model with every habit that a record must be able to repeat.
mod model;

/// What a request that no record answers gets, in each mode.
mod modes;

/// `DUOLOGUE_OFFLINE`: no request leaves, on either face.
#[cfg(feature = "http")]
pub(crate) mod offline;

/// Records that cannot be replayed, and what the sanitizer leaves alone.
mod refused;

use std::path::{Path, PathBuf};

use duologue::call_log::{LlmLogging, Record, RunLog};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::log_support::open;
use crate::support::quick;

/// The pack `p`, whose user message is `Topic: {{ topic }}.`
fn prompts() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("p/system.tera", "You plan talks. Answer with JSON."),
        ("p/user.tera", "Topic: {{ topic }}."),
    ])
}

fn agent(name: &str) -> AgentSpec {
    AgentSpec::new(name, "p", "gpt-5-mini")
}

fn topic(topic: &str) -> Value {
    json!({"topic": topic})
}

/// A runner whose records go to the run `run_id` below `folder`.
fn runner(
    folder: &TempDir,
    run_id: &str,
    settings: &str,
    provider: impl Provider + 'static,
) -> AgentRunner {
    let settings: LlmLogging = serde_json::from_str(settings).unwrap();
    AgentRunner::builder(provider, prompts())
        .logger(open(folder.path(), run_id, settings))
        .retry(quick())
        .build()
}

/// A run `first` in which agent `planner` was asked about these topics, in this order.
fn recorded(folder: &TempDir, asked: &[(&str, Reply)]) -> PathBuf {
    recorded_with(folder, "{}", asked)
}

/// [`recorded`] with these settings of the log.
fn recorded_with(folder: &TempDir, settings: &str, asked: &[(&str, Reply)]) -> PathBuf {
    let script = ScriptedProvider::new(asked.iter().map(|(_, reply)| reply.clone()));
    let runner = runner(folder, "first", settings, script);
    for (about, _) in asked {
        let _ = pollster::block_on(runner.run(&agent("planner"), topic(about)));
    }
    runner.log().flush_blocking().unwrap();
    folder.path().join("first")
}

fn answer(title: &str) -> Reply {
    Reply::json(json!({"title": title})).usage(10, 5)
}

fn records(directory: &Path) -> Vec<Record> {
    RunLog::open(directory).unwrap().into_records()
}
