//! A logger of one's own, beside the one that writes files.
//!
//! It gets records that are sanitized and stripped to the log's level: never a key, and at level
//! `minimal` no prompt and no answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use duologue::call_log::{CallLog, CallLogger, LogLevel, MemoryCallLogger, Record, TeeCallLogger};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

/// Adds up tokens, as a dashboard would.
#[derive(Debug, Default)]
struct TokenMeter {
    calls: AtomicU64,
    tokens: AtomicU64,
}

#[async_trait]
impl CallLogger for TokenMeter {
    fn call_started(&self, _record: &Record) -> Result<()> {
        Ok(())
    }

    fn call_finished(&self, record: &Record) -> Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let tokens = record.usage.total_tokens().unwrap_or(0);
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn flush_blocking(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let meter = Arc::new(TokenMeter::default());
    let memory = Arc::new(MemoryCallLogger::new());
    let tee = TeeCallLogger::new([meter.clone() as Arc<dyn CallLogger>, memory.clone()]);

    let provider = ScriptedProvider::new([
        Reply::text("Sure, here is a plan!").usage(400, 6),
        Reply::json(json!({"title": "Tides"})).usage(420, 9),
    ]);
    let runner = AgentRunner::builder(provider, PROMPTS)
        .logger(CallLog::new(tee).with_level(LogLevel::Minimal))
        .build();
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    runner.run(&planner, json!({"topic": "tides"})).await?;

    let (calls, tokens) = (
        meter.calls.load(Ordering::Relaxed),
        meter.tokens.load(Ordering::Relaxed),
    );
    println!("{calls} calls, {tokens} tokens");
    assert_eq!((calls, tokens), (2, 835));
    assert!(
        memory
            .records()
            .iter()
            .all(|record| record.messages.is_empty())
    );
    Ok(())
}
