//! Against a server that was not written here.

use std::sync::{Arc, Mutex};

use duologue::AgentRunner;
use duologue::call_log::MemoryCallLogger;
use duologue::chat::{Delta, FinishReason, Message, Request, ToolDefinition};
use duologue::provider::{CallContext, GeminiProvider, Provider};
use serde_json::json;

use crate::support::aimock::{Aimock, KEY};
use crate::support::{plan, planner, prompts, quick, topic};

fn provider(server: &Aimock) -> GeminiProvider {
    GeminiProvider::builder()
        .base_url(format!("{}/v1beta", server.url))
        .api_key(KEY)
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_agent_plans_and_its_call_is_recorded() {
    let Some(server) = Aimock::start("gemini.json") else {
        return;
    };
    let memory = MemoryCallLogger::new();
    let runner = AgentRunner::builder(provider(&server), prompts())
        .logger(memory.clone())
        .retry(quick())
        .build();
    let mut spec = planner();
    spec.model = "gemini-plan".to_owned();

    let outcome = runner.run(&spec, topic()).await.unwrap();

    assert_eq!(outcome.data, plan());
    assert_eq!(outcome.usage.total_tokens(), Some(39));
    let record = memory.records().remove(0);
    assert_eq!(record.provider, "gemini");
    assert_eq!(record.attempts[0].status, Some(200));
}

/// Asks, runs the tool by hand, and asks again.
async fn use_a_tool(server: &Aimock, streamed: bool) -> (String, String) {
    let told = Arc::new(Mutex::new(String::new()));
    let context = || {
        let told = Arc::clone(&told);
        let call = CallContext::new("sailor");
        if !streamed {
            return call;
        }
        call.with_listener(Arc::new(move |delta| match delta {
            Delta::Text(text) => told.lock().unwrap().push_str(text),
            Delta::ToolCall(call) => told.lock().unwrap().push_str(call.arguments),
            _ => {}
        }))
    };
    let provider = provider(server);
    let question = Message::user("When is the sea high in Brest? Answer in JSON.");
    let mut request = Request::new("gemini-3-tools", vec![question]);
    let schema = json!({"type": "object", "properties": {"port": {"type": "string"}}});
    request.tools = vec![ToolDefinition::new("tide", "When the sea is high.", schema)];

    let asked = provider.generate_json(&request, &context()).await.unwrap();

    assert_eq!(asked.finish_reason, Some(FinishReason::ToolCalls));
    let call = &asked.tool_calls[0];
    assert_eq!(
        (call.name.as_str(), &call.arguments),
        ("tide", &json!({"port": "Brest"}))
    );
    request.messages.push(Message::of_response(&asked));
    request
        .messages
        .push(Message::tool(call.id.as_str(), "high at 06:12"));
    let answered = provider.generate_json(&request, &context()).await.unwrap();
    let told = told.lock().unwrap().clone();
    (answered.text, told)
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_is_used_streamed_or_not() {
    let Some(server) = Aimock::start("gemini.json") else {
        return;
    };
    let answer = r#"{"high": "06:12"}"#;
    let whole = use_a_tool(&server, false).await;
    assert_eq!(whole, (answer.to_owned(), String::new()));
    let streamed = use_a_tool(&server, true).await;
    let told = format!("I look.{{\"port\":\"Brest\"}}{answer}");
    assert_eq!(streamed, (answer.to_owned(), told));
}
