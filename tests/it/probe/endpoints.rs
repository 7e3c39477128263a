//! Two endpoints: one that enforces what it is asked to, one that passes most of it over.

use serde_json::{Value, json};

use crate::support::server::{Answer, Seen};

const FITTING: &str = r#"{"word": "tide", "number": 7}"#;

fn says(text: &str, finish: &str, tokens: u64) -> Answer {
    let message = json!({"role": "assistant", "content": text});
    completion(&message, finish, tokens)
}

fn calls(arguments: &str) -> Answer {
    let function = json!({"name": "note", "arguments": arguments});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": function}]});
    completion(&message, "tool_calls", 20)
}

fn completion(message: &Value, finish: &str, tokens: u64) -> Answer {
    let body = json!({
        "id": "c", "model": "llama",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 20, "completion_tokens": tokens}
    });
    Answer::Http {
        status: 200,
        headers: vec![("x-ratelimit-remaining-requests", "9".to_owned())],
        body: body.to_string(),
    }
}

fn streamed(usage: bool) -> Answer {
    let delta =
        json!({"choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}]});
    let mut body = format!("data: {delta}\n\n");
    if usage {
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 1}});
        body = format!("{body}data: {usage}\n\n");
    }
    Answer::Http {
        status: 200,
        headers: vec![("content-type", "text/event-stream".to_owned())],
        body: body + "data: [DONE]\n\n",
    }
}

fn refuses(code: &str, param: &str) -> Answer {
    let error = json!({"message": format!("Unsupported: '{param}'"), "type": "invalid_request_error", "code": code, "param": param});
    Answer::body(400, &json!({ "error": error }))
}

/// Takes the newer words alone, and enforces every schema.
pub(super) fn enforcing(seen: &Seen) -> Answer {
    let body = &seen.body;
    if body["model"] != "llama" {
        let error = json!({"message": "no such model", "code": "model_not_found"});
        return Answer::body(404, &json!({ "error": error }));
    }
    if body.get("max_tokens").is_some() {
        return refuses("unsupported_parameter", "max_tokens");
    }
    if body.get("duologue_probe").is_some() {
        return refuses("unknown_parameter", "duologue_probe");
    }
    if body["temperature"].is_string() {
        return refuses("invalid_type", "temperature");
    }
    if body["stream"] == true {
        return streamed(body["stream_options"]["include_usage"] == true);
    }
    if body.get("tools").is_some() {
        return calls(FITTING);
    }
    match (
        &body["response_format"]["type"],
        body["max_completion_tokens"].as_u64(),
    ) {
        (format, _) if format == "json_schema" => says(FITTING, "stop", 12),
        (format, _) if format == "json_object" => says(r#"{"answer": "yes"}"#, "stop", 5),
        (_, Some(16)) => says("1\n2\n3", "length", 16),
        _ => says("yes", "stop", 1),
    }
}

/// Takes the older words, and answers in prose whatever it is asked.
pub(super) fn loose(seen: &Seen) -> Answer {
    let body = &seen.body;
    if body.get("stream_options").is_some() {
        return Answer::error(400, "stream_options is not supported");
    }
    if body["messages"][0]["role"] == "developer" {
        return Answer::error(422, "messages.0.role: must be system, user or assistant");
    }
    if body["temperature"].is_string() {
        return Answer::Http {
            status: 500,
            headers: Vec::new(),
            body: "<html>oops</html>".to_owned(),
        };
    }
    if body["stream"] == true {
        return streamed(false);
    }
    if body.get("tools").is_some() {
        return calls(r#"{"word": "moon", "number": "many"}"#);
    }
    if body["response_format"]["type"] == "json_object" {
        return says("{}", "stop", 2);
    }
    match (
        body["max_tokens"].as_u64(),
        body["max_completion_tokens"].as_u64(),
    ) {
        (Some(16), _) => says("1\n2\n3", "length", 16),
        (_, Some(16)) => says("1 to 60", "stop", 170),
        _ => says("yes", "stop", 1),
    }
}
