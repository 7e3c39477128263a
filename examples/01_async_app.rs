//! An agent in an async app: one runner for the whole process, one `await` per answer.
//!
//! The provider is scripted, so this runs offline. With a real endpoint only the provider changes:
//! `OpenAiProvider::builder().base_url("…").api_key_env("OPENAI_API_KEY").build()?`.

use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let runner = AgentRunner::new(provider(), PROMPTS);
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");

    let plan = runner.run(&planner, json!({"topic": "tides"})).await?;

    println!("{}", plan.data["title"]);
    for step in plan.data["steps"].as_array().into_iter().flatten() {
        println!("- {}", step["name"]);
    }
    println!("{} tokens", plan.usage.total_tokens().unwrap_or_default());
    assert_eq!(plan.data["title"], "How tides work");
    Ok(())
}

fn provider() -> ScriptedProvider {
    let plan = json!({
        "title": "How tides work",
        "steps": [
            {"name": "Watch one tide", "detail": "Note the water's height at a pier for a day."},
            {"name": "Draw the pull", "detail": "Sketch the Moon's pull on both sides of the Earth."},
        ],
    });
    ScriptedProvider::new([Reply::json(plan).usage(412, 96)])
}
