//! Over HTTP, against a server that was not written here: the feedback decides what it answers.

use duologue::call_log::MemoryCallLogger;
use duologue::env::Environment;
use duologue::flow::review::{Check, ReviewLoop, Rule};
use duologue::prompt::PromptLibrary;
use duologue::provider::OpenAiProvider;
use duologue::{AgentRunner, AgentSpec, blocking};
use serde_json::json;

use crate::support::aimock::{Aimock, KEY};

const PACKS: [(&str, &str); 5] = [
    ("planner/system.tera", "Plan."),
    ("planner/user.tera", "Plan {{ topic }}."),
    (
        "planner/user_refinement.tera",
        "Plan {{ topic }} again. {{ feedback }}",
    ),
    ("judge/system.tera", "Judge."),
    (
        "judge/user.tera",
        "title: {{ draft.title }}, steps: {{ draft.steps | length }}",
    ),
];

#[test]
fn drafts_get_better_by_feedback_and_requests_on_the_wire_are_calls_in_the_records() {
    let Some(server) = Aimock::start("review.json") else {
        return;
    };
    let provider = OpenAiProvider::builder()
        .base_url(format!("{}/v1", server.url))
        .api_key_env("SUITE_KEY")
        .environment(Environment::fixed([("SUITE_KEY", KEY)]))
        .build()
        .unwrap();
    let memory = MemoryCallLogger::new();
    let runner = AgentRunner::builder(provider, PromptLibrary::in_memory(PACKS))
        .logger(memory.clone())
        .build();
    let review = ReviewLoop::builder(
        AgentSpec::new("planner", "planner", "review-planner"),
        AgentSpec::new("judge", "judge", "review-judge"),
    )
    .checked_by(Check::rule("steps", Rule::at("/steps").min_items(1)))
    .build()
    .unwrap();

    let review = blocking::ReviewLoop::from(review);
    let outcome = review
        .run(
            &blocking::AgentRunner::from(runner),
            json!({"topic": "tides"}),
        )
        .unwrap();
    assert!(outcome.is_approved(), "{outcome:?}");
    assert_eq!(outcome.data["steps"], json!(["moon", "sun"]));
    let scores: Vec<Option<f64>> = outcome
        .rounds
        .iter()
        .map(|round| round.verdict.as_ref()?.score)
        .collect();
    assert_eq!(scores, [None, Some(6.0), Some(8.5)]);
    assert_eq!(server.requests("/v1/chat/completions"), 5);
    assert_eq!(memory.records().len(), 5);
    assert_eq!(outcome.usage.total_tokens(), Some(60 + 80 + 50 + 90 + 50));
}
