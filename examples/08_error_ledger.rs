//! When a run fails: what happened, call by call, what it cost, and what to do.

use duologue::provider::{Repeat, Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error, ErrorKind, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let runner = AgentRunner::builder(provider(), PROMPTS)
        .retry(RetryPolicy::default().with_max_retries(1))
        .build();
    let schema = json!({
        "type": "object",
        "required": ["title"],
        "properties": {"title": {"type": "string"}},
    });
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini")
        .with_response_schema(schema)
        .with_max_schema_repair_attempts(1);

    let invalid = error_of(runner.run(&planner, json!({"topic": "tides"})).await);
    explain(&invalid);
    assert_eq!(invalid.kind(), ErrorKind::InvalidAnswer);
    assert_eq!(invalid.ledger().usage().total_tokens(), Some(830));

    let busy = error_of(runner.run(&planner, json!({"topic": "comets"})).await);
    explain(&busy);
    assert!(busy.is_retryable() && busy.ledger().attempts() == 2);

    let typo = error_of(runner.run(&planner, json!({"topik": "tides"})).await);
    explain(&typo);
    assert_eq!(typo.kind(), ErrorKind::Prompt);
    assert!(typo.ledger().calls.is_empty(), "no request left");
}

fn error_of<T>(result: Result<T>) -> Error {
    let Err(error) = result else {
        unreachable!("this script lets every run fail")
    };
    error
}

fn explain(error: &Error) {
    println!("{}: {error}", error.kind());
    for call in &error.ledger().calls {
        let tokens = call.usage.total_tokens();
        println!(
            "  {} requests, tokens: {tokens:?}, answer: {:?}",
            call.attempts.len(),
            call.raw_text
        );
        for violation in &call.violations {
            println!("    `{}`: {}", violation.pointer, violation.message);
        }
    }
    if let Some(hint) = error.hint() {
        println!("  hint: {hint}");
    }
}

fn provider() -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::json(json!({"titel": "Tides"}))
            .usage(400, 8)
            .when("tides"),
        Reply::json(json!({"title": 7})).usage(415, 7).when("title"),
        Reply::status(503)
            .header("retry-after", "0")
            .repeat(Repeat::Times(2)),
    ])
}
