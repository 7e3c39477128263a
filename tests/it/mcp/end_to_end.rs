//! An agent with tools of a real MCP server, over real HTTP: every dialect, streamed and not, both
//! faces, every call and every tool call in the journal.

use std::path::Path;
use std::sync::Arc;

use duologue::agent::StreamEvent;
use duologue::call_log::{LoggerConfig, RunLog, ToolStatus, create_llm_logger};
use duologue::prompt::PromptLibrary;
use duologue::provider::{
    AnthropicProvider, GeminiProvider, OllamaProvider, OpenAiProvider, Provider,
};
use duologue::tool::ToolSet;
use duologue::tool::mcp::{McpOptions, McpServers};
use duologue::{AgentRunner, AgentSpec, Outcome, Result, blocking};
use futures::StreamExt;
use serde_json::{Value, json};

use super::everything::{OverHttp, over_stdio};
use super::installed;
use crate::support::aimock::{Aimock, KEY};
use crate::support::{Folder, folder};

/// The dialects, and where the server counts their requests.
fn providers(server: &Aimock) -> Vec<(Arc<dyn Provider>, &'static str)> {
    let url = &server.url;
    let openai = OpenAiProvider::builder().base_url(format!("{url}/v1"));
    let anthropic = AnthropicProvider::builder().base_url(url);
    let gemini = GeminiProvider::builder().base_url(format!("{url}/v1beta"));
    let ollama = OllamaProvider::builder().base_url(url);
    vec![
        (
            Arc::new(openai.api_key(KEY).build().unwrap()),
            "/v1/chat/completions",
        ),
        (
            Arc::new(anthropic.api_key(KEY).build().unwrap()),
            "/v1/messages",
        ),
        (
            Arc::new(gemini.api_key(KEY).build().unwrap()),
            "/v1beta/models/sailor-model",
        ),
        (Arc::new(ollama.api_key(KEY).build().unwrap()), "/api/chat"),
    ]
}

fn sailor() -> AgentSpec {
    let mut sailor = AgentSpec::new("sailor", "sailor", "sailor-model");
    sailor.tools = vec!["sea__*".to_owned()];
    sailor.response_schema = Some(json!({
        "type": "object",
        "properties": {"heard": {"type": "string"}, "sum": {"type": "integer"}},
        "required": ["heard", "sum"],
        "additionalProperties": false,
    }));
    sailor
}

/// The ways in which an agent may be run.
#[derive(Debug, Clone, Copy)]
enum Way {
    Async,
    Streamed,
    Blocking,
    BlockingStreamed,
}

fn run(runner: &AgentRunner, way: Way) -> Result<Outcome<Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sync = blocking::AgentRunner::from(runner.clone());
    match way {
        Way::Async => runtime.block_on(runner.run(&sailor(), ())),
        Way::Streamed => runtime.block_on(async {
            let mut events = runner.stream(&sailor(), ());
            let mut results = 0;
            while let Some(event) = events.next().await {
                match event? {
                    StreamEvent::ToolResult { is_error, .. } => {
                        assert!(!is_error);
                        results += 1;
                    }
                    StreamEvent::Finished(outcome) => {
                        assert_eq!(results, 2);
                        return Ok(*outcome);
                    }
                    _ => {}
                }
            }
            unreachable!("a stream ends with its outcome")
        }),
        Way::Blocking => sync.run(&sailor(), ()),
        Way::BlockingStreamed => sync.stream(&sailor(), ()).outcome(),
    }
}

fn runner(provider: Arc<dyn Provider>, tools: &ToolSet, folder: &Path) -> AgentRunner {
    let config = LoggerConfig {
        output_dir: folder.to_owned(),
        run_id: Some("run".to_owned()),
        ..LoggerConfig::default()
    };
    let prompts = PromptLibrary::in_memory([
        ("sailor/system.tera", "Use your tools. Answer with JSON."),
        (
            "sailor/user.tera",
            "When is the sea high, and what is 40 and 2?",
        ),
    ]);
    AgentRunner::builder(provider, prompts)
        .logger(create_llm_logger(&config).unwrap())
        .tools(tools.clone())
        .build()
}

