//! A provider of one's own: one async method that asks the model once.
//!
//! Retries, repairs, deadlines and records are the runner's; the provider notes each request that it
//! sends, so that attempts in the record equal requests on the wire.

use async_trait::async_trait;
use duologue::call_log::{CallLog, MemoryCallLogger};
use duologue::chat::{FinishReason, Request, Response, Usage};
use duologue::provider::{CallContext, Provider, ProviderError};
use duologue::{AgentRunner, AgentSpec, ErrorKind, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

/// Answers with the length of the prompt; the first request fails, as networks do.
#[derive(Debug, Default)]
struct Counting {
    requests: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl Provider for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let attempt = call.attempts().open();
        let number = self
            .requests
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if number == 0 {
            attempt.close(Some(ErrorKind::Unavailable));
            return Err(ProviderError::new(
                ErrorKind::Unavailable,
                "the line is busy",
            ));
        }
        let words: usize = request
            .messages
            .iter()
            .map(|message| message.content.split_whitespace().count())
            .sum();
        attempt.close(None);
        Ok(Response::text(format!(r#"{{"words": {words}}}"#))
            .with_usage(Usage::new(words as u64, 3))
            .with_finish_reason(FinishReason::Stop))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let memory = MemoryCallLogger::new();
    let runner = AgentRunner::builder(Counting::default(), PROMPTS)
        .logger(CallLog::new(memory.clone()))
        .build();
    let planner = AgentSpec::new("planner", "planner", "word-counter");

    let answer = runner.run(&planner, json!({"topic": "tides"})).await?;

    let record = &memory.records()[0];
    println!(
        "{} words, in {} requests",
        answer.data["words"],
        record.attempts.len()
    );
    assert_eq!(record.provider, "counting");
    assert_eq!(record.attempts.len(), 2);
    Ok(())
}
