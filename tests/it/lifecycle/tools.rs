use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Waker};

use duologue::lifecycle::Subject;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Heard;
use crate::support::{plan, planner, topic};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// `works`, `fails` and `hangs`.
fn tools() -> ToolSet {
    let tool = |name: &'static str| {
        FunctionTool::new(name, "Does it.", move |_: Nothing| async move {
            match name {
                "works" => Ok("Seestern".to_owned()),
                "fails" => Err(ToolError::new("Seestern")),
                _ => pending().await,
            }
        })
    };
    let set = ToolSet::builder().tool(tool("works"));
    set.tool(tool("fails")).tool(tool("hangs")).build().unwrap()
}

fn asking(tool: &str) -> Heard {
    let script = ScriptedProvider::new([Reply::tool_call(tool, json!({})), Reply::json(plan())]);
    Heard::with(script, |builder| builder.tools(tools()))
}

#[test]
fn a_tool_is_told_with_the_call_that_asked_for_it() {
    let mut heard = asking("works");
    let agent = planner().with_tools(["*"]);
    pollster::block_on(heard.runner.run(&agent, topic())).unwrap();
    let told = heard.told();
    let short: Vec<String> = told.iter().map(|event| super::in_short(event)).collect();
    let expected = [
        "call started 1",
        "call finished 1",
        "tool started",
        "tool finished",
        "call started 2",
        "call finished 2",
    ];
    assert_eq!(short, expected);
    let of_tool = told.iter().filter(|event| event.subject == Subject::Tool);
    for event in of_tool {
        assert_eq!(event.tool.as_deref(), Some("works"));
        assert_eq!(event.agent.as_deref(), Some("planner"));
        assert_eq!(event.call_id, told[0].call_id);
        assert!(
            !serde_json::to_string(&**event)
                .unwrap()
                .contains("Seestern")
        );
    }
}

#[test]
fn a_tool_that_gives_no_result_fails_without_its_words() {
    for (tool, message) in [
        ("fails", "it gave no result: failed"),
        ("unheard_of", "it gave no result: unknown_tool"),
    ] {
        let mut heard = asking(tool);
        let agent = planner().with_tools(["*"]);
        pollster::block_on(heard.runner.run(&agent, topic())).unwrap();
        let told = heard.told();
        let failed = &told[3];
        assert_eq!(super::in_short(failed), "tool failed: tool");
        assert_eq!(failed.error.as_ref().unwrap().message, message);
    }
}

#[test]
fn a_tool_that_is_dropped_fails_as_cancelled() {
    let mut heard = asking("hangs");
    let agent = planner().with_tools(["*"]);
    let runner = heard.runner.clone();
    {
        let mut run = pin!(runner.run(&agent, topic()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
        heard.told();
    }
    assert_eq!(heard.in_short(), ["tool failed: cancelled"]);
}
