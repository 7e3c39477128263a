//! From the message that came back to a response. Lenient: only `content` must be there.

use serde_json::Value;

use super::content::seal;
use super::failure::classify;
use crate::chat::{FinishReason, Response, ToolCall, Usage};
use crate::provider::ProviderError;
use crate::provider::answer::HttpAnswer;
use crate::provider::reading::{Object, count, object, take_text};
use crate::provider::tool_calls::{arguments, name_ids};

/// Reads `answer`, which came back for a request to `model`.
pub(super) fn decode(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    object(answer.body)
        .filter(|message| answer.is_success() && !says_error(message))
        .filter(|message| message.contains_key("content"))
        .map(response)
        .ok_or_else(|| classify(answer, model))
}

/// Whether an `error` is there that says something.
pub(super) fn says_error(object: &Object) -> bool {
    match object.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => {
            object.get("type").is_some_and(|kind| kind == "error")
        }
        Some(_) => true,
    }
}

/// The response that a message is, however it was put together.
pub(super) fn response(mut message: Object) -> Response {
    let mut response = Response {
        usage: usage(message.get("usage")),
        model: take_text(&mut message, "model"),
        id: take_text(&mut message, "id"),
        ..Response::default()
    };
    match message.remove("content") {
        Some(Value::String(text)) => response.text = text,
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.into_iter().enumerate() {
                read_block(block, at, &mut response);
            }
        }
        _ => {}
    }
    name_ids(&mut response.tool_calls);
    match take_text(&mut message, "stop_reason").as_deref() {
        None => {}
        Some("refusal") => {
            response.refusal = Some(refusal(message.get("stop_details")));
            response.finish_reason = Some(FinishReason::Other("refusal".to_owned()));
        }
        Some(word) => response.finish_reason = Some(finish_reason(word)),
    }
    response
}

fn read_block(block: Value, at: usize, response: &mut Response) {
    let mut block = match block {
        Value::String(text) => return response.text.push_str(&text),
        Value::Object(block) => block,
        _ => return,
    };
    match block.get("type").and_then(Value::as_str) {
        Some("text") | None => {
            let text = take_text(&mut block, "text").unwrap_or_default();
            response.text.push_str(&text);
        }
        Some("tool_use") => {
            let id = take_text(&mut block, "id").unwrap_or_default();
            // A call of nothing can be answered by no tool, but the model can be told so.
            let name = take_text(&mut block, "name").unwrap_or_default();
            let arguments = arguments(block.remove("input"));
            response.tool_calls.push(ToolCall::new(id, name, arguments));
        }
        Some(kind) => {
            if kind == "thinking"
                && let Some(text) = block.get("thinking").and_then(Value::as_str)
                && !text.is_empty()
            {
                response.reasoning.get_or_insert_default().push_str(text);
            }
            seal(&block, at, &mut response.provider_data);
        }
    }
}

fn refusal(details: Option<&Value>) -> String {
    let said = |key: &str| {
        let text = details?.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    said("explanation")
        .or_else(|| said("category"))
        .unwrap_or_else(|| "refusal".to_owned())
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" | "stop" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" | "length" => FinishReason::Length,
        "tool_use" | "tool_calls" => FinishReason::ToolCalls,
        _ => FinishReason::Other(word.to_owned()),
    }
}

/// The API counts what it took from and put into its cache beside the input; here it is part of it.
pub(super) fn usage(usage: Option<&Value>) -> Usage {
    let Some(usage) = usage.and_then(Value::as_object) else {
        return Usage::default();
    };
    let figure = |key: &str| count(usage.get(key));
    let cached_tokens = figure("cache_read_input_tokens");
    let cache_write_tokens = figure("cache_creation_input_tokens");
    let cached = [cached_tokens, cache_write_tokens];
    let beside = |input| {
        cached
            .iter()
            .flatten()
            .copied()
            .fold(input, u64::saturating_add)
    };
    let details = usage.get("output_tokens_details");
    Usage {
        input_tokens: figure("input_tokens").map(beside),
        output_tokens: figure("output_tokens"),
        cached_tokens,
        cache_write_tokens,
        reasoning_tokens: details.and_then(|details| count(details.get("thinking_tokens"))),
        ..Usage::default()
    }
}
