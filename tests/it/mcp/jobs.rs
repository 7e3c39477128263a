//! Jobs with MCP servers, through the command.

use super::{eventually, is_running};
use duologue::call_log::{RunLog, ToolStatus};

use crate::command::{Folder, has_begun};
use crate::tree::root;

const ODD: &str = "mcp_servers: {odd: {command: python3, args: [server.py, HABIT, marks]}}\n";

/// A folder with a job whose server has this habit.
fn folder_with(habit: &str) -> Folder {
    let folder = Folder::with_job();
    folder.write("server.py", include_str!("server.py"));
    folder.write("job.yaml", &with(&ODD.replace("HABIT", habit)));
    folder
}

fn with(more: &str) -> String {
    format!("{}{more}", crate::command::JOB)
}

fn marked(folder: &Folder, word: &str) -> Option<u32> {
    let marks = std::fs::read_to_string(folder.path("marks")).unwrap_or_default();
    let line = marks.lines().rev().find(|line| line.starts_with(word))?;
    line.split(' ').nth(1)?.parse().ok()
}

const PATH: &[(&str, &str)] = &[("PATH", "/usr/local/bin:/usr/bin:/bin")];

#[test]
fn a_job_starts_its_servers_beside_its_file_and_ends_them() {
    let folder = folder_with("fine");
    let ended = folder.run_with(&["run", "job.yaml"], PATH);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(folder.read("marks").contains("input closed"));
    assert!(!is_running(marked(&folder, "start").unwrap()));
}

#[test]
fn checking_a_job_starts_nothing() {
    let folder = folder_with("fine");
    let ended = folder.run_with(&["check", "job.yaml"], PATH);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(!folder.path("marks").exists());
}

#[test]
fn a_server_that_does_not_start_ends_the_job_before_its_first_request() {
    let folder = folder_with("exits");
    let ended = folder.run_with(&["run", "job.yaml"], PATH);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(
        ended
            .stderr
            .contains("MCP server `odd` did not answer: it hung up; its process ended with exit status: 7, and last wrote to stderr: no such table: tides"),
        "{}",
        ended.all()
    );
    assert!(!folder.path("out").exists());
}

#[test]
fn an_interrupted_job_ends_a_server_that_is_starting() {
    let folder = folder_with("mute");
    let hanging = folder.start_and_wait(&["run", "job.yaml"], PATH, || {
        marked(&folder, "start").is_some()
    });
    let ended = hanging.signal("INT");
    assert_eq!(ended.code, Some(130), "{}", ended.all());
    let pid = marked(&folder, "start").unwrap();
    eventually("the server is gone", || !is_running(pid));
}

#[test]
fn an_interrupted_call_ends_the_servers_too() {
    let folder = folder_with("stubborn");
    folder.write("replies.yaml", "replies: [{never: true}]");
    let journal = folder.path("out/demo/journal");
    let hanging = folder.start_and_wait(&["run", "job.yaml"], PATH, || has_begun(&journal));
    let (server, child) = (marked(&folder, "start"), marked(&folder, "child"));
    let ended = hanging.signal("INT");
    assert_eq!(ended.code, Some(130), "{}", ended.all());
    for pid in [server, child] {
        assert!(!is_running(pid.unwrap()));
    }
}

#[test]
fn every_mistake_in_a_job_is_named_with_its_key() {
    let cases = [
        (
            "mcp_servers: {odd: {comand: x}}",
            "unknown key `mcp_servers.odd.comand`",
        ),
        (
            "mcp_servers: {odd: {args: [x]}}",
            "key `mcp_servers.odd`: has neither `command` nor `url`",
        ),
        (
            "mcp_servers: {odd: {command: x, url: 'http://x'}}",
            "key `mcp_servers.odd`: has `command` and `url`",
        ),
        (
            "mcp_servers: {odd: {url: 'ftp://x'}}",
            "key `mcp_servers.odd.url`: is no address",
        ),
        (
            "mcp_servers: {odd: {url: 'http://x', env: {A: b}}}",
            "key `mcp_servers.odd.env`: goes with `command`, and this server has `url`",
        ),
        (
            "mcp_servers: {a__b: {command: x}}",
            "key `mcp_servers.a__b`: \"a__b\" is no name for a server",
        ),
        (
            "mcp_servers: {odd: {command: x, timeout: 0}}",
            "key `mcp_servers.odd.timeout`: is 0",
        ),
        (
            "mcp_servers: {odd: {command: x, env: {A: '${B'}}}",
            "key `mcp_servers.odd.env.A`: has a `${` that names no variable",
        ),
        (
            "mcp_servers: {odd: {command: x, env: {API_KEY: sk-written-out-here}}}",
            "key `mcp_servers.odd.env.API_KEY`: looks like a key that is written out",
        ),
        (
            "permissions: [{tool: '', action: allow}]",
            "key `permissions[0].tool` is empty",
        ),
        (
            "permissions: [{tool: '*', action: maybe}]",
            "key `permissions[0].action`: is `maybe`",
        ),
    ];
    let folder = Folder::with_job();
    for (more, expected) in cases {
        folder.write("job.yaml", &with(&format!("{more}\n")));
        let ended = folder.run(&["check", "job.yaml"]);
        assert_eq!(ended.code, Some(2), "{more}: {}", ended.all());
        assert!(ended.stderr.contains(expected), "{more}: {}", ended.all());
        assert!(!ended.stderr.contains("sk-written"), "{}", ended.all());
    }
}

#[test]
fn the_example_runs_by_its_rules_and_replays_without_its_server() {
    let folder = Folder::new();
    let out = folder.path("out").display().to_string();
    let job = root()
        .join("examples/jobs/tools.yaml")
        .display()
        .to_string();
    let ended = folder.run_with(&["run", &job, "--output-dir", &out, "--run-id", "t"], PATH);
    assert_eq!(ended.code, Some(0), "{}", ended.all());

    let run = RunLog::open(folder.path("out/t")).unwrap();
    let decided: Vec<_> = run
        .tool_calls()
        .iter()
        .map(|tool| (&*tool.name, tool.status, tool.permission.as_deref()))
        .collect();
    let [allowed, rejected] = [ToolStatus::Succeeded, ToolStatus::Rejected].map(Some);
    assert_eq!(
        decided,
        [
            (
                "tides__high_water",
                allowed,
                Some("allow `tides__high_water`")
            ),
            ("tides__book_boat", rejected, Some("reject `*`")),
        ]
    );
    // Without PATH no server could start.
    let again = [
        "logs",
        "replay",
        &format!("{out}/t"),
        &job,
        "--output-dir",
        &out,
        "--run-id",
        "again",
    ];
    let ended = folder.run(&again);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let again = RunLog::open(folder.path("out/again")).unwrap();
    assert!(again.tool_calls().iter().all(|tool| tool.replayed));
    assert_eq!(again.tool_calls()[0].result, run.tool_calls()[0].result);
}
