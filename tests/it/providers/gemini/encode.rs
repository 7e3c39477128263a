//! Bodies that hold published fields and nothing else, and parts that go back as they came.

use duologue::ErrorKind;
use duologue::chat::{
    Message, Request, ResponseSchema, Role, StructuredOutput, ToolCall, ToolDefinition,
};
use duologue::provider::gemini::Translator;
use duologue::provider::{Delivery, HttpAnswer, StructuredOutputMode, Translate};
use serde_json::{Value, json};

fn body_in(mode: StructuredOutputMode, request: &Request) -> (Value, StructuredOutput) {
    let encoded = Translator::new(mode)
        .encode(request, Delivery::Whole)
        .unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    (body, encoded.structured_output)
}

fn body(request: &Request) -> Value {
    body_in(StructuredOutputMode::Auto, request).0
}

fn refused(mode: StructuredOutputMode, request: &Request) -> (ErrorKind, String) {
    let error = Translator::new(mode)
        .encode(request, Delivery::Whole)
        .unwrap_err();
    (error.kind(), error.to_string())
}

fn plan() -> ResponseSchema {
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]});
    ResponseSchema {
        name: "plan".to_owned(),
        schema: schema.into(),
    }
}

fn tide() -> ToolDefinition {
    let schema =
        json!({"$schema": "x", "type": "object", "properties": {"port": {"type": "string"}}});
    ToolDefinition::new("tide", "When the sea is high.", schema)
}

fn asking(model: &str) -> Request {
    Request::new(model, vec![Message::user("plan, in JSON")])
}

#[test]
fn a_full_request_holds_published_fields() {
    let messages = vec![
        Message::new(Role::Developer, "be brief"),
        Message::system("you plan talks"),
        Message::user("on tides"),
        Message::assistant("{}"),
        Message::user("again"),
    ];
    let mut request = Request::new("gemini-2.5-flash", messages);
    request.temperature = Some(0.5);
    request.max_output_tokens = Some(99);
    request.response_schema = Some(plan());
    let extra = json!({"generationConfig": {"topP": 0.9}, "safetySettings": []});
    request.extra = extra.as_object().unwrap().clone();
    let (body, output) = body_in(StructuredOutputMode::Auto, &request);
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "be brief"}, {"text": "you plan talks"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "on tides"}]},
            {"role": "model", "parts": [{"text": "{}"}]},
            {"role": "user", "parts": [{"text": "again"}]}
        ],
        "generationConfig": {
            "temperature": 0.5,
            "maxOutputTokens": 99,
            "responseMimeType": "application/json",
            "responseJsonSchema": *plan().schema,
            "topP": 0.9
        },
        "safetySettings": []
    });
    assert_eq!(body, expected);
    assert_eq!(output, StructuredOutput::JsonSchema);
}

#[test]
fn a_pack_without_a_user_message_still_asks() {
    let request = Request::new("gemini-2.5-flash", vec![Message::system("Answer in JSON.")]);
    let body = body(&request);
    let contents = json!([{"role": "user", "parts": [{"text": "Answer in JSON."}]}]);
    assert_eq!(body["contents"], contents);
    assert_eq!(body.get("systemInstruction"), None);
}

#[test]
fn tools_are_declared_and_older_models_are_asked_for_json_in_words() {
    let mut request = asking("gemini-2.5-flash");
    request.response_schema = Some(plan());
    request.tools = vec![
        tide(),
        ToolDefinition::new("now", "The time.", json!({"type": "object"})),
    ];
    let (body, output) = body_in(StructuredOutputMode::Auto, &request);
    let parameters = json!({"type": "object", "properties": {"port": {"type": "string"}}});
    let declared = json!([{"functionDeclarations": [
        {"name": "tide", "description": "When the sea is high.", "parametersJsonSchema": parameters},
        {"name": "now", "description": "The time."}
    ]}]);
    assert_eq!(body["tools"], declared);
    assert_eq!(body.get("generationConfig"), None);
    assert_eq!(output, StructuredOutput::Prompted);
    let told = body["systemInstruction"]["parts"][0]["text"]
        .as_str()
        .unwrap();
    assert!(told.ends_with(&plan().schema.to_string()), "{told}");

    for mode in [
        StructuredOutputMode::JsonSchema,
        StructuredOutputMode::JsonObject,
    ] {
        let (kind, message) = refused(mode, &request);
        assert_eq!(kind, ErrorKind::Config);
        assert_eq!(
            message,
            "model `gemini-2.5-flash` cannot call tools and be held to a JSON answer in one request"
        );
    }
    request.model = "models/gemini-3-pro".to_owned();
    let (body, output) = body_in(StructuredOutputMode::JsonSchema, &request);
    assert_eq!(
        body["generationConfig"]["responseJsonSchema"],
        *plan().schema
    );
    assert_eq!(output, StructuredOutput::JsonSchema);
}

