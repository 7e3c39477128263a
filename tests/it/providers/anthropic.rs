//! Anthropic's Messages API.

use duologue::ErrorKind;
use duologue::chat::{
    Message, Request, ResponseSchema, StructuredOutput, ToolCall, ToolDefinition,
};
use duologue::provider::anthropic::{ApiVersion, Dialect, Translator};
use duologue::provider::{Delivery, Encoded, ProviderError, StructuredOutputMode, Translate};
use serde_json::{Value, json};

const MODEL: &str = "claude-sonnet-5-5";

fn dialect(mode: StructuredOutputMode) -> Dialect {
    let mut dialect = Dialect::default();
    dialect.structured_output = mode;
    dialect
}

fn encode(request: &Request, mode: StructuredOutputMode) -> Result<Encoded, ProviderError> {
    Translator::new(dialect(mode)).encode(request, Delivery::Whole)
}

fn body(request: &Request) -> Value {
    let encoded = encode(request, StructuredOutputMode::Auto).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

fn with_schema(schema: Value) -> Request {
    let mut request = Request::new(MODEL, vec![Message::user("plan, as JSON")]);
    request.response_schema = Some(ResponseSchema {
        name: "plan".into(),
        schema: schema.into(),
    });
    request
}

#[test]
fn system_stands_apart_and_neighbours_become_one_turn() {
    let request = Request::new(
        MODEL,
        vec![
            Message::new(duologue::chat::Role::Developer, "be brief"),
            Message::system("answer in JSON"),
            Message::user("one"),
            Message::user(" "),
            Message::user("two"),
            Message::assistant("{}"),
            Message::user("three"),
        ],
    );
    let text = |text: &str| json!({"type": "text", "text": text});
    let body = body(&request);
    assert_eq!(
        body["system"],
        json!([text("be brief"), text("answer in JSON")])
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("one"), text("two")]},
            {"role": "assistant", "content": [text("{}")]},
            {"role": "user", "content": [text("three")]},
        ])
    );
    assert_eq!(body["max_tokens"], 16_384);
}

#[test]
fn a_tool_turn_goes_back_with_its_sealed_blocks_in_place() {
    let answer = json!({
        "content": [
            {"type": "thinking", "thinking": "which?", "signature": "c2lnbmF0dXJl=="},
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "toolu_1", "name": "tides", "input": {"harbour": "Brest"}},
            {"type": "thinking", "thinking": "and", "signature": "c2Vjb25k"},
            {"type": "tool_use", "id": "fn:2", "name": "tides", "input": {}},
        ],
        "stop_reason": "tool_use",
    });
    let translator = Translator::default();
    let sent = answer.to_string();
    let answered = duologue::provider::HttpAnswer {
        status: 200,
        headers: &(),
        body: sent.as_bytes(),
    };
    let response = translator.decode(&answered, MODEL).unwrap();
    let mut failed = Message::tool("fn:2", "no such harbour");
    failed.is_error = true;
    let mut request = Request::new(
        MODEL,
        vec![
            Message::user("when, in JSON?"),
            Message::of_response(&response),
            Message::tool("toolu_1", "06:12"),
            failed,
        ],
    );
    request.tools = vec![ToolDefinition::new(
        "tides",
        "Says when.",
        json!({"type": "object"}),
    )];

    let body = body(&request);

    let mut expected = answer["content"].clone();
    expected[5]["id"] = json!("fn_2");
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": expected})
    );
    assert_eq!(
        body["messages"][2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "06:12"},
            {"type": "tool_result", "tool_use_id": "fn_2", "content": "no such harbour", "is_error": true},
        ]})
    );
    assert_eq!(
        body["tools"],
        json!([{"name": "tides", "description": "Says when.", "input_schema": {"type": "object"}}])
    );
}

#[test]
fn arguments_that_were_no_json_go_back_as_an_object() {
    let mut assistant = Message::assistant("");
    assistant.tool_calls = vec![ToolCall::new("a", "tides", json!("{\"harbour\":"))];
    let request = Request::new(
        MODEL,
        vec![
            Message::user("JSON"),
            assistant,
            Message::tool("a", "broken"),
        ],
    );
    let input = &body(&request)["messages"][1]["content"][0]["input"];
    assert_eq!(*input, json!({"INVALID_JSON": "{\"harbour\":"}));
}

#[test]
fn temperature_is_refused_before_the_request_where_the_api_refuses_it() {
    let mut request = Request::new(MODEL, vec![Message::user("JSON")]);
    let temperature = |request: &Request, version| {
        let mut dialect = Dialect::default();
        dialect.api_version = version;
        Translator::new(dialect).encode(request, Delivery::Whole)
    };
    request.temperature = Some(0.5);
    let error = temperature(&request, ApiVersion::V20261021).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "`temperature` is 0.5, and version `2026-10-21` of the Messages API takes none"
    );
    assert!(error.hint().unwrap().contains("api_version: 2023-06-01"));
    let encoded = temperature(&request, ApiVersion::V20230601).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["temperature"], 0.5);

    request.temperature = Some(1.5);
    let error = temperature(&request, ApiVersion::V20230601).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`temperature` is 1.5, and the Messages API takes at most 1"
    );
}

