//! What goes out: bodies that hold published fields and nothing else.

use std::sync::Arc;

use duologue::ErrorKind;
use duologue::chat::{
    Message, Request, ResponseSchema, Role, StructuredOutput, ToolCall, ToolDefinition,
};
use duologue::provider::openai::{Dialect, Translator};
use duologue::provider::{Delivery, StructuredOutputMode, Translate};
use serde_json::{Value, json};

/// The body for `request`, and how the schema is enforced.
fn encode(host: &str, mode: StructuredOutputMode, request: &Request) -> (Value, StructuredOutput) {
    let mut dialect = Dialect::for_host(host);
    dialect.structured_output = mode;
    let encoded = Translator::new(dialect).encode(request).unwrap();
    (
        serde_json::from_slice(&encoded.body).unwrap(),
        encoded.structured_output,
    )
}

fn full_request() -> Request {
    let messages = vec![
        Message::new(Role::Developer, "be brief"),
        Message::system("you plan talks"),
        Message::user("on \"tides\"\n"),
        Message::assistant("{}"),
    ];
    let mut request = Request::new("gpt-5-mini", messages);
    request.temperature = Some(0.7);
    request.max_output_tokens = Some(200);
    request.response_schema = Some(plan());
    request.extra.insert("seed".to_owned(), json!(7));
    request
        .extra
        .insert("metadata".to_owned(), json!({"a": {"b": null}}));
    request
}

fn plan() -> ResponseSchema {
    ResponseSchema {
        name: "Plan for <talks>".to_owned(),
        schema: json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}).into(),
    }
}

/// `plan`, with a property that is optional and may not be null.
fn loose_plan() -> ResponseSchema {
    let mut plan = plan();
    Arc::make_mut(&mut plan.schema)["required"] = json!([]);
    plan
}

#[test]
fn openai_gets_its_own_words_and_a_strict_schema() {
    let (body, output) = encode(
        "api.openai.com",
        StructuredOutputMode::Auto,
        &full_request(),
    );
    let expected = json!({
        "model": "gpt-5-mini",
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "system", "content": "you plan talks"},
            {"role": "user", "content": "on \"tides\"\n"},
            {"role": "assistant", "content": "{}"}
        ],
        "temperature": 0.7,
        "max_completion_tokens": 200,
        "seed": 7,
        "metadata": {"a": {"b": null}},
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "Plan_for__talks_",
            "schema": {
                "type": "object",
                "properties": {"title": {"type": "string"}},
                "required": ["title"],
                "additionalProperties": false
            },
            "strict": true
        }}
    });
    assert_eq!(body, expected);
    assert_eq!(output, StructuredOutput::JsonSchema);
}

#[test]
fn other_servers_get_the_older_words() {
    let (body, _) = encode("localhost", StructuredOutputMode::Auto, &full_request());
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["max_tokens"], 200);
    assert_eq!(body.get("max_completion_tokens"), None);
    let (body, _) = encode(
        "x.openai.azure.com",
        StructuredOutputMode::Auto,
        &full_request(),
    );
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["max_completion_tokens"], 200);
}

#[test]
fn a_bare_request_holds_nothing_that_was_not_asked_for() {
    let request = Request::new("m", vec![Message::user("JSON, please")]);
    let (body, output) = encode("localhost", StructuredOutputMode::Prompted, &request);
    assert_eq!(
        body,
        json!({"model": "m", "messages": [{"role": "user", "content": "JSON, please"}]})
    );
    assert_eq!(output, StructuredOutput::Prompted);
}

#[test]
fn a_schema_that_cannot_be_strict_is_sent_as_it_is() {
    let mut request = full_request();
    request.response_schema = Some(loose_plan());
    let (body, _) = encode("api.openai.com", StructuredOutputMode::Auto, &request);
    let sent = &body["response_format"]["json_schema"];
    assert_eq!(sent["strict"], false);
    assert_eq!(sent["schema"], *loose_plan().schema);
}

