//! The records of tool calls.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use duologue::AgentRunner;
use duologue::call_log::{
    CallLogger, LlmLogging, LogLevel, MemoryCallLogger, RunLog, TeeCallLogger, ToolRecord,
};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::query::{Export, ExportFormat, Filter, Run, Stats, Verification};
use duologue::telemetry::{TelemetryContent, names};
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use serde_json::json;

use super::{Harbour, Place, agent, answer, ask_tides, tides};
use crate::support::spans::Listening;
use crate::support::{Folder, file_log, folder, prompts, topic};

/// A run at `level` whose model asked for the tides of two harbours, one of which sank.
fn recorded(level: LogLevel) -> (Folder, PathBuf) {
    let folder = folder();
    let settings = LlmLogging {
        log_level: level,
        ..LlmLogging::default()
    };
    let script = ScriptedProvider::new([
        ask_tides("Dover, mail ada@example.org")
            .and_tool_call("tides", json!({"harbour": "Atlantis"})),
        answer(),
    ]);
    let tools = ToolSet::builder().tool(tides(&Arc::default()).acting_on_world());
    let runner = AgentRunner::builder(script, prompts())
        .logger(file_log(&folder, settings))
        .tools(tools.build().unwrap())
        .build();
    pollster::block_on(runner.run(&agent(), topic())).unwrap();
    runner.log().flush_blocking().unwrap();
    let directory = folder.path().join("run");
    (folder, directory)
}

fn journal(directory: &std::path::Path) -> String {
    let file = fs::read_dir(directory.join("journal")).unwrap().next();
    fs::read_to_string(file.unwrap().unwrap().path()).unwrap()
}

#[test]
fn the_journal_tells_of_each_tool_call_twice_and_of_the_tools_once() {
    let (_folder, directory) = recorded(LogLevel::Standard);
    let journal = journal(&directory);
    let events: Vec<_> = journal
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone())
        .filter(|event| event != "rendered")
        .collect();
    assert_eq!(
        events,
        [
            "opened",
            "tools_offered",
            "started",
            "finished",
            "tool_started",
            "tool_finished",
            "tool_started",
            "tool_finished",
            "started",
            "finished"
        ]
    );
    let log = RunLog::open(&directory).unwrap();
    let tools = log.tool_calls();
    assert_eq!(tools.len(), 2);
    let first = &tools[0];
    assert_eq!(first.schema, ToolRecord::SCHEMA);
    assert_eq!(first.call_id, log.records()[0].call_id);
    assert_eq!(first.execution_id, log.records()[0].execution_id);
    assert_eq!((first.index, tools[1].index), (0, 1));
    assert!(first.acts_on_world && first.is_success() && !first.replayed);
    assert_eq!(
        first.result_bytes,
        Some("06:12 in Dover, mail ada@example.org".len() as u64)
    );
    let offered = &log.tool_offers()[0];
    assert_eq!(
        Some(&offered.tools_hash),
        log.records()[1].tools_hash.as_ref()
    );
    assert_eq!(offered.definitions[0].name, "tides");
    assert_eq!(log.records()[0].tools, ["tides"]);
    assert!(Verification::of(&directory).unwrap().is_clean());
}

#[test]
fn no_level_holds_secrets_and_minimal_holds_no_content() {
    for level in [LogLevel::Minimal, LogLevel::Standard, LogLevel::Full] {
        let (_folder, directory) = recorded(level);
        let journal = journal(&directory);
        assert!(!journal.contains("ada@example.org"), "{level:?}");
        let has_content = level != LogLevel::Minimal;
        for content in ["Dover", "Atlantis", "06:12", "sank", "harbour's name"] {
            assert_eq!(
                journal.contains(content),
                has_content,
                "{level:?} {content}"
            );
        }
        let tools = RunLog::open(&directory).unwrap().tool_calls().to_vec();
        assert_eq!(tools.len(), 2, "{level:?}");
        assert_eq!(tools[0].result_bytes.unwrap(), 36);
    }
}

#[test]
fn a_run_is_asked_for_its_tool_calls_and_their_totals() {
    let (_folder, directory) = recorded(LogLevel::Standard);
    let run = Run::open(&directory).unwrap();
    let record = run.record(0).unwrap().unwrap();
    assert_eq!(run.tool_calls().unwrap().len(), 2);
    let of_first = run.tool_calls_of(&record.call_id).unwrap();
    assert_eq!(of_first, RunLog::open(&directory).unwrap().tool_calls());
    let second = run.record(1).unwrap().unwrap().call_id;
    assert!(run.tool_calls_of(&second).unwrap().is_empty());

    let runs = [run];
    let stats = Stats::of(&runs).unwrap();
    let total = &stats.tools[0];
    assert_eq!((&*total.name, total.calls, total.failed), ("tides", 2, 1));
    for (filter, tools) in [
        (Filter::default().agent("planner"), 1),
        (Filter::default().agent("judge"), 0),
        (Filter::default().model("gpt-5-mini").status("succeeded"), 1),
        (Filter::default().status("failed"), 0),
    ] {
        let stats = Stats::of_calls(&runs, &filter).unwrap();
        assert_eq!(stats.tools.len(), tools, "{filter:?}");
    }
}

