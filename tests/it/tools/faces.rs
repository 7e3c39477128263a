//! Tools through both faces: the same outcome, the same records.

use std::sync::Arc;

use duologue::call_log::MemoryCallLogger;
use duologue::clock::SteppingClock;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use duologue::{AgentRunner, AgentSpec, blocking};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{agent, answer, ask_tides, tides};
use crate::support::{current_thread, in_time, plan, prompts, topic};

#[test]
fn both_faces_leave_the_same_records() {
    let left = |run: &dyn Fn(AgentRunner)| {
        let memory = MemoryCallLogger::new();
        let script = ScriptedProvider::new([
            ask_tides("Dover").and_tool_call("tides", json!({"harbour": "Atlantis"})),
            ask_tides("Calais").and_tool_call("nothing", json!({})),
            answer(),
        ]);
        let log = duologue::call_log::CallLog::new(memory.clone()).with_run_id("run");
        let set = ToolSet::builder().tool(tides(&Arc::default()));
        let runner = AgentRunner::builder(script, prompts())
            .logger(log)
            .clock(Arc::new(SteppingClock::starting_at(0)))
            .tools(set.build().unwrap());
        run(runner.build());
        let records = serde_json::to_value((memory.records(), memory.tool_calls()));
        records.unwrap()
    };
    let pollster = left(&|runner| drop(pollster::block_on(runner.run(&agent(), topic())).unwrap()));
    let tokio = left(&|runner| {
        drop(
            current_thread()
                .block_on(runner.run(&agent(), topic()))
                .unwrap(),
        );
    });
    let blocking = left(&|runner| {
        drop(
            blocking::AgentRunner::from(runner)
                .run(&agent(), topic())
                .unwrap(),
        );
    });
    let times = |mut value: Value| {
        for record in value.as_array_mut().unwrap()[0].as_array_mut().unwrap() {
            record["attempts"] = Value::Null;
        }
        value
    };
    let expected = times(pollster);
    assert_eq!(expected[1].as_array().unwrap().len(), 4);
    assert_eq!(times(tokio), expected);
    assert_eq!(times(blocking), expected);
}

#[derive(Deserialize, JsonSchema)]
struct Question {
    question: String,
}

#[test]
fn a_closure_without_async_calls_the_blocking_runner_again() {
    let prompts = PromptLibrary::in_memory([
        ("asker/system.tera", "Ask the expert."),
        ("expert/system.tera", "Answer."),
        ("expert/user.tera", "{{ question }}"),
    ]);
    let script = ScriptedProvider::new([
        Reply::tool_call("expert", json!({"question": "why?"}))
            .and_tool_call("expert", json!({"question": "how?"}))
            .agent("asker"),
        Reply::json(json!({"because": "the Moon"}))
            .agent("expert")
            .when("why"),
        Reply::json(json!({"by": "gravity"}))
            .agent("expert")
            .when("how"),
        Reply::json(plan()).agent("asker"),
    ]);
    let memory = MemoryCallLogger::new();
    let log = duologue::call_log::CallLog::new(memory.clone());
    let inner: blocking::AgentRunner = AgentRunner::builder(script.clone(), prompts.clone())
        .logger(log.clone())
        .build()
        .into();
    let expert = FunctionTool::blocking("expert", "Knows.", move |asked: Question| {
        let spec = AgentSpec::new("expert", "expert", "m");
        let variables = json!({"question": asked.question});
        let outcome = inner.run(&spec, variables);
        outcome.map(|outcome| outcome.data).map_err(ToolError::from)
    });
    let outer: blocking::AgentRunner = AgentRunner::builder(script.clone(), prompts)
        .logger(log)
        .tools(ToolSet::builder().tool(expert).build().unwrap())
        .build()
        .into();

    let spec = AgentSpec::new("asker", "asker", "m").with_tools(["expert"]);
    let outcome = in_time(move || outer.run(&spec, ())).unwrap();
    assert_eq!(outcome.data, plan());
    script.finish().unwrap();
    let last = memory
        .records()
        .into_iter()
        .rfind(|record| record.agent == "asker");
    let told: Vec<_> = last.unwrap().messages[2..]
        .iter()
        .map(|message| message.content.clone())
        .collect();
    assert_eq!(told, [r#"{"because":"the Moon"}"#, r#"{"by":"gravity"}"#]);
}