#[test]
fn demanded_strictness_that_is_impossible_fails_with_the_path() {
    let mut dialect = Dialect::default();
    dialect.structured_output = StructuredOutputMode::JsonSchema;
    let mut request = full_request();
    request.response_schema = Some(loose_plan());
    let error = Translator::new(dialect).encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert_eq!(
        error.to_string(),
        "the response schema does not allow strict output: `$.properties.title` is optional and must not be null"
    );
}

#[test]
fn json_object_tells_the_schema_in_the_system_message() {
    let (body, output) = encode(
        "localhost",
        StructuredOutputMode::JsonObject,
        &full_request(),
    );
    assert_eq!(output, StructuredOutput::JsonObject);
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    let system = body["messages"][0]["content"].as_str().unwrap();
    assert!(
        system.starts_with("be brief\n\nAnswer with one JSON value"),
        "{system}"
    );
    assert!(system.ends_with(&plan().schema.to_string()), "{system}");
}

#[test]
fn the_word_json_is_added_only_where_no_message_holds_it() {
    let silent = Request::new("m", vec![Message::user("plan a talk")]);
    let (body, _) = encode("localhost", StructuredOutputMode::Auto, &silent);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "Answer with one JSON object, and with nothing else."},
            {"role": "user", "content": "plan a talk"}
        ])
    );
    let told = Request::new("m", vec![Message::user("plan a talk, as json")]);
    let (body, _) = encode("localhost", StructuredOutputMode::Auto, &told);
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn extra_may_not_replace_what_the_request_decides() {
    for key in [
        "model",
        "messages",
        "response_format",
        "stream",
        "tools",
        "temperature",
        "max_tokens",
    ] {
        let mut request = full_request();
        request.extra.insert(key.to_owned(), json!(1));
        let error = Translator::default().encode(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.to_string(), format!("`extra` must not set `{key}`"));
    }
}

#[test]
fn schemas_of_one_name_are_told_apart() {
    let translator = Translator::default();
    let mut request = full_request();
    let first = translator.encode(&request).unwrap();
    request.response_schema = Some(loose_plan());
    let second = translator.encode(&request).unwrap();
    request.response_schema = Some(plan());
    assert_ne!(first, second);
    assert_eq!(first, translator.encode(&request).unwrap());
}

/// A tool whose schema can be strict, and one whose schema cannot.
fn tools() -> Vec<ToolDefinition> {
    let strict =
        json!({"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]});
    let loose = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    vec![
        ToolDefinition::new("look", "Looks there.", strict),
        ToolDefinition::new("wait", "Waits.", loose),
    ]
}

/// What the model asked for, what came of it, and what only the server understands.
fn tool_turn() -> Vec<Message> {
    let mut asked = Message::assistant("");
    asked.tool_calls = vec![
        ToolCall::new("t1", "look", json!({"at": "pier"})),
        ToolCall::new("t2", "look", json!("{\"at\": pi")),
    ];
    let data = json!({
        "reasoning_content": "I must look.",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "gA=="}],
        "tool_calls": {"t1": {"extra_content": {"google": {"thought_signature": "AY=="}}}},
        "system_fingerprint": "fp_1"
    });
    asked.provider_data = serde_json::from_value(data).unwrap();
    let mut failed = Message::tool("t2", "no such place");
    failed.is_error = true;
    vec![
        Message::user("JSON: how high is the tide?"),
        asked,
        Message::tool("t1", "2 m"),
        failed,
    ]
}

#[test]
fn tools_go_out_strict_where_their_schema_allows() {
    let mut request = Request::new("m", vec![Message::user("JSON")]);
    request.tools = tools();
    request
        .extra
        .insert("tool_choice".to_owned(), json!("required"));
    let (body, _) = encode("api.openai.com", StructuredOutputMode::Auto, &request);
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "function": {
                "name": "look", "description": "Looks there.", "strict": true,
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"], "additionalProperties": false}
            }},
            {"type": "function", "function": {
                "name": "wait", "description": "Waits.",
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}
            }}
        ])
    );
    assert_eq!(body["tool_choice"], "required");
    let (body, _) = encode("localhost", StructuredOutputMode::Auto, &request);
    assert_eq!(body["tools"][0]["function"].get("strict"), None);
    assert_eq!(
        body["tools"][0]["function"]["parameters"],
        *tools()[0].parameters
    );
}

