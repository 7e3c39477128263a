//! Many agents at once with `join_all`: one runner, and each run has exactly its own tokens.

use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use futures::future::join_all;
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main]
async fn main() -> Result<()> {
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    let runner = AgentRunner::builder(provider(), PROMPTS)
        .max_in_flight(8)
        .build();

    let topics = ["tides", "comets", "volcanoes"];
    let plans = join_all(topics.map(|topic| runner.run(&planner, json!({"topic": topic})))).await;

    for (topic, plan) in topics.iter().zip(plans) {
        let plan = plan?;
        println!(
            "{topic}: {} ({:?} tokens)",
            plan.data["title"],
            plan.usage.total_tokens()
        );
        assert_eq!(plan.usage.total_tokens(), Some(100 + topic.len() as u64));
    }
    Ok(())
}

/// Each topic's answer costs 100 tokens and one for each of its letters.
fn provider() -> ScriptedProvider {
    ScriptedProvider::new(["volcanoes", "tides", "comets"].map(|topic| {
        Reply::json(json!({"title": format!("All about {topic}")}))
            .usage(100, topic.len() as u64)
            .when(topic)
    }))
}
