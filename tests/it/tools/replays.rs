//! Replays of runs with tools: the same outcomes, and nothing is done.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::call_log::{LlmLogging, RunLog};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::replay::ReplayProvider;
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use duologue::{AgentRunner, Error, ErrorKind, Outcome};
use serde_json::{Value, json};

use super::{Nothing, agent, answer, ask_tides, tides, tool};
use crate::log_support::open;
use crate::support::{Folder, folder, prompts, topic};

fn run(
    folder: &Folder,
    id: &str,
    provider: impl duologue::provider::Provider + 'static,
    tools: ToolSet,
) -> Result<Outcome<Value>, Error> {
    let runner = AgentRunner::builder(provider, prompts())
        .logger(open(folder.path(), id, LlmLogging::default()))
        .tools(tools)
        .build();
    let result = pollster::block_on(runner.run(&agent(), topic()));
    runner.log().flush_blocking().unwrap();
    result
}

/// Tools of every kind; what they did is counted.
fn tools(done: &Arc<AtomicUsize>) -> ToolSet {
    let done_too = done.clone();
    let dice = FunctionTool::new("dice", "Falls as it likes.", move |_: Nothing| {
        let number = done_too.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, ToolError>(number) }
    });
    ToolSet::builder()
        .tool(tides(done).acting_on_world())
        .tool(dice)
        .tool(tool("kraken", || async { panic!("eaten") }))
        .tool(tool("sink", || async {
            Err(ToolError::fatal("the ship sank"))
        }))
        .tool(tool("sleep", std::future::pending))
        .build()
        .unwrap()
}

fn outline(folder: &Folder, id: &str) -> (Vec<Value>, Vec<Value>) {
    let log = RunLog::open(folder.path().join(id)).unwrap();
    let pick = |value: Value, keys: &[&str]| keys.iter().map(|key| value[key].clone()).collect();
    let call = |record| {
        let keys = [
            "agent",
            "turn",
            "status",
            "error",
            "messages",
            "tool_calls",
            "answer",
            "tools_hash",
        ];
        pick(serde_json::to_value(record).unwrap(), &keys)
    };
    let tool = |record| {
        let keys = [
            "name",
            "index",
            "status",
            "error",
            "result",
            "result_bytes",
            "arguments",
            "acts_on_world",
        ];
        pick(serde_json::to_value(record).unwrap(), &keys)
    };
    let calls = log.records().iter().map(call).collect();
    let tools = log.tool_calls().iter();
    let mut tools: Vec<Value> = tools.map(tool).collect();
    // A panic's own words are not given again.
    for tool in &mut tools {
        if tool[3]["kind"] == "panicked" {
            tool[3] = json!({"kind": "failed"});
        }
    }
    (calls, tools)
}

fn recorded(folder: &Folder, replies: Vec<Reply>) -> (PathBuf, Result<Outcome<Value>, Error>) {
    let first = run(
        folder,
        "first",
        ScriptedProvider::new(replies),
        tools(&Arc::default()),
    );
    (folder.path().join("first"), first)
}

#[test]
fn a_replay_has_the_same_outcome_and_does_nothing() {
    let folder = folder();
    let roll = Reply::tool_call("dice", json!({}));
    let (from, first) = recorded(
        &folder,
        vec![
            roll.clone()
                .and_tool_call("dice", json!(null))
                .and_tool_call("tides", json!({"harbour": "x"})),
            ask_tides("Atlantis")
                .and_tool_call("kraken", json!({}))
                .and_tool_call("gone", json!({})),
            roll.and_tool_call("tides", json!({"harbour": 7})),
            answer(),
        ],
    );
    let replay = ReplayProvider::from_run(from).unwrap();
    let set = replay.tools().unwrap();
    let again = run(&folder, "again", replay.clone(), set).unwrap();
    assert_eq!(again.data, first.unwrap().data);
    assert_eq!(outline(&folder, "again"), outline(&folder, "first"));
    assert!(replay.report().unused.is_empty());
    let log = RunLog::open(folder.path().join("again")).unwrap();
    assert!(log.tool_calls().iter().all(|tool| tool.replayed));
}

