//! Servers that were not written here: the reference server over both transports, and one in Python.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use duologue::ErrorKind;
use duologue::env::Environment;
use duologue::tool::mcp::{McpOptions, McpServerConfig, McpServers};
use duologue::tool::{Tool, ToolSet};
use serde_json::{Value, json};

use super::{call, connect, installed, tool};
use crate::support::{current_thread, in_time};

const SCRIPT: &str = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";

pub(super) fn over_stdio(folder: &Path) -> McpServerConfig {
    let script = folder.join(SCRIPT).display().to_string();
    McpServerConfig::command("node", [script, "stdio".to_owned()])
}

/// The reference server on a port of its own, until this is dropped.
pub(super) struct OverHttp {
    child: Child,
    pub(super) url: String,
}

impl OverHttp {
    pub(super) fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .unwrap()
            .port();
        let mut child = Command::new("node")
            .arg(folder.join(SCRIPT))
            .arg("streamableHttp")
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let is_ready = lines.any(|line| line.unwrap().contains(&port.to_string()));
        assert!(is_ready, "the server did not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url: format!("http://127.0.0.1:{port}/mcp"),
        }
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for OverHttp {
    fn drop(&mut self) {
        self.kill();
    }
}

fn check_everything(servers: &McpServers) {
    let echo = tool(servers, "odd__echo");
    assert_eq!(
        call(&echo, json!({"message": "tides"})).unwrap(),
        "Echo: tides"
    );
    let image = call(&tool(servers, "odd__get-tiny-image"), json!({})).unwrap();
    assert!(image.contains("[image, image/png, "), "{image}");
    let place = json!({"location": "New York"});
    let structured = call(&tool(servers, "odd__get-structured-content"), place).unwrap();
    let structured: Value = serde_json::from_str(&structured).unwrap();
    assert!(structured["temperature"].is_number(), "{structured}");
    let refused = call(&echo, json!({"message": 7})).unwrap_err();
    assert!(refused.message().contains("message"), "{refused}");
    ToolSet::builder().tools(servers.tools()).build().unwrap();
}

#[test]
fn the_reference_server_works_over_stdio() {
    let Some(folder) = installed() else { return };
    let servers = connect(&over_stdio(&folder)).unwrap();
    check_everything(&servers);
    pollster::block_on(servers.close());
}

#[test]
fn the_reference_server_works_over_http() {
    let Some(folder) = installed() else { return };
    let server = OverHttp::start(&folder);
    let mut config = McpServerConfig::url(&server.url);
    let header = ("Authorization".to_owned(), "Bearer ${MY_TOKEN}".to_owned());
    config.headers.extend([header]);
    let servers = connect(&config).unwrap();
    check_everything(&servers);
    pollster::block_on(servers.close());
}

#[test]
fn a_server_over_http_that_goes_away_is_an_error_of_the_call() {
    let Some(folder) = installed() else { return };
    let mut server = OverHttp::start(&folder);
    let servers = connect(&McpServerConfig::url(&server.url)).unwrap();
    let echo = tool(&servers, "odd__echo");
    server.kill();
    let error = call(&echo, json!({"message": "anybody?"})).unwrap_err();
    let text = error.message();
    assert!(text.starts_with("MCP server `odd` "), "{text}");

    let error = connect(&McpServerConfig::url(&server.url)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool);
    let text = error.to_string();
    assert!(
        text.contains("cannot be reached") && text.contains("Connection refused"),
        "{text}"
    );
}

#[test]
fn a_server_in_python_works_and_its_tools_can_be_chosen() {
    let Some(folder) = installed() else { return };
    let program = folder.join("python/bin/mcp-server-time");
    let args = ["--local-timezone", "UTC"];
    let mut config = McpServerConfig::command(program.display().to_string(), args);
    config.tools = vec!["convert_*".to_owned()];
    let servers = connect(&config).unwrap();
    assert_eq!(super::names(&servers), ["odd__convert_time"]);
    let arguments = json!({
        "source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Tokyo",
    });
    let answer = call(&tool(&servers, "odd__convert_time"), arguments).unwrap();
    assert!(answer.contains("+9"), "{answer}");

    config.tools = vec!["convert_tiem".to_owned()];
    let error = connect(&config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.hint(), Some("did you mean `convert_time`?"));
}

#[test]
fn a_server_over_http_is_a_request_and_one_that_is_started_is_none() {
    let Some(folder) = installed() else { return };
    let options = McpOptions::new().environment(Environment::fixed([("DUOLOGUE_OFFLINE", "1")]));
    let address = McpServerConfig::url("http://127.0.0.1:9/mcp");
    let error = McpServers::connect_blocking([("docs", &address)], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Offline);
    let started = over_stdio(&folder);
    assert!(McpServers::connect_blocking([("docs", &started)], &options).is_ok());
}

#[test]
fn a_connection_outlives_the_runtime_that_made_it() {
    let Some(folder) = installed() else { return };
    let echo: Arc<dyn Tool> = in_time(move || {
        let config = over_stdio(&folder);
        let options = McpOptions::new();
        let connecting = McpServers::connect([("odd", &config)], &options);
        let servers = current_thread().block_on(connecting).unwrap();
        tool(&servers, "odd__echo")
    });
    let other = echo.clone();
    let from_runtime = in_time(move || {
        let context = duologue::tool::ToolContext::default();
        let calling = other.call(json!({"message": "one"}), &context);
        current_thread().block_on(calling).unwrap().into_string()
    });
    assert_eq!(from_runtime, "Echo: one");
    assert_eq!(call(&echo, json!({"message": "two"})).unwrap(), "Echo: two");
}

#[test]
fn many_calls_at_once_each_get_their_own_answer() {
    let Some(folder) = installed() else { return };
    let servers = connect(&over_stdio(&folder)).unwrap();
    let echo = tool(&servers, "odd__echo");
    let context = duologue::tool::ToolContext::default();
    let calls = (0..50).map(|number| echo.call(json!({"message": number.to_string()}), &context));
    let answers = pollster::block_on(futures::future::join_all(calls));
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap().as_str(), format!("Echo: {number}"));
    }
}
