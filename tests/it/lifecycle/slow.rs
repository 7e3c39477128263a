use std::sync::Arc;
use std::time::Duration;

use duologue::AgentRunner;
use duologue::agent::RunOptions;
use duologue::lifecycle::{Lifecycle, LifecycleEvent, Phase};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolSet};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use super::Heard;
use crate::support::spans::Listening;
use crate::support::{Before, plan, planner, prompts, topic};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

fn answer() -> ScriptedProvider {
    ScriptedProvider::new([Reply::json(plan())])
}

/// Something that goes on until somebody has heard that it is slow.
#[derive(Clone, Default)]
struct Slow(Arc<Notify>);

impl Slow {
    /// Ends what goes on as soon as it is heard to be slow.
    fn ends(&self, lifecycle: &Lifecycle) {
        let heard = self.0.clone();
        let end = move |event: &LifecycleEvent| {
            if event.phase == Phase::Slow {
                heard.notify_one();
            }
        };
        lifecycle.on(end).unwrap();
    }
}

/// A provider that answers when `slow` ends.
fn answering_after(slow: &Slow) -> impl duologue::provider::Provider + 'static {
    let slow = slow.clone();
    Before::new(answer(), move |_| {
        let slow = slow.clone();
        async move { slow.0.notified().await }
    })
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

#[tokio::test]
async fn a_slow_call_is_told_once_while_it_goes_on() {
    let (listening, slow) = (Listening::start(), Slow::default());
    let limit = Duration::from_millis(1);
    let mut heard = Heard::with(answering_after(&slow), |builder| builder.slow_call(limit));
    slow.ends(heard.runner.lifecycle());
    let options = RunOptions::new().document("tides");
    let agent = planner();
    let run = heard.runner.run_with(&agent, topic(), options);
    run.await.unwrap();
    let told = heard.told();
    let phases: Vec<Phase> = told.iter().map(|event| event.phase).collect();
    assert_eq!(phases, [Phase::Started, Phase::Slow, Phase::Finished]);
    assert!(told[1].duration_ms >= Some(1), "{told:?}");
    assert_eq!(told[1].document_id.as_deref(), Some("tides"));
    let said = warnings(&listening);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("a model call is slow: planner gpt-5-mini tides "),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_slow_call_is_warned_of_though_nobody_hears_the_lifecycle() {
    let (listening, slow) = (Listening::start(), Slow::default());
    let runner = AgentRunner::builder(answering_after(&slow), prompts());
    let runner = runner.slow_call(Duration::from_millis(1)).build();
    let end = async {
        while warnings(&listening).is_empty() {
            tokio::task::yield_now().await;
        }
        slow.0.notify_one();
    };
    let agent = planner();
    let (outcome, ()) = tokio::join!(runner.run(&agent, topic()), end);
    outcome.unwrap();
    assert_eq!(warnings(&listening).len(), 1);
}

#[tokio::test]
async fn what_ends_in_time_or_may_take_for_ever_is_not_slow() {
    let listening = Listening::start();
    for limit in [Duration::from_secs(3600), Duration::MAX] {
        let later = Before::new(answer(), |_| tokio::task::yield_now());
        let mut heard = Heard::with(later, |builder| builder.slow_call(limit));
        heard.runner.run(&planner(), topic()).await.unwrap();
        assert_eq!(heard.in_short(), ["call started 1", "call finished 1"]);
    }
    assert_eq!(warnings(&listening), [""; 0]);
}

#[tokio::test]
async fn a_slow_tool_is_told_once_and_goes_on() {
    let (listening, slow) = (Listening::start(), Slow::default());
    let digging = slow.clone();
    let tool = FunctionTool::new("dredge", "Digs.", move |_: Nothing| {
        let digging = digging.clone();
        async move {
            digging.0.notified().await;
            Ok("dug".to_owned())
        }
    });
    let set = ToolSet::builder().tool(tool).build().unwrap();
    let script =
        ScriptedProvider::new([Reply::tool_call("dredge", json!({})), Reply::json(plan())]);
    let limit = Duration::from_millis(1);
    let mut heard = Heard::with(script, |builder| builder.tools(set).slow_tool(limit));
    slow.ends(heard.runner.lifecycle());
    let agent = planner().with_tools(["*"]);
    heard.runner.run(&agent, topic()).await.unwrap();
    let short = heard.in_short();
    assert_eq!(short[2..5], ["tool started", "tool slow", "tool finished"]);
    let said = warnings(&listening);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("a tool is slow: planner dredge "),
        "{said:?}"
    );
}

#[test]
fn neither_quick_nor_waiting_calls_need_a_runtime_with_timers() {
    let timeless = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let quick = Heard::asking(answer());
    let waiting = Heard::asking(Before::new(answer(), |_| tokio::task::yield_now()));
    for mut heard in [quick, waiting] {
        timeless
            .block_on(heard.runner.run(&planner(), topic()))
            .unwrap();
        assert_eq!(heard.in_short(), ["call started 1", "call finished 1"]);
    }
}
