//! Why there is no message: the API's own error types on top of the classes of all dialects.

use serde_json::Value;

use crate::provider::reading::{Api, Asked, Words, classify_words, object};
use crate::provider::{HttpAnswer, ProviderError, reading};

static API: Api = Api {
    name: "Messages",
    part: "content",
    address_hint: "check `base_url`: it may end in `/v1`, and needs nothing else",
};

/// The failure that `answer` is.
pub(super) fn classify(answer: &HttpAnswer<'_>, model: &str) -> ProviderError {
    let asked = Asked { api: &API, model };
    let Some(body) = object(answer.body) else {
        return reading::classify(answer, asked);
    };
    match body.get("error").map(words) {
        Some(words) => classify_words(answer, words, asked),
        // A message that says nothing is no message of an error.
        None if answer.is_success() => classify_words(answer, Words::default(), asked),
        None => reading::classify(answer, asked),
    }
}

/// The failure that stands in the event `data` of a stream.
pub(super) fn in_stream(data: &str, model: &str) -> ProviderError {
    let answer = HttpAnswer {
        status: 200,
        headers: &(),
        body: data.as_bytes(),
    };
    classify(&answer, model)
}

fn words(error: &Value) -> Words {
    let mut words = Words::from_json(error);
    // A failure inside of a success, as in the middle of a stream, has its status in its type.
    words.status = words
        .codes
        .iter()
        .find_map(|code| status(code))
        .or(words.status);
    let code = error.pointer("/details/error_code").and_then(Value::as_str);
    if code.is_some_and(|code| code.ends_with("spend_limit_reached")) {
        words.codes.push("insufficient_quota".to_owned());
    }
    words
}

fn status(error_type: &str) -> Option<u16> {
    Some(match error_type {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}