fn check_records(folder: &Folder, outcome: &Outcome<Value>, way: Way) {
    let run = RunLog::open(folder.path().join("run")).unwrap();
    let calls: Vec<_> = run
        .records()
        .iter()
        .map(|record| &*record.call_id)
        .collect();
    assert_eq!(calls, outcome.call_ids().collect::<Vec<_>>());
    let streamed = matches!(way, Way::Streamed | Way::BlockingStreamed);
    assert!(
        run.records()
            .iter()
            .all(|record| record.streamed == streamed)
    );
    assert_eq!(run.records()[0].tool_calls.len(), 2);
    let mut tools: Vec<_> = run.tool_calls().to_vec();
    tools.sort_by_key(|tool| tool.index);
    let results: Vec<_> = tools
        .iter()
        .map(|tool| {
            (
                &*tool.name,
                tool.status,
                tool.result.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    let done = Some(ToolStatus::Succeeded);
    assert_eq!(results[0], ("sea__echo", done, "Echo: high at 06:12"));
    assert_eq!((results[1].0, results[1].1), ("sea__get-sum", done));
    assert!(results[1].2.contains("42"), "{}", results[1].2);
    assert!(tools.iter().all(|tool| tool.call_id == calls[0]));
}

#[test]
fn an_agent_finishes_its_task_in_every_dialect_and_every_way() {
    let (Some(installed), Some(server)) = (installed(), Aimock::start("everything.json")) else {
        return;
    };
    let sea = over_stdio(&installed);
    let servers = McpServers::connect_blocking([("sea", &sea)], &McpOptions::new()).unwrap();
    let tools = ToolSet::builder().tools(servers.tools()).build().unwrap();
    for (provider, path) in providers(&server) {
        for way in [
            Way::Async,
            Way::Streamed,
            Way::Blocking,
            Way::BlockingStreamed,
        ] {
            let seen = server.requests(path);
            let folder = folder();
            let runner = runner(provider.clone(), &tools, folder.path());

            let outcome =
                run(&runner, way).unwrap_or_else(|error| panic!("{path} {way:?}: {error:#}"));

            runner.log().flush_blocking().unwrap();
            assert_eq!(
                outcome.data,
                json!({"heard": "high at 06:12", "sum": 42}),
                "{path}"
            );
            // The server counts no tokens under this path.
            let tokens = if path == "/api/chat" { 0 } else { 182 };
            assert_eq!(outcome.usage.total_tokens(), Some(tokens), "{path} {way:?}");
            // Gemini's paths end in the method, which the count of the server's journal wants whole.
            if !path.contains("models") {
                assert_eq!(server.requests(path) - seen, 2, "{path} {way:?}");
            }
            check_records(&folder, &outcome, way);
        }
    }
    pollster::block_on(servers.close());
}

#[test]
fn a_server_over_http_serves_as_well() {
    let (Some(installed), Some(server)) = (installed(), Aimock::start("everything.json")) else {
        return;
    };
    let sea = OverHttp::start(&installed);
    let config = duologue::tool::mcp::McpServerConfig::url(&sea.url);
    let servers = McpServers::connect_blocking([("sea", &config)], &McpOptions::new()).unwrap();
    let tools = ToolSet::builder().tools(servers.tools()).build().unwrap();
    let (provider, _) = providers(&server).swap_remove(0);
    let folder = folder();
    let runner = runner(provider, &tools, folder.path());
    let outcome = run(&runner, Way::Streamed).unwrap();
    runner.log().flush_blocking().unwrap();
    check_records(&folder, &outcome, Way::Streamed);
    pollster::block_on(servers.close());
}