#[test]
fn a_schema_that_cannot_be_enforced_is_told_in_words_or_refused() {
    let mut request = asking("gemini-2.5-flash");
    let schema =
        json!({"type": "object", "properties": {"title": {"type": "string", "minLength": 3}}});
    request.response_schema = Some(ResponseSchema {
        name: "plan".to_owned(),
        schema: schema.into(),
    });
    let (body, output) = body_in(StructuredOutputMode::Auto, &request);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );
    assert_eq!(output, StructuredOutput::JsonObject);
    let (kind, message) = refused(StructuredOutputMode::JsonSchema, &request);
    assert_eq!(kind, ErrorKind::Schema);
    assert_eq!(
        message,
        "Gemini cannot enforce the response schema: `$.properties.title` has the keyword `minLength`"
    );
}

/// The request after the answer `parts`, whose tool calls were answered with `results`.
fn second_turn(parts: &Value, results: &[&str]) -> Value {
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]});
    let answer = answer.to_string();
    let answer = HttpAnswer {
        status: 200,
        headers: &(),
        body: answer.as_bytes(),
    };
    let response = Translator::default().decode(&answer, "m").unwrap();
    let mut request = asking("gemini-3-pro");
    request.messages.push(Message::of_response(&response));
    for (call, result) in response.tool_calls.iter().zip(results) {
        request
            .messages
            .push(Message::tool(call.id.as_str(), *result));
    }
    body(&request)["contents"].clone()
}

#[test]
fn parts_go_back_as_they_came_signatures_in_their_place() {
    let parts = json!([
        {"text": "I thought.", "thought": true, "thoughtSignature": "dGhvdWdodA=="},
        {"text": "I look at ☾."},
        {"functionCall": {"name": "tide", "args": {"port": "Brest"}}, "thoughtSignature": "Zmlyc3Q="},
        {"functionCall": {"id": "fc_2", "name": "tide", "args": {"port": "Calais"}}},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"text": "", "thoughtSignature": "bGFzdA=="}
    ]);
    let contents = second_turn(&parts, &["{\"at\": 7}", "no tide"]);
    let expected = json!([
        {"role": "user", "parts": [{"text": "plan, in JSON"}]},
        {"role": "model", "parts": parts},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "tide", "response": {"output": {"at": 7}}}},
            {"functionResponse": {"id": "fc_2", "name": "tide", "response": {"output": "no tide"}}}
        ]}
    ]);
    assert_eq!(contents, expected);
}

#[test]
fn a_changed_message_keeps_the_signatures_of_its_calls() {
    let mut message = Message::assistant("changed");
    message.tool_calls = vec![ToolCall::new(
        "gemini-call-r-0",
        "tide",
        json!({"port": "Brest"}),
    )];
    let kept = json!({"gemini_parts": [{"text": {"bytes": 3, "thoughtSignature": "dGV4dA=="}}, {"tool_call": {"thoughtSignature": "Y2FsbA=="}}]});
    message.provider_data = kept.as_object().unwrap().clone();
    let mut request = asking("gemini-3-pro");
    request.messages.push(message);
    let expected = json!([
        {"text": "changed"},
        {"functionCall": {"name": "tide", "args": {"port": "Brest"}}, "thoughtSignature": "Y2FsbA=="}
    ]);
    assert_eq!(body(&request)["contents"][1]["parts"], expected);
}

#[test]
fn a_failed_tool_says_so() {
    let mut failed = Message::tool("7", "it rains");
    failed.is_error = true;
    let mut request = asking("gemini-3-pro");
    let mut call = Message::assistant("");
    call.tool_calls = vec![ToolCall::new("7", "tide", json!("odd"))];
    request.messages.extend([call, failed]);
    let contents = body(&request)["contents"].clone();
    assert_eq!(
        contents[1]["parts"],
        json!([{"functionCall": {"id": "7", "name": "tide", "args": {"INVALID_JSON": "odd"}}, "thoughtSignature": "skip_thought_signature_validator"}])
    );
    assert_eq!(
        contents[2]["parts"],
        json!([{"functionResponse": {"id": "7", "name": "tide", "response": {"error": "it rains"}}}])
    );
}

#[test]
fn extra_may_not_replace_what_the_request_decides() {
    let cases = [
        (json!({"contents": []}), "`extra` must not set `contents`"),
        (
            json!({"generation_config": {}}),
            "`extra` must not set `generation_config`",
        ),
        (
            json!({"generationConfig": 1}),
            "`extra` holds no object under `generationConfig`",
        ),
        (
            json!({"generationConfig": {"responseMimeType": "text/plain"}}),
            "`extra` must not set `generationConfig.responseMimeType`",
        ),
    ];
    for (extra, expected) in cases {
        let mut request = asking("gemini-2.5-flash");
        request.extra = extra.as_object().unwrap().clone();
        assert_eq!(
            refused(StructuredOutputMode::Auto, &request),
            (ErrorKind::Config, expected.to_owned())
        );
    }
}