#[test]
fn sets_of_tools_are_told_apart() {
    let translator = Translator::default();
    let mut request = Request::new("m", vec![Message::user("JSON")]);
    request.tools = tools();
    let both = translator.encode(&request).unwrap();
    request.tools.pop();
    let one = translator.encode(&request).unwrap();
    request.tools[0].description = "Looks elsewhere.".to_owned();
    let other = translator.encode(&request).unwrap();
    assert!(both != one && one != other);
    request.tools = tools();
    assert_eq!(both, translator.encode(&request).unwrap());
}

#[test]
fn a_tool_turn_goes_back_with_what_the_server_wants_back() {
    let request = Request::new("m", tool_turn());
    let (body, _) = encode("localhost", StructuredOutputMode::Prompted, &request);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "JSON: how high is the tide?"},
            {
                "role": "assistant",
                "content": null,
                "tool_calls": [
                    {
                        "id": "t1", "type": "function",
                        "function": {"name": "look", "arguments": "{\"at\":\"pier\"}"},
                        "extra_content": {"google": {"thought_signature": "AY=="}}
                    },
                    {
                        "id": "t2", "type": "function",
                        "function": {"name": "look", "arguments": "{\"invalid_arguments\":\"{\\\"at\\\": pi\"}"}
                    }
                ],
                "reasoning_content": "I must look.",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "gA=="}]
            },
            {"role": "tool", "content": "2 m", "tool_call_id": "t1"},
            {"role": "tool", "content": "no such place", "tool_call_id": "t2"}
        ])
    );
}

#[test]
fn a_server_that_takes_no_tools_is_not_asked() {
    let mut dialect = Dialect::for_host("localhost");
    dialect.tools = false;
    let mut request = Request::new("m", vec![Message::user("JSON")]);
    let translator = Translator::new(dialect);
    translator.encode(&request).unwrap();
    request.tools = tools();
    let error = translator.encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "the request has tools, and the server takes none"
    );
}

#[test]
fn a_stream_is_asked_for_with_its_usage_where_the_server_allows() {
    let request = Request::new("m", vec![Message::user("JSON")]);
    let streamed = |host: &str| -> Value {
        let translator = Translator::new(Dialect::for_host(host));
        let encoded = Translate::encode(&translator, &request, Delivery::Streamed).unwrap();
        serde_json::from_slice(&encoded.body).unwrap()
    };
    assert_eq!(streamed("localhost")["stream"], true);
    let options = json!({"include_usage": true});
    assert_eq!(streamed("localhost")["stream_options"], options);
    assert_eq!(streamed("api.mistral.ai")["stream"], true);
    assert_eq!(streamed("api.mistral.ai").get("stream_options"), None);
}

#[test]
fn each_known_host_gets_what_it_takes() {
    let format = |host: &str, mode| {
        let (body, _) = encode(host, mode, &full_request());
        body["response_format"]["type"].clone()
    };
    assert_eq!(
        format("api.openai.com", StructuredOutputMode::Auto),
        "json_schema"
    );
    assert_eq!(
        format("openrouter.ai", StructuredOutputMode::Auto),
        "json_schema"
    );
    let mut deepseek = Dialect::for_host("api.deepseek.com");
    let encoded = Translator::new(deepseek).encode(&full_request()).unwrap();
    assert_eq!(encoded.structured_output, StructuredOutput::JsonObject);
    deepseek.structured_output = StructuredOutputMode::JsonSchema;
    let encoded = Translator::new(deepseek).encode(&full_request()).unwrap();
    assert_eq!(encoded.structured_output, StructuredOutput::JsonSchema);
    assert_eq!(
        Dialect::for_host("notopenai.com"),
        Dialect::for_host("localhost")
    );
}
