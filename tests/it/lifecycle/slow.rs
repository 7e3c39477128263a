use std::time::Duration;

use duologue::AgentRunner;
use duologue::agent::RunOptions;
use duologue::lifecycle::Phase;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolSet};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{advance, sleep};

use super::Heard;
use crate::support::spans::Listening;
use crate::support::{Before, plan, planner, prompts, topic};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

fn answer() -> ScriptedProvider {
    ScriptedProvider::new([Reply::json(plan())])
}

/// A provider that takes so many seconds.
fn taking(seconds: u64) -> impl duologue::provider::Provider + 'static {
    Before::new(answer(), move |_| sleep(Duration::from_secs(seconds)))
}

/// What `tracing` was told of slow things.
fn warnings(listening: &Listening) -> Vec<String> {
    let told = listening.told();
    let events = told.iter().filter(|told| told.is_event);
    let slow = events.filter(|told| told.get("message").ends_with("is slow"));
    slow.map(|told| {
        let what = [
            "gen_ai.agent.name",
            "gen_ai.request.model",
            "gen_ai.tool.name",
        ];
        let fields = ["duologue.document_id", "duologue.elapsed_ms"];
        let fields = what.iter().chain(&fields).map(|name| told.get(name));
        let fields: Vec<&str> = fields.filter(|value| !value.is_empty()).collect();
        format!("{}: {}", told.get("message"), fields.join(" "))
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_told_once_while_it_goes_on() {
    let listening = Listening::start();
    let mut heard = Heard::asking(taking(100));
    let (runner, agent) = (heard.runner.clone(), planner());
    let options = RunOptions::new().document("tides");
    let run = tokio::spawn(async move { runner.run_with(&agent, topic(), options).await });
    // Lets the run get to where it waits.
    tokio::task::yield_now().await;
    assert_eq!(heard.in_short(), ["call started 1"]);
    advance(Duration::from_millis(29_900)).await;
    assert_eq!(heard.in_short(), [""; 0]);
    advance(Duration::from_millis(200)).await;
    tokio::task::yield_now().await;
    let told = heard.told();
    assert_eq!((told.len(), told[0].phase), (1, Phase::Slow));
    assert!(told[0].duration_ms >= Some(30_000), "{told:?}");
    assert_eq!(told[0].document_id.as_deref(), Some("tides"));

    run.await.unwrap().unwrap();
    assert_eq!(heard.in_short(), ["call finished 1"]);
    let said = warnings(&listening);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("a model call is slow: planner gpt-5-mini tides 30"),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_warned_of_though_nobody_hears_the_lifecycle() {
    let listening = Listening::start();
    let runner = AgentRunner::builder(taking(10), prompts());
    let runner = runner.slow_call(Duration::from_secs(9)).build();
    runner.run(&planner(), topic()).await.unwrap();
    assert_eq!(warnings(&listening).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_time_or_may_take_for_ever_is_not_slow() {
    let listening = Listening::start();
    for (seconds, limit) in [(29, Duration::from_secs(30)), (90_000, Duration::MAX)] {
        let mut heard = Heard::with(taking(seconds), |builder| builder.slow_call(limit));
        heard.runner.run(&planner(), topic()).await.unwrap();
        assert_eq!(heard.in_short(), ["call started 1", "call finished 1"]);
    }
    assert_eq!(warnings(&listening), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_told_once_and_keeps_its_timeout() {
    let listening = Listening::start();
    let tool = FunctionTool::new("dredge", "Digs.", |_: Nothing| async {
        sleep(Duration::from_secs(500)).await;
        Ok("never".to_owned())
    });
    let set = ToolSet::builder()
        .tool(tool)
        .timeout(Duration::from_secs(20));
    let script =
        ScriptedProvider::new([Reply::tool_call("dredge", json!({})), Reply::json(plan())]);
    let mut heard = Heard::with(script, |builder| builder.tools(set.build().unwrap()));
    let agent = planner().with_tools(["*"]);
    heard.runner.run(&agent, topic()).await.unwrap();
    let short = heard.in_short();
    assert_eq!(
        short[2..5],
        ["tool started", "tool slow", "tool failed: timeout"]
    );
    let said = warnings(&listening);
    assert_eq!(said, ["a tool is slow: planner dredge 10000"]);
}

#[test]
fn a_provider_that_is_ready_at_once_needs_no_timer() {
    // A timer panics on a runtime without time.
    let timeless = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut heard = Heard::asking(answer());
    timeless
        .block_on(heard.runner.run(&planner(), topic()))
        .unwrap();
    assert_eq!(heard.in_short(), ["call started 1", "call finished 1"]);
}
