//! Failures as Google's services tell them: `google.rpc.Status` with details, blocked prompts.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::error::ErrorKind;
use crate::provider::reading::{Api, Asked, Object, Words, classify_words, retry_after};
use crate::provider::{HttpAnswer, ProviderError, reading};

/// Why `answer` is no usable answer of `model`.
pub(super) fn classify(answer: &HttpAnswer<'_>, model: &str) -> ProviderError {
    let Ok(body @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(answer.body)
    else {
        return reading::classify(answer, asked(model));
    };
    let mut words = Words::from_json(&body);
    if words.message.is_empty() && words.codes.is_empty() {
        return reading::classify(answer, asked(model));
    }
    add_codes(&body, &mut words);
    let wait = retry_delay(&body).max(retry_after(answer.headers, SystemTime::now()));
    classify_words(answer, words, asked(model)).with_retry_after(wait)
}

/// What was asked, as errors name it.
fn asked(model: &str) -> Asked<'_> {
    const API: Api = Api {
        name: "`generateContent`",
        part: "candidate",
        address_hint: "check `base_url`: it usually ends in `/v1beta`",
    };
    Asked { api: &API, model }
}

/// Why a stream that brought the error `body` gives no answer.
pub(super) fn classify_value(body: &Value, model: &str) -> ProviderError {
    let text = body.to_string();
    let answer = HttpAnswer {
        status: 200,
        headers: &(),
        body: text.as_bytes(),
    };
    classify(&answer, model)
}

/// The failure of a prompt that was answered with a reason for not answering it.
pub(super) fn blocked(piece: &Object) -> Option<ProviderError> {
    let reason = piece.get("promptFeedback")?.get("blockReason")?.as_str()?;
    let mut words = Words::default();
    reason.clone_into(&mut words.message);
    let error = ProviderError::new(
        ErrorKind::ContentFiltered,
        "the provider's content filter stopped the prompt",
    )
    .with_status(200);
    Some(match words.into_source() {
        Some(source) => error.with_source(source),
        None => error,
    })
}

/// Says in the words that are known everywhere what Google says in its own.
fn add_codes(body: &Value, words: &mut Words) {
    let mut add = |code: &str| words.codes.push(code.to_owned());
    for detail in details(body) {
        if detail["reason"] == "API_KEY_INVALID" {
            add("invalid_api_key");
        }
        let violations = detail["violations"].as_array().into_iter().flatten();
        // `GenerateRequestsPerDayPerProjectPerModel`: no wait of this run helps.
        if violations
            .filter_map(|violation| violation["quotaId"].as_str())
            .any(|quota| quota.contains("PerDay"))
        {
            add("insufficient_quota");
        }
    }
    if words.mentions(&["input token count"]) && words.mentions(&["exceeds"]) {
        words.codes.push("context_length_exceeded".to_owned());
    }
    if words.mentions(&[
        "response_schema",
        "response_json_schema",
        "response mime type",
    ]) {
        words.codes.push("response_format".to_owned());
    }
}

/// The wait in `RetryInfo`, such as `34.07s`.
fn retry_delay(body: &Value) -> Option<Duration> {
    details(body)
        .filter_map(|detail| {
            detail["retryDelay"]
                .as_str()?
                .strip_suffix('s')?
                .parse()
                .ok()
        })
        .filter_map(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .max()
}

/// The error's details; the body may be a list of one error.
fn details(body: &Value) -> impl Iterator<Item = &Value> {
    let status = body.get(0).unwrap_or(body);
    let details = status["error"]["details"].as_array();
    details.into_iter().flatten()
}
