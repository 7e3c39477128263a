//! Answers as Rust types: the type is the schema, and an answer that does not fit is repaired.

use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Approve,
    SoftFail,
    HardFail,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Judgement {
    verdict: Verdict,
    /// From 0 to 10.
    #[schemars(range(min = 0.0, max = 10.0))]
    score: f64,
    feedback: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let runner = AgentRunner::new(provider(), PROMPTS);
    let judge = AgentSpec::new("judge", "judge", "gpt-5-mini");

    let judged = runner
        .run_as::<Judgement>(&judge, json!({"item": "The Moon makes the tides."}))
        .await?;

    let Judgement {
        verdict,
        score,
        feedback,
    } = judged.data;
    println!("{verdict:?}, {score} of 10: {feedback}");
    println!(
        "{} repair, in {} calls",
        judged.repairs,
        judged.ledger.calls.len()
    );
    for call in &judged.ledger.calls {
        for violation in &call.violations {
            println!("  repaired `{}`: {}", violation.pointer, violation.message);
        }
    }
    assert_eq!((verdict, judged.repairs), (Verdict::Approve, 1));
    Ok(())
}

/// The first answer has a word that the type does not know, and a score that is too high.
fn provider() -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::json(json!({"verdict": "approved", "score": 11, "feedback": "Good."})),
        Reply::json(json!({"verdict": "approve", "score": 9, "feedback": "Good."})),
    ])
}
