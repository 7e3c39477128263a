//! Servers that misbehave: each has one defined result, and none outlives its tools.

use std::time::{Duration, Instant};

use duologue::ErrorKind;
use serde_json::json;

use super::{call, connect, eventually, is_running, marked, marks, names, odd, tool};
use crate::support::folder;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let config = duologue::tool::mcp::McpServerConfig::command("no-such-server", [""; 0]);
    let error = connect(&config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool);
    let text = error.to_string();
    assert!(
        text.starts_with("MCP server `odd` cannot be started: `no-such-server`: No such file"),
        "{text}"
    );
}

#[test]
fn a_server_that_ends_at_once_is_told_of_with_its_last_words() {
    let folder = folder();
    let error = connect(&odd("exits", &folder)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "MCP server `odd` it hung up; its process ended with exit status: 7, and last wrote to stderr: no such table: tides"
            .replace("it hung up", "did not answer: it hung up")
    );
}

#[test]
fn a_server_that_never_answers_is_given_up_and_ended() {
    let folder = folder();
    let mut config = odd("mute", &folder);
    config.connect_timeout = Some(Duration::from_millis(500));
    let error = connect(&config).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("did not answer within 500ms"), "{text}");
    let pid = marked(&folder, "start");
    eventually("the process is gone", || !is_running(pid));
}

#[test]
fn a_server_that_dies_in_a_call_is_started_again_for_a_tool_that_only_reads() {
    let folder = folder();
    let servers = connect(&odd("dies-once", &folder)).unwrap();
    let first = marked(&folder, "start");
    let answer = call(&tool(&servers, "odd__look"), json!({"text": "hello"})).unwrap();
    let second = marked(&folder, "start");
    assert_ne!(first, second);
    assert_eq!(answer, format!("hello from {second}"));
    assert!(!is_running(first));
}

#[test]
fn a_call_that_acts_is_never_repeated_and_the_error_says_what_is_known() {
    let folder = folder();
    let mut config = odd("dies-once", &folder);
    config
        .env
        .insert("SECRET_TOKEN".to_owned(), "${MY_TOKEN}".to_owned());
    let servers = connect(&config).unwrap();
    let error = call(&tool(&servers, "odd__act"), json!({})).unwrap_err();
    let text = error.message();
    assert!(
        text.starts_with("MCP server `odd` was lost during the call"),
        "{text}"
    );
    assert!(text.contains("exit status: 3"), "{text}");
    assert!(
        text.contains("the disk is on fire / token <REDACTED"),
        "{text}"
    );
    assert!(
        text.ends_with("Whether the call was carried out is not known"),
        "{text}"
    );
    assert!(!error.is_fatal());
    assert_eq!(
        marks(&folder)
            .iter()
            .filter(|mark| *mark == "call act")
            .count(),
        1
    );

    let answer = call(&tool(&servers, "odd__act"), json!({"text": "again"})).unwrap();
    assert!(
        answer.starts_with("again from"),
        "the next call finds a new process"
    );
}

