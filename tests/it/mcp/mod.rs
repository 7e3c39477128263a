mod bad;
mod end_to_end;
mod everything;
mod jobs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue::Result;
use duologue::env::Environment;
use duologue::tool::mcp::{McpOptions, McpServerConfig, McpServers};
use duologue::tool::{Tool, ToolContext, ToolError};
use serde_json::Value;

use crate::support::Folder;

/// Where `.ci/servers/mcp` puts the servers; `None`, and a warning, when it did not run.
pub(crate) fn installed() -> Option<PathBuf> {
    let folder = crate::tree::root().join("target/test-servers/mcp");
    if folder.join("python/installed").exists() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "the MCP servers are missing: run `make servers`");
    eprintln!("WARNING: the MCP servers are missing, so this test is SKIPPED: run `make servers`");
    None
}

/// The server of this folder with a habit; what happens to it stands in `marks` below `folder`.
fn odd(habit: &str, folder: &Folder) -> McpServerConfig {
    let script = crate::tree::root().join("tests/it/mcp/server.py");
    let marks = folder.path().join("marks");
    let args = [script.as_path(), Path::new(habit), &marks];
    McpServerConfig::command("python3", args.map(|arg| arg.display().to_string()))
}

fn marks(folder: &Folder) -> Vec<String> {
    let text = std::fs::read_to_string(folder.path().join("marks")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The number after `word` in the last mark that begins with it.
fn marked(folder: &Folder, word: &str) -> u32 {
    let marks = marks(folder);
    let line = marks.iter().rev().find(|line| line.starts_with(word));
    let number = line.and_then(|line| line.split(' ').nth(1));
    number.expect("the mark is there").parse().unwrap()
}

fn is_running(pid: u32) -> bool {
    // A zombie answers signals too.
    let state = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Waits for something that another process does.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Connects to one server, called `odd`, without the caller's environment.
fn connect(config: &McpServerConfig) -> Result<McpServers> {
    let options = McpOptions::new().environment(Environment::fixed([
        ("MY_TOKEN", "a-token-that-nobody-knows"),
        ("OTHER", "not passed on"),
    ]));
    McpServers::connect_blocking([("odd", config)], &options)
}

fn tool(servers: &McpServers, name: &str) -> Arc<dyn Tool> {
    let found = servers.tools().find(|tool| tool.definition().name == name);
    found.unwrap_or_else(|| panic!("no tool {name} in {:?}", names(servers)))
}

fn names(servers: &McpServers) -> Vec<String> {
    let names = servers.tools().map(|tool| tool.definition().name.clone());
    names.collect()
}

/// Calls a tool on this thread, outside of any runtime.
fn call(tool: &Arc<dyn Tool>, arguments: Value) -> Result<String, ToolError> {
    let context = ToolContext::default();
    let output = pollster::block_on(tool.call(arguments, &context))?;
    Ok(output.into_string())
}
