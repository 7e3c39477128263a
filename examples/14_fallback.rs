//! Two providers for one agent, with limits: the second answers while the first is down.

use duologue::provider::{
    Candidate, CircuitBreaker, Fallback, Limited, RateLimits, Reply, RetryPolicy, ScriptedProvider,
};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // In place of two endpoints: one that is down, and one that answers.
    let down = ScriptedProvider::new([Reply::status(503).forever()]);
    let up = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).forever()]);

    // Limits belong to a provider and its key, for each model; several runners may share them.
    let limits = RateLimits::new()
        .requests_per_minute(60)
        .tokens_per_minute(100_000);
    let no_retries = RetryPolicy::default().with_max_retries(0);
    let fallback = Fallback::new(Candidate::new(down.clone()).name("eu").retry(no_retries))
        .or(Candidate::new(Limited::new(up.clone(), limits))
            .name("us")
            .model("gpt-5"))
        .circuit_breaker(CircuitBreaker::default().failures(2));
    let fallback = std::sync::Arc::new(fallback);

    let runner = AgentRunner::new(fallback.clone(), PROMPTS);
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    for _ in 0..4 {
        let plan = runner.run(&planner, json!({"topic": "tides"})).await?;
        assert_eq!(plan.data["title"], "Tides");
    }

    // After two failures in a row the first one is left alone for a while.
    assert_eq!((down.requests().len(), up.requests().len()), (2, 4));
    for provider in fallback.status() {
        println!("{}: {:?}", provider.name, provider.circuit);
    }
    Ok(())
}
