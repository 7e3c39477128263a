//! What goes out: bodies that hold published fields and nothing else.

use std::sync::Arc;

use duologue::ErrorKind;
use duologue::chat::{Message, Request, ResponseSchema, Role, StructuredOutput};
use duologue::provider::StructuredOutputMode;
use duologue::provider::openai::{Dialect, Translator};
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
