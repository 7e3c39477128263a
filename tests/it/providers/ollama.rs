//! Ollama's own chat API.

use duologue::ErrorKind;
use duologue::chat::{
    Message, Request, ResponseSchema, StructuredOutput, ToolCall, ToolDefinition,
};
use duologue::provider::ollama::Translator;
use duologue::provider::{Delivery, Encoded, ProviderError, StructuredOutputMode, Translate};
use serde_json::{Value, json};

const MODEL: &str = "qwen3";

fn encode(request: &Request, mode: StructuredOutputMode) -> Result<Encoded, ProviderError> {
    Translator::new(mode).encode(request, Delivery::Streamed)
}

fn body(request: &Request) -> Value {
    let encoded = encode(request, StructuredOutputMode::Auto).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

fn with_schema() -> Request {
    let mut request = Request::new(MODEL, vec![Message::user("plan")]);
    request.response_schema = Some(ResponseSchema {
        name: "plan".into(),
        schema: json!({"type": "object"}).into(),
    });
    request
}

#[test]
fn parameters_stand_under_options_beside_those_of_extra() {
    let mut request = Request::new(MODEL, vec![Message::user("JSON")]);
    request.temperature = Some(0.5);
    request.max_output_tokens = Some(9);
    let extra = json!({"options": {"seed": 7}, "think": true, "keep_alive": "5m"});
    request.extra = extra.as_object().unwrap().clone();
    let body = body(&request);
    assert_eq!(
        body["options"],
        json!({"seed": 7, "temperature": 0.5, "num_predict": 9})
    );
    assert_eq!(body["think"], true);
    assert_eq!(body["keep_alive"], "5m");
    assert_eq!(body["stream"], true);

    request.extra = json!({"options": {"temperature": 1}})
        .as_object()
        .unwrap()
        .clone();
    let error = encode(&request, StructuredOutputMode::Auto).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`extra` must not set `options.temperature`"
    );
    request.extra = json!({"format": "json"}).as_object().unwrap().clone();
    let error = encode(&request, StructuredOutputMode::Auto).unwrap_err();
    assert_eq!(error.to_string(), "`extra` must not set `format`");
}

#[test]
fn a_schema_is_enforced_and_told() {
    let request = with_schema();
    let encoded = encode(&request, StructuredOutputMode::Auto).unwrap();
    assert_eq!(encoded.structured_output, StructuredOutput::JsonSchema);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["format"], json!({"type": "object"}));
    let system = body["messages"][0]["content"].as_str().unwrap();
    assert!(system.ends_with(r#"{"type":"object"}"#), "{system}");
}

#[test]
fn a_model_with_tools_is_prompted_for_the_schema() {
    let mut request = with_schema();
    request.tools = vec![ToolDefinition::new(
        "tides",
        "Says when.",
        json!({"type": "object"}),
    )];
    let encoded = encode(&request, StructuredOutputMode::Auto).unwrap();
    assert_eq!(encoded.structured_output, StructuredOutput::Prompted);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert!(body.get("format").is_none());
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "function": {"name": "tides", "description": "Says when.", "parameters": {"type": "object"}}}])
    );
    let error = encode(&request, StructuredOutputMode::JsonSchema).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn a_tool_turn_names_its_tools_and_brings_the_thinking_back() {
    let sent =
        json!({"done": true, "message": {"content": "", "thinking": "which?", "tool_calls": [
            {"function": {"name": "tides", "arguments": {"harbour": "Brest"}}},
            {"function": {"name": "wind", "arguments": {}}},
        ]}})
        .to_string();
    let answer = duologue::provider::HttpAnswer {
        status: 200,
        headers: &(),
        body: sent.as_bytes(),
    };
    let response = Translator::default().decode(&answer, MODEL).unwrap();
    let ids: Vec<&str> = response
        .tool_calls
        .iter()
        .map(|call| call.id.as_str())
        .collect();
    assert_eq!(ids, ["call_0", "call_1"]);
    let mut earlier = Message::assistant("");
    earlier.tool_calls = vec![ToolCall::new("call_1", "old", json!({}))];
    let messages = vec![
        Message::user("JSON"),
        earlier,
        Message::tool("call_1", "old result"),
        Message::of_response(&response),
        Message::tool("call_0", "06:12"),
        Message::tool("call_1", "calm"),
    ];
    let body = body(&Request::new(MODEL, messages));
    let names: Vec<&Value> = [2, 4, 5]
        .map(|index| &body["messages"][index]["tool_name"])
        .into();
    assert_eq!(names, ["old", "tides", "wind"]);
    assert_eq!(
        body["messages"][3],
        json!({"role": "assistant", "content": "", "thinking": "which?", "tool_calls": [
            {"id": "call_0", "function": {"name": "tides", "arguments": {"harbour": "Brest"}}},
            {"id": "call_1", "function": {"name": "wind", "arguments": {}}},
        ]})
    );
}

#[cfg(feature = "http")]
mod wire {
    use duologue::provider::{OllamaProvider, Provider};

    use super::super::wire_table::{self, Dialect, IDLE};
    use super::{MODEL, Translator};

    fn provider(base_url: &str) -> std::sync::Arc<dyn Provider> {
        let builder = OllamaProvider::builder().base_url(base_url);
        std::sync::Arc::new(builder.idle_timeout(IDLE).build().unwrap())
    }

    fn dialect() -> Dialect {
        Dialect {
            name: "ollama",
            model: MODEL,
            translator: Box::new(Translator::default()),
            provider,
        }
    }

    #[tokio::test]
    async fn every_answer_is_understood_as_written_below_it() {
        wire_table::check_answers(&dialect(), 20).await;
    }

    #[tokio::test]
    async fn every_stream_is_understood_as_written_below_it() {
        wire_table::check_streams(&dialect(), 15).await;
    }

    #[tokio::test]
    async fn packets_may_end_anywhere() {
        wire_table::check_packets(&dialect(), "tool.txt").await;
    }
}