#[test]
fn a_fatal_tool_ends_the_replay_too() {
    let folder = folder();
    let ask = Reply::tool_call("sleep", json!({})).and_tool_call("sink", json!({}));
    let (from, first) = recorded(&folder, vec![ask]);
    let replay = ReplayProvider::from_run(from).unwrap();
    let set = replay.tools().unwrap();
    let again = run(&folder, "again", replay, set).unwrap_err();
    let first = first.unwrap_err();
    assert_eq!(format!("{again:#}"), format!("{first:#}"));
    assert_eq!(again.kind(), ErrorKind::Tool);
    assert_eq!(outline(&folder, "again"), outline(&folder, "first"));
}

#[test]
fn a_tool_call_that_no_record_answers_ends_the_run() {
    let folder = folder();
    let (from, _) = recorded(&folder, vec![ask_tides("Dover"), answer()]);
    let set = ReplayProvider::from_run(&from).unwrap().tools().unwrap();
    // Another model, which asks for more than was recorded.
    let other = ScriptedProvider::new([ask_tides("Dover"), ask_tides("Dover"), answer()]);
    let error = run(&folder, "other", other, set).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRecorded);
    let text = format!("{error:#}");
    assert!(text.contains("answers this call of tool `tides`"), "{text}");
    assert!(!text.contains("Dover"), "{text}");
}

#[test]
fn other_tools_are_another_request() {
    let folder = folder();
    let (from, _) = recorded(&folder, vec![ask_tides("Dover"), answer()]);
    let replay = ReplayProvider::from_run(from).unwrap();
    let fewer = ToolSet::builder()
        .tool(tides(&Arc::default()))
        .build()
        .unwrap();
    let error = run(&folder, "again", replay, fewer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRecorded);
    assert!(format!("{error:#}").contains("`tools` is "), "{error:#}");
}

#[test]
fn tools_whose_description_the_sanitizer_changed_replay_as_well() {
    let folder = folder();
    let mail = FunctionTool::new("mail", "Mails ada@example.org.", |_: Nothing| async {
        Ok::<_, ToolError>("sent to ada@example.org")
    });
    let script = ScriptedProvider::new([Reply::tool_call("mail", json!({})), answer()]);
    let set = ToolSet::builder().tool(mail).build().unwrap();
    run(&folder, "first", script, set).unwrap();
    let replay = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let set = replay.tools().unwrap();
    run(&folder, "again", replay, set).unwrap();
}

/// A job whose run `from` had tools, answered by that run.
#[cfg(feature = "cli")]
#[test]
fn a_job_replays_the_tools_of_its_run_offline() {
    let folder = crate::command::Folder::new();
    folder.write("prompts/planner/system.tera", "Plan.");
    folder.write("prompts/planner/user.tera", "Topic: {{ topic }}");
    let recorded = crate::support::folder();
    let (from, _) = self::recorded(&recorded, vec![ask_tides("Dover"), answer()]);
    let schema = crate::support::plan_schema();
    let agent = json!({
        "name": "planner", "prompt_pack": "planner", "model": "gpt-5-mini", "tools": ["*"],
        "response_schema": schema, "variables": {"topic": "tides"},
    });
    let job = |tools: &str| {
        let mut agent = agent.clone();
        agent["tools"] = json!([tools]);
        let provider = json!({"kind": "replay", "from": from});
        json!({"provider": provider, "agents": [agent], "run_id": "again"}).to_string()
    };
    folder.write("job.json", &job("*"));
    folder.write("wrong.json", &job("tidse"));

    let ran = folder.run_with(&["run", "job.json", "--json"], &[("DUOLOGUE_OFFLINE", "1")]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert_eq!(ran.json()["results"][0]["data"], crate::support::plan());
    let log = RunLog::open(folder.path("artifacts/again")).unwrap();
    assert_eq!(
        log.tool_calls()[0].result.as_deref(),
        Some("06:12 in Dover")
    );
    assert!(log.tool_calls()[0].replayed);

    let checked = folder.run(&["check", "wrong.json"]);
    assert_eq!(checked.code, Some(2));
    assert!(
        checked.stderr.contains("agents[0].tools"),
        "{}",
        checked.stderr
    );
    assert!(
        checked.stderr.contains("did you mean `tides`?"),
        "{}",
        checked.stderr
    );
}