#[test]
fn several_loggers_get_the_tool_calls_too() {
    let (one, other) = (MemoryCallLogger::new(), MemoryCallLogger::new());
    let loggers: [Arc<dyn CallLogger>; 2] = [Arc::new(one.clone()), Arc::new(other.clone())];
    let tools = ToolSet::builder().tool(tides(&Arc::default()));
    let runner = AgentRunner::builder(
        ScriptedProvider::new([ask_tides("Dover"), answer()]),
        prompts(),
    )
    .logger(TeeCallLogger::new(loggers))
    .tools(tools.build().unwrap())
    .build();
    pollster::block_on(runner.run(&agent(), topic())).unwrap();
    assert_eq!(one.tool_calls().len(), 1);
    assert_eq!(one.tool_calls(), other.tool_calls());
}

#[test]
fn runs_that_a_tool_starts_name_the_call_that_asked() {
    let parent = Arc::new(std::sync::Mutex::new(String::new()));
    let seen = parent.clone();
    let look = FunctionTool::with_context("look", "Looks.", move |_: Place, context| {
        context.call_id.clone_into(&mut seen.lock().unwrap());
        async { Ok::<_, ToolError>("nothing") }
    });
    let harbour = Harbour::with(
        |set| set.tool(look),
        [
            Reply::tool_call("look", json!({"harbour": "Dover"})),
            answer(),
        ],
    );
    harbour.run().unwrap();
    assert_eq!(*parent.lock().unwrap(), harbour.memory.records()[0].call_id);
}

#[cfg(feature = "cli")]
#[test]
fn the_command_shows_the_tool_calls_of_a_call() {
    let (folder, directory) = recorded(LogLevel::Standard);
    let directory = directory.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = crate::command::run_in(folder.path(), arguments);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output.stdout
    };
    let shown: serde_json::Value =
        serde_json::from_str(&run(&["logs", "show", directory, "1", "--json"])).unwrap();
    assert_eq!(shown["tool_results"][1]["status"], "failed");
    assert_eq!(
        shown["tool_results"][1]["result"],
        "no such harbour: it sank"
    );
    let stats = run(&["logs", "stats", directory]);
    let row = stats
        .lines()
        .find(|line| line.starts_with("tides"))
        .unwrap();
    let cells: Vec<_> = row.split_whitespace().take(3).collect();
    assert_eq!(cells, ["tides", "2", "1"]);
}

#[test]
fn a_tool_call_is_a_span_below_its_agent_and_holds_content_only_when_asked() {
    for content in [TelemetryContent::Omitted, TelemetryContent::Sanitized] {
        let script = ScriptedProvider::new([
            ask_tides("Dover").and_tool_call("tides", json!({"harbour": "Atlantis"})),
            answer(),
        ]);
        let tools = ToolSet::builder().tool(tides(&Arc::default()));
        let runner = AgentRunner::builder(script, prompts())
            .telemetry_content(content)
            .tools(tools.build().unwrap())
            .build();
        let listening = Listening::start();
        pollster::block_on(runner.run(&agent(), topic())).unwrap();

        let agents = listening.spans(names::INVOKE_AGENT);
        let [one, other] = &listening.spans(names::EXECUTE_TOOL)[..] else {
            panic!("two tool calls")
        };
        assert_eq!((one.parent, other.parent), (agents[0].id, agents[0].id));
        assert_eq!(one.get(names::GEN_AI_TOOL_NAME), "tides");
        assert_eq!(
            (one.get(names::ERROR_TYPE), other.get(names::ERROR_TYPE)),
            ("", "tool")
        );
        assert!(one.is_closed && other.is_closed);
        let asked = content == TelemetryContent::Sanitized;
        assert_eq!(
            one.get(names::GEN_AI_TOOL_CALL_RESULT) == "06:12 in Dover",
            asked
        );
        assert_eq!(
            one.get(names::GEN_AI_TOOL_CALL_ARGUMENTS).contains("Dover"),
            asked
        );
        let chats = listening.spans(names::CHAT);
        let told = chats[1].get(names::GEN_AI_INPUT_MESSAGES);
        assert_eq!(told.contains("tool_call_response"), asked);
        assert_eq!(
            chats[0]
                .get(names::GEN_AI_OUTPUT_MESSAGES)
                .contains("\"tool_call\""),
            asked
        );
    }
}

#[test]
fn traces_hold_a_span_for_each_tool_call() {
    let (_folder, directory) = recorded(LogLevel::Standard);
    let mut out = Vec::new();
    let run = Run::open(&directory).unwrap();
    let export = Export::new(ExportFormat::OtlpJson);
    export.write(&[run], &mut out).unwrap();
    let traces: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    let named = |name: &str| {
        spans
            .iter()
            .filter(|span| span["name"] == name)
            .collect::<Vec<_>>()
    };
    let (tools, agents) = (named("execute_tool tides"), named("invoke_agent planner"));
    assert_eq!((tools.len(), agents.len()), (2, 1));
    assert_eq!(tools[0]["parentSpanId"], agents[0]["spanId"]);
    assert_ne!(tools[0]["spanId"], tools[1]["spanId"]);
    assert!(!String::from_utf8(out).unwrap().contains("Dover"));
}