#[test]
fn a_schema_is_enforced_as_far_as_the_api_can() {
    let request = with_schema(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 3, "description": "Short."},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "minItems": 3},
            "note": {"type": ["string", "null"], "default": null},
            "end": {"oneOf": [{"const": "up"}, {"const": "down"}]},
        },
        "required": ["title", "steps"],
        "$defs": {"Step": {"type": "object", "properties": {"n": {"type": "integer", "format": "int32"}}, "required": ["n"]}},
    }));
    let encoded = encode(&request, StructuredOutputMode::Auto).unwrap();
    assert_eq!(encoded.structured_output, StructuredOutput::JsonSchema);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "Short. (minLength: 3)"},
                "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "description": "(minItems: 3)"},
                "note": {"type": ["string", "null"]},
                "end": {"anyOf": [{"const": "up"}, {"const": "down"}]},
            },
            "required": ["title", "steps"],
            "$defs": {"Step": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false}},
            "additionalProperties": false,
        }})
    );
    assert!(body.get("system").is_none(), "the schema is not told twice");
    let error = encode(&request, StructuredOutputMode::JsonSchema).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert_eq!(
        error.to_string(),
        "the Messages API cannot enforce the response schema: `$.properties.title` has `minLength`, which the API does not check"
    );
}

#[test]
fn a_schema_that_the_api_cannot_take_is_prompted_or_an_error_with_its_place() {
    let object = |property: Value| json!({"type": "object", "properties": {"a": property}});
    let recursive = json!({
        "type": "object",
        "properties": {"next": {"$ref": "#"}},
    });
    let optional: serde_json::Map<String, Value> = (0..25)
        .map(|number| (format!("p{number}"), json!({"type": "string"})))
        .collect();
    let cases = [
        (recursive, "`$` is recursive: `#` refers to itself"),
        (object(json!({})), "`$.properties.a` accepts any type"),
        (object(json!(true)), "`$.properties.a` accepts anything"),
        (
            object(json!({"type": "object", "additionalProperties": {"type": "integer"}})),
            "`$.properties.a` allows properties without a name",
        ),
        (
            object(json!({"enum": [{}]})),
            "`$.properties.a` has `enum` with more than plain values",
        ),
        (
            object(json!({"$ref": "#/$defs/B"})),
            "`$` refers to `#/$defs/B`, which is not there",
        ),
        (
            json!({"type": "object", "properties": optional}),
            "`$` has 25 optional properties, more than the 24 that the API takes",
        ),
    ];
    for (schema, reason) in cases {
        let request = with_schema(schema.clone());
        let encoded = encode(&request, StructuredOutputMode::Auto).unwrap();
        assert_eq!(
            encoded.structured_output,
            StructuredOutput::Prompted,
            "{reason}"
        );
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert!(
            body["system"][0]["text"]
                .as_str()
                .unwrap()
                .ends_with(&schema.to_string())
        );
        let error = encode(&request, StructuredOutputMode::JsonSchema).unwrap_err();
        assert!(error.to_string().ends_with(reason), "{error}");
    }
}

#[test]
fn extra_joins_the_request_and_cannot_undo_it() {
    let mut request =
        with_schema(json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    let extra = json!({
        "output_config": {"effort": "low"},
        "thinking": {"type": "adaptive"},
        "max_tokens": 99,
    });
    request.extra = extra.as_object().unwrap().clone();
    let body = body(&request);
    assert_eq!(body["output_config"]["effort"], "low");
    assert_eq!(body["output_config"]["format"]["type"], "json_schema");
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["max_tokens"], 99);
    for (key, value) in [
        ("system", json!("x")),
        ("stream", json!(true)),
        ("output_config", json!({"format": {}})),
    ] {
        request.extra = [(key.to_owned(), value)].into_iter().collect();
        let error = encode(&request, StructuredOutputMode::Auto).unwrap_err();
        assert_eq!(error.to_string(), format!("`extra` must not set `{key}`"));
    }
}

#[test]
fn a_request_without_a_user_is_an_error_before_it_leaves() {
    let request = Request::new(MODEL, vec![Message::system("answer in JSON")]);
    let error = encode(&request, StructuredOutputMode::Auto).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("no message of the user"),
        "{error}"
    );
}

#[cfg(feature = "http")]
mod wire {
    use duologue::provider::{AnthropicProvider, Provider};

    use super::super::wire_table::{self, Dialect, IDLE};
    use super::{MODEL, Translator};

    fn provider(base_url: &str) -> std::sync::Arc<dyn Provider> {
        let builder = AnthropicProvider::builder().base_url(base_url).no_api_key();
        std::sync::Arc::new(builder.idle_timeout(IDLE).build().unwrap())
    }

    fn dialect() -> Dialect {
        Dialect {
            name: "anthropic",
            model: MODEL,
            translator: Box::new(Translator::default()),
            provider,
        }
    }

    #[tokio::test]
    async fn every_answer_is_understood_as_written_below_it() {
        wire_table::check_answers(&dialect(), 30).await;
    }

    #[tokio::test]
    async fn every_stream_is_understood_as_written_below_it() {
        wire_table::check_streams(&dialect(), 20).await;
    }

    #[tokio::test]
    async fn packets_may_end_anywhere() {
        wire_table::check_packets(&dialect(), "thinking_and_tool.txt").await;
    }
}
