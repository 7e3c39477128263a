//! From the body that came back to a response. Lenient: only `choices` must be there.

use serde_json::Value;

use super::opaque;
use super::typed::usual;
use crate::chat::{FinishReason, Response, Usage};
use crate::provider::ProviderError;
use crate::provider::answer::HttpAnswer;
use crate::provider::reading::{Object, Words, classify, classify_words, count, object, take_text};

/// Reads `answer`, which came back for a request to `model`.
///
/// An answer that was cut at the output limit, filtered or refused is an `Ok` with its finish
/// reason or refusal; its text may be empty. The content type is not looked at: the body decides.
///
/// ```
/// use duologue::ErrorKind;
/// use duologue::provider::HttpAnswer;
/// use duologue::provider::openai::decode;
///
/// let body = br#"{"choices": [{"message": {"content": "{}"}}], "usage": null}"#;
/// let answer = HttpAnswer { status: 200, headers: &(), body };
/// assert_eq!(decode(&answer, "gpt-5-mini").unwrap().text, "{}");
///
/// let body = br#"{"error": "overloaded"}"#;
/// let answer = HttpAnswer { status: 200, headers: &(), body };
/// assert_eq!(decode(&answer, "gpt-5-mini").unwrap_err().kind(), ErrorKind::Unavailable);
/// ```
///
/// # Errors
/// [`ProviderError`] of the class that status, headers and body say.
pub fn decode(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    if !answer.is_success() {
        return Err(classify(answer, model));
    }
    match usual(answer.body) {
        Some(response) => Ok(response),
        None => decode_leniently(answer, model),
    }
}

fn decode_leniently(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    let completion = object(answer.body).filter(|completion| !says_error(completion));
    let Some(mut completion) = completion else {
        return Err(classify(answer, model));
    };
    let Some(mut choice) = first_choice(&mut completion) else {
        return Err(classify(answer, model));
    };
    if says_error(&choice) {
        let words = choice
            .get("error")
            .map(Words::from_json)
            .unwrap_or_default();
        return Err(classify_words(answer, words, model));
    }
    let mut response = Response::default();
    if !read_choice(&mut choice, &mut response) {
        return Err(classify(answer, model));
    }
    opaque::take_from_completion(&mut completion, &mut response.provider_data);
    response.usage = usage(completion.get("usage"));
    response.model = take_text(&mut completion, "model");
    response.id = take_text(&mut completion, "id");
    Ok(response)
}

/// Whether an `error` is there that says something.
fn says_error(object: &Object) -> bool {
    match object.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(error)) => !error.is_empty(),
        Some(_) => true,
    }
}

fn first_choice(completion: &mut Object) -> Option<Object> {
    match completion.remove("choices")? {
        Value::Array(choices) => match choices.into_iter().next()? {
            Value::Object(choice) => Some(choice),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the choice holds a message; `null` content in a message is an empty text.
fn read_choice(choice: &mut Object, response: &mut Response) -> bool {
    response.finish_reason = take_text(choice, "finish_reason").map(finish_reason);
    match choice.remove("message") {
        Some(Value::Object(mut message)) => {
            response.refusal = take_text(&mut message, "refusal");
            response.reasoning = take_text(&mut message, "reasoning_content")
                .or_else(|| take_text(&mut message, "reasoning"));
            opaque::take_from_message(&mut message, &mut response.provider_data);
            read_content(message.remove("content"), response);
            true
        }
        // The older completions API has its text in the choice.
        _ => match choice.remove("text") {
            Some(Value::String(text)) => {
                response.text = text;
                true
            }
            _ => false,
        },
    }
}

fn read_content(content: Option<Value>, response: &mut Response) {
    match content {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => response.text = text,
        Some(Value::Array(parts)) => {
            for part in parts {
                read_part(part, response);
            }
        }
        // Some servers put the JSON answer itself here.
        Some(other) => response.text = other.to_string(),
    }
}

fn read_part(part: Value, response: &mut Response) {
    let mut part = match part {
        Value::String(text) => return response.text.push_str(&text),
        Value::Object(part) => part,
        _ => return,
    };
    opaque::keep_part(&part, &mut response.provider_data);
    if let Some(refusal) = take_text(&mut part, "refusal") {
        response.refusal = Some(refusal);
    } else if let Some(thinking) = part.remove("thinking") {
        let mut inner = Response::default();
        read_content(Some(thinking), &mut inner);
        response
            .reasoning
            .get_or_insert_default()
            .push_str(&inner.text);
    } else if let Some(text) = take_text(&mut part, "text") {
        response.text.push_str(&text);
    }
}

pub(super) fn finish_reason(word: String) -> FinishReason {
    match word.as_str() {
        "stop" | "end_turn" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        _ => FinishReason::Other(word),
    }
}

pub(super) fn usage(usage: Option<&Value>) -> Usage {
    let Some(usage) = usage.and_then(Value::as_object) else {
        return Usage::default();
    };
    let detail = |group: &str, key: &str| usage.get(group).and_then(|group| count(group.get(key)));
    Usage {
        input_tokens: count(usage.get("prompt_tokens"))
            .or_else(|| count(usage.get("input_tokens"))),
        output_tokens: count(usage.get("completion_tokens"))
            .or_else(|| count(usage.get("output_tokens"))),
        cached_tokens: detail("prompt_tokens_details", "cached_tokens")
            .or_else(|| count(usage.get("prompt_cache_hit_tokens"))),
        reasoning_tokens: detail("completion_tokens_details", "reasoning_tokens"),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readings_agree_on_the_usual_answer() {
        let bodies = [
            r#"{"id":"a","model":"m","choices":[{"finish_reason":"length","message":{"content":"x","refusal":"","reasoning":"r"}},{"message":{}}],
                "usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
            r#"{"choices":[{"message":{"content":null,"refusal":"no","reasoning_content":"c","reasoning":"r"}}],"usage":null,"error":null}"#,
            r#"{"system_fingerprint":"fp_1","choices":[{"message":{"content":"x","extra_content":null}}]}"#,
            r#"{"choices":[{"finish_reason":"odd","message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_cache_hit_tokens":5}}"#,
        ];
        for body in bodies {
            let answer = HttpAnswer {
                status: 200,
                headers: &(),
                body: body.as_bytes(),
            };
            let typed = usual(body.as_bytes());
            assert!(typed.is_some(), "{body}");
            assert_eq!(typed, decode_leniently(&answer, "m").ok());
        }
    }
}