#[test]
fn a_server_that_dies_with_every_call_is_not_started_for_ever() {
    let folder = folder();
    let servers = connect(&odd("dies", &folder)).unwrap();
    let look = tool(&servers, "odd__look");
    for _ in 0..4 {
        assert!(call(&look, json!({})).is_err());
    }
    let last = call(&look, json!({})).unwrap_err();
    assert_eq!(
        last.message(),
        "MCP server `odd` was lost again and again, and is not started any more"
    );
    let starts = marks(&folder)
        .iter()
        .filter(|mark| mark.starts_with("start"))
        .count();
    assert_eq!(starts, 4);
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_server_told() {
    let folder = folder();
    let mut config = odd("hangs", &folder);
    config.timeout = Some(Duration::from_millis(300));
    let servers = connect(&config).unwrap();
    let error = call(&tool(&servers, "odd__look"), json!({})).unwrap_err();
    assert_eq!(
        error.message(),
        "the server gave no result within 300ms; it was told to stop"
    );
    eventually("the server is told", || {
        marks(&folder).contains(&"cancelled".to_owned())
    });
}

#[test]
fn a_dropped_call_is_cancelled_at_the_server() {
    let folder = folder();
    let servers = connect(&odd("hangs", &folder)).unwrap();
    let look = tool(&servers, "odd__look");
    let context = duologue::tool::ToolContext::default();
    let mut calling = look.call(json!({}), &context);
    let mut waiting = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(calling.as_mut().poll(&mut waiting).is_pending());
    eventually("the call arrives", || {
        marks(&folder).contains(&"call look".to_owned())
    });
    drop(calling);
    eventually("the server is told", || {
        marks(&folder).contains(&"cancelled".to_owned())
    });
}

#[test]
fn a_hundred_megabytes_in_one_line_are_cut_off() {
    let folder = folder();
    let servers = connect(&odd("long-line", &folder)).unwrap();
    let error = call(&tool(&servers, "odd__act"), json!({})).unwrap_err();
    assert!(
        error
            .message()
            .contains("it sent a message of more than 16 MiB"),
        "{}",
        error.message()
    );
}

#[test]
fn a_server_that_floods_is_cut_off() {
    let folder = folder();
    let servers = connect(&odd("chatters", &folder)).unwrap();
    let error = call(&tool(&servers, "odd__act"), json!({})).unwrap_err();
    assert!(
        error.message().contains("floods its standard output"),
        "{}",
        error.message()
    );
    let pid = marked(&folder, "start");
    drop(servers);
    eventually("the process is gone", || !is_running(pid));
}

#[test]
fn an_answer_that_is_no_json_is_a_timeout_and_a_refusal_is_told() {
    let folder = folder();
    let mut config = odd("not-json", &folder);
    config.timeout = Some(Duration::from_millis(300));
    let servers = connect(&config).unwrap();
    let error = call(&tool(&servers, "odd__look"), json!({})).unwrap_err();
    assert!(error.message().contains("gave no result within 300ms"));

    let servers = connect(&odd("refuses", &folder)).unwrap();
    let error = call(&tool(&servers, "odd__look"), json!({})).unwrap_err();
    assert_eq!(error.message(), "the server refused the call: not with me");
}

#[test]
fn odd_lists_of_tools_are_read_as_far_as_they_make_sense() {
    let folder = folder();
    let pages = connect(&odd("pages", &folder)).unwrap();
    assert_eq!(names(&pages), ["odd__look", "odd__act", "odd__last"]);

    let none = connect(&odd("none", &folder)).unwrap();
    assert_eq!(none.warnings(), ["MCP server `odd` has no tools"]);

    let twice = connect(&odd("twice", &folder)).unwrap();
    let found = names(&twice);
    assert_eq!(found[..2], ["odd__look", "odd__look_at"]);
    assert!(found[2].starts_with("odd__look_at_"), "{found:?}");
    assert_eq!(
        twice.warnings(),
        ["MCP server `odd` names the tool `look` twice"]
    );

    let broken = connect(&odd("broken-schema", &folder)).unwrap();
    assert_eq!(names(&broken), ["odd__look"]);
    assert!(
        broken.warnings()[0]
            .starts_with("the schema of tool `odd` of MCP server `odd` is not valid"),
        "{:?}",
        broken.warnings()
    );

    let many = connect(&odd("many", &folder)).unwrap_err();
    assert_eq!(
        many.to_string(),
        "MCP server `odd` has more than 1000 tools"
    );
    let endless = connect(&odd("endless", &folder)).unwrap_err();
    assert_eq!(
        endless.to_string(),
        "MCP server `odd` names its tools on more than 100 pages"
    );
}

#[test]
fn a_process_gets_what_its_env_says_and_none_of_ours() {
    let folder = folder();
    let mut config = odd("environment", &folder);
    config.env.insert("MODE".to_owned(), "fast".to_owned());
    config
        .env
        .insert("SECRET_TOKEN".to_owned(), "${MY_TOKEN}".to_owned());
    let servers = connect(&config).unwrap();
    let answer = call(&tool(&servers, "odd__look"), json!({})).unwrap();
    let variables: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(variables["MODE"], "fast");
    assert_eq!(variables["SECRET_TOKEN"], "a-token-that-nobody-knows");
    assert!(variables["PATH"].is_string());
    for ours in ["CARGO_MANIFEST_DIR", "OTHER", "MY_TOKEN"] {
        assert!(variables.get(ours).is_none(), "{ours} was passed on");
    }
}

#[test]
fn a_variable_that_is_not_set_is_named_and_nothing_is_started() {
    let folder = folder();
    let mut config = odd("fine", &folder);
    config
        .env
        .insert("API_KEY".to_owned(), "${NOT_SET}".to_owned());
    let error = connect(&config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(
        error.to_string(),
        "MCP servers, key `mcp_servers.odd.env.API_KEY`: the environment variable `NOT_SET` is not set"
    );
    assert!(marks(&folder).is_empty());
}

#[test]
fn closing_is_polite_to_a_server_that_listens() {
    let folder = folder();
    let servers = connect(&odd("fine", &folder)).unwrap();
    let pid = marked(&folder, "start");
    let look = tool(&servers, "odd__look");
    assert!(is_running(pid));
    pollster::block_on(servers.close());
    assert!(!is_running(pid));
    assert!(marks(&folder).contains(&"input closed".to_owned()));
    let error = call(&look, json!({})).unwrap_err();
    assert_eq!(error.message(), "MCP server `odd` is closed");
}

#[test]
fn a_server_that_clings_to_life_ends_with_its_children() {
    let folder = folder();
    let mut config = odd("stubborn", &folder);
    config.connect_timeout = Some(seconds(30));
    let servers = connect(&config).unwrap();
    let (server, child) = (marked(&folder, "start"), marked(&folder, "child"));
    assert!(is_running(server) && is_running(child));
    let before = Instant::now();
    drop(servers);
    eventually("both are gone", || {
        !is_running(server) && !is_running(child)
    });
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_tool_keeps_its_server_and_the_last_one_ends_it() {
    let folder = folder();
    let servers = connect(&odd("fine", &folder)).unwrap();
    let pid = marked(&folder, "start");
    let look = tool(&servers, "odd__look");
    drop(servers);
    let answer = call(&look, json!({"text": "still here"})).unwrap();
    assert_eq!(answer, format!("still here from {pid}"));
    drop(look);
    eventually("the process is gone", || !is_running(pid));
}
