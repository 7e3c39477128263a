//! A process that dies while a tool runs: what it began is interrupted.

use std::io::{BufRead, BufReader};
use std::path::Path;

use duologue::AgentRunner;
use duologue::call_log::{LlmLogging, RunLog, ToolFailure, ToolStatus};
use duologue::provider::ScriptedProvider;
use duologue::query::{Defect, Verification};
use duologue::tool::ToolSet;
use serde_json::json;

use super::{LONG, agent, ask_tides, tides, tool};
use crate::log_support::{child as start, open, tell, told};
use crate::support::{folder, prompts, topic};

/// The child: one tool has its result, another one never will.
pub(crate) fn child(directory: &Path) {
    let ask = ask_tides("Dover").and_tool_call("stuck", json!({}));
    let stuck = tool("stuck", || async {
        tell("stuck");
        std::future::pending().await
    });
    let set = ToolSet::builder().tool(tides(&std::sync::Arc::default()));
    let runner = AgentRunner::builder(ScriptedProvider::new([ask]), prompts())
        .logger(open(directory, "run", LlmLogging::default()))
        .tools(set.tool(stuck).timeout(LONG).build().unwrap())
        .build();
    let _ = pollster::block_on(runner.run(&agent(), topic()));
}

#[test]
fn a_tool_that_ran_when_its_process_was_killed_is_interrupted() {
    let folder = folder();
    let mut child = start("tools", folder.path()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let heard = lines
        .map_while(Result::ok)
        .any(|line| told(&line) == Some("stuck"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(heard);

    let directory = folder.path().join("run");
    let tools = RunLog::open(&directory).unwrap().tool_calls().to_vec();
    let statuses: Vec<_> = tools.iter().map(|tool| tool.status.unwrap()).collect();
    assert_eq!(statuses, [ToolStatus::Succeeded, ToolStatus::Interrupted]);
    assert_eq!(
        tools[1].error.as_ref().unwrap().kind,
        ToolFailure::Interrupted
    );
    let found = Verification::of(&directory).unwrap().findings;
    let never: Vec<_> = found
        .iter()
        .filter(|one| one.defect == Defect::NeverFinished)
        .collect();
    assert_eq!(never.len(), 1, "{found:?}");

    let mut log = RunLog::open(&directory).unwrap();
    assert_eq!(log.recover().unwrap().interrupted_tools, 1);
    assert_eq!(log.recover().unwrap().interrupted_tools, 0);
    assert_eq!(RunLog::open(&directory).unwrap().tool_calls(), tools);
    let verification = Verification::of(&directory).unwrap();
    assert!(verification.is_clean(), "{:?}", verification.findings);
    assert_eq!(verification.tool_calls, 2);
}
