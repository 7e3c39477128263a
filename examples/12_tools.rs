//! Tools: async functions and sync closures that a model may call, the latter in the blocking runner,
//! which they may call again.

use std::error::Error;

use duologue::call_log::{CallLog, MemoryCallLogger};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use duologue::{AgentRunner, AgentSpec, blocking};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What the tool `tides` takes; the model sees these comments in the schema.
#[derive(Deserialize, JsonSchema)]
struct Place {
    /// The harbour's name.
    harbour: String,
}

#[derive(Deserialize, JsonSchema)]
struct Question {
    question: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let records = MemoryCallLogger::new();
    let log = CallLog::new(records.clone());
    let provider = provider();
    let tides = FunctionTool::new(
        "tides",
        "Says when the tide is high.",
        |place: Place| async move { Ok::<_, ToolError>(format!("06:12 in {}", place.harbour)) },
    );

    // A closure without async, which asks another agent: runs inside of a tool are recorded too.
    let experts: blocking::AgentRunner = AgentRunner::builder(provider.clone(), prompts())
        .logger(log.clone())
        .build()
        .into();
    let expert = FunctionTool::blocking("expert", "Explains.", move |asked: Question| {
        let expert = AgentSpec::new("expert", "expert", "gpt-5-mini");
        let answer = experts.run(&expert, json!({"question": asked.question}))?;
        Ok(answer.data)
    });

    let tools = ToolSet::builder().tool(tides).tool(expert).build()?;
    let runner: blocking::AgentRunner = AgentRunner::builder(provider, prompts())
        .logger(log)
        .tools(tools)
        .build()
        .into();
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini").with_tools(["*"]);
    let plan = runner.run(&planner, json!({"topic": "Dover"}))?;

    println!("{}", plan.data);
    for call in records.tool_calls() {
        println!(
            "{} {:?} in {:?} ms: {}",
            call.name,
            call.status,
            call.duration_ms,
            call.result.unwrap_or_default()
        );
    }
    assert_eq!(plan.ledger.tools().count(), 3);
    Ok(())
}

fn prompts() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("planner/system.tera", "Plan a swim. Answer with JSON."),
        ("planner/user.tera", "Where: {{ topic }}"),
        ("expert/system.tera", "Answer with JSON."),
        ("expert/user.tera", "{{ question }}"),
    ])
}

/// Asks for two tools at once, then for one with wrong arguments, then answers.
fn provider() -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::tool_call("tides", json!({"harbour": "Dover"}))
            .and_tool_call("expert", json!({"question": "Why are there tides?"}))
            .agent("planner"),
        Reply::json(json!({"because": "the Moon pulls"})).agent("expert"),
        Reply::tool_call("tides", json!({"port": "Calais"})).agent("planner"),
        Reply::json(json!({"swim_at": "07:30"})).agent("planner"),
    ])
}
