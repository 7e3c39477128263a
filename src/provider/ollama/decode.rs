//! From what came back to a response. Lenient: only `message` must be there.

use serde_json::Value;

use super::stream::LineDecoder;
use crate::chat::{FinishReason, Response, ToolCall, Usage};
use crate::error::ErrorKind;
use crate::provider::answer::HttpAnswer;
use crate::provider::reading::{
    Api, Asked, Object, Words, classify, classify_words, count, object, take_text,
};
use crate::provider::tool_calls::{arguments, name_ids};
use crate::provider::{ProviderError, StreamDecoder};

/// Where a message keeps the thinking that led to tool calls: models want it back.
pub(super) const THINKING: &str = "thinking";

static API: Api = Api {
    name: "chat",
    part: "message",
    address_hint: "check `base_url`: it ends before `/api`, as in `http://127.0.0.1:11434`",
};

fn asked(model: &str) -> Asked<'_> {
    Asked { api: &API, model }
}

/// Reads `answer`, which came back for a request to `model`.
pub(super) fn decode(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    if !answer.is_success() {
        return Err(classify(answer, asked(model)));
    }
    let Some(mut body) = object(answer.body) else {
        return decode_lines(answer, model);
    };
    if says_error(&body) {
        return Err(failed(answer, &body, model));
    }
    let mut response = Response::default();
    if !read(&mut body, &mut response) {
        return Err(classify(answer, asked(model)));
    }
    complete(&mut response);
    Ok(response)
}

/// Some proxies stream whatever was asked for.
fn decode_lines(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    let text = String::from_utf8_lossy(answer.body);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let is_streamed = lines.len() > 1 && lines.first().is_some_and(|line| is_object(line));
    if !is_streamed {
        return Err(classify(answer, asked(model)));
    }
    let mut decoder = LineDecoder::new(model);
    for line in lines {
        decoder.feed(None, line, &mut |_| {})?;
    }
    decoder.finish()
}

fn is_object(line: &str) -> bool {
    object(line.as_bytes()).is_some()
}

/// The failure in `body`, which came under a status that says success. The server has no codes: what
/// its words do not tell is one of its own, which may pass.
pub(super) fn failed(answer: &HttpAnswer<'_>, body: &Object, model: &str) -> ProviderError {
    let words = || body.get("error").map(Words::from_json).unwrap_or_default();
    let failure = classify_words(answer, words(), asked(model));
    if failure.kind() != ErrorKind::Protocol {
        return failure;
    }
    let words = Words {
        status: Some(500),
        ..words()
    };
    classify_words(answer, words, asked(model))
}

/// Whether an `error` is there that says something.
pub(super) fn says_error(body: &Object) -> bool {
    match body.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// Adds what `body`, whole or one line of a stream, brings; whether it brings a message.
pub(super) fn read(body: &mut Object, response: &mut Response) -> bool {
    let usage = usage(body);
    if !usage.is_unknown() {
        response.usage = usage;
    }
    if response.model.is_none() {
        response.model = take_text(body, "model");
    }
    if let Some(word) = take_text(body, "done_reason") {
        response.finish_reason = Some(finish_reason(word));
    }
    let Some(Value::Object(mut message)) = body.remove("message") else {
        return false;
    };
    if let Some(text) = thinking(&mut message) {
        response.reasoning.get_or_insert_default().push_str(&text);
    }
    response.text.push_str(&content(message.remove("content")));
    if let Some(Value::Array(calls)) = message.remove("tool_calls") {
        response
            .tool_calls
            .extend(calls.into_iter().filter_map(tool_call));
    }
    true
}

/// What can be said of an answer once all of it is there.
pub(super) fn complete(response: &mut Response) {
    if response.tool_calls.is_empty() {
        return;
    }
    name_ids(&mut response.tool_calls);
    // The server says `stop` whether tools are to be called or not.
    if matches!(response.finish_reason, None | Some(FinishReason::Stop)) {
        response.finish_reason = Some(FinishReason::ToolCalls);
    }
    if let Some(reasoning) = &response.reasoning {
        let kept = Value::String(reasoning.clone());
        response.provider_data.insert(THINKING.to_owned(), kept);
    }
}

/// The reasoning in a message, under whichever name.
pub(super) fn thinking(message: &mut Object) -> Option<String> {
    ["thinking", "reasoning_content", "reasoning"]
        .iter()
        .find_map(|key| take_text(message, key))
}

/// The text of a message: a text, parts of one, or the JSON answer itself.
pub(super) fn content(content: Option<Value>) -> String {
    match content {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => parts
            .into_iter()
            .map(|part| match part {
                Value::Object(mut part) => take_text(&mut part, "text").unwrap_or_default(),
                Value::String(text) => text,
                _ => String::new(),
            })
            .collect(),
        Some(other) => other.to_string(),
    }
}

fn tool_call(call: Value) -> Option<ToolCall> {
    let Value::Object(mut call) = call else {
        return None;
    };
    let id = take_text(&mut call, "id").unwrap_or_default();
    let mut function = match call.remove("function") {
        Some(Value::Object(function)) => function,
        _ => call,
    };
    let name = take_text(&mut function, "name").unwrap_or_default();
    let arguments = arguments(function.remove("arguments"));
    Some(ToolCall::new(id, name, arguments))
}

fn finish_reason(word: String) -> FinishReason {
    match word.as_str() {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        _ => FinishReason::Other(word),
    }
}

fn usage(body: &Object) -> Usage {
    Usage {
        input_tokens: count(body.get("prompt_eval_count")),
        output_tokens: count(body.get("eval_count")),
        cached_tokens: count(body.get("prompt_eval_cached_count")),
        ..Usage::default()
    }
}
