//! A planner whose drafts go back until a judge approves one, with checks that save the judge's calls.

use duologue::flow::review::{Check, Issue, ReviewLoop, Rule, Severity};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::{Value, json};

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    // The judge may well be another model. Without a schema of its own it is asked for a score,
    // issues, strengths and feedback.
    let judge = AgentSpec::new("judge", "plan_judge", "gpt-5");
    let review = ReviewLoop::builder(planner, judge)
        .check("steps are told apart", told_apart)
        .checked_by(Check::rule("enough", Rule::at("/steps").min_items(2)))
        .checked_by(
            Check::rule("short", Rule::at("/steps/*/name").max_length(40))
                .severity(Severity::Warning),
        )
        .max_iterations(4)
        .approve_at(7.5)
        .token_budget(20_000)
        .build()?;

    let runner = AgentRunner::new(offline(), PROMPTS);
    let plan = review.run(&runner, json!({"topic": "tides"})).await?;
    for round in &plan.rounds {
        let verdict = round.verdict.as_ref();
        let judged = verdict.map_or("not judged".to_owned(), |verdict| {
            format!("{:?}: {}", verdict.score, verdict.status)
        });
        println!("round {}: {judged}", round.iteration);
        for issue in &round.issues {
            println!("  {issue}");
        }
    }
    println!("{}: {}", plan.reason, plan.data["steps"]);

    assert!(plan.is_approved());
    // The first draft was sent back by a check: three drafts, two calls of the judge.
    assert_eq!((plan.rounds.len(), plan.ledger.calls.len()), (3, 5));
    Ok(())
}

fn told_apart(draft: &Value) -> Vec<Issue> {
    let steps = draft["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let again = steps.iter().enumerate().skip(1);
    again
        .filter(|(at, step)| steps[..*at].contains(step))
        .map(|(at, _)| Issue::error("the step is there twice").at(format!("/steps/{at}")))
        .collect()
}

/// In place of an endpoint.
fn offline() -> ScriptedProvider {
    let step = |name: &str| json!({"name": name, "detail": "…"});
    let plan =
        |steps: &[Value]| Reply::json(json!({"title": "Tides", "steps": steps})).agent("planner");
    let verdict = |verdict: Value| Reply::json(verdict).agent("judge");
    ScriptedProvider::new([
        plan(&[step("Watch"), step("Watch")]),
        plan(&[step("Watch"), step("Draw the Moon")]),
        verdict(json!({"score": 6, "feedback": "Add the Sun.", "strengths": ["the first step"]})),
        plan(&[step("Watch"), step("Draw the Moon"), step("Add the Sun")]),
        verdict(json!({"score": 9, "feedback": "Ready."})),
    ])
}
