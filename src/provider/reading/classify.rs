//! Failures by class: from status, headers and body to a [`ProviderError`].

use std::time::SystemTime;

use super::api::{Api, Asked};
use super::retry_after::retry_after;
use super::words::{Shape, Words};
use crate::error::ErrorKind;
use crate::provider::ProviderError;
use crate::provider::answer::HttpAnswer;

const QUOTA_CODES: [&str; 6] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
    "insufficient_credits",
    "account_deactivated_billing",
];
const QUOTA_PHRASES: [&str; 4] = [
    "insufficient balance",
    "insufficient credit",
    "credit balance is too low",
    "billing hard limit",
];
const OVERFLOW_PHRASES: [&str; 10] = [
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
    "too many tokens",
];
const FILTER_PHRASES: [&str; 5] = [
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "content management policy",
    "flagged by moderation",
];
const KEY_PHRASES: [&str; 4] = [
    "invalid_api_key",
    "incorrect api key",
    "api key not valid",
    "invalid api key",
];
const RATE_PHRASES: [&str; 3] = ["rate_limit", "rate limit", "too many requests"];
const PASSING_PHRASES: [&str; 11] = [
    "overloaded",
    "server_error",
    "internal error",
    "internal server",
    "unavailable",
    "timeout",
    "timed out",
    "try again",
    "temporarily",
    "upstream",
    "at capacity",
];
const MODEL_PHRASES: [&str; 3] = ["model_not_found", "model `", "model '"];

/// Why `answer`, which is no usable answer to what was `asked`, is none.
pub(in crate::provider) fn classify<'a>(
    answer: &HttpAnswer<'_>,
    asked: impl Into<Asked<'a>>,
) -> ProviderError {
    let (shape, words) = Words::read(answer.body);
    error(answer, &shape, words, asked.into())
}

/// Why a choice that holds an error is no usable answer.
pub(in crate::provider) fn classify_words<'a>(
    answer: &HttpAnswer<'_>,
    words: Words,
    asked: impl Into<Asked<'a>>,
) -> ProviderError {
    error(answer, &Shape::Json, words, asked.into())
}

/// The failure of an answer that ended before its body did.
pub(crate) fn cut_off(status: u16) -> ProviderError {
    ProviderError::new(ErrorKind::Unavailable, "the answer was cut off").with_status(status)
}

fn error(answer: &HttpAnswer<'_>, shape: &Shape, words: Words, asked: Asked<'_>) -> ProviderError {
    let wait = retry_after(answer.headers, SystemTime::now());
    let cut = matches!(shape, Shape::Empty | Shape::CutJson);
    if answer.is_success() && cut {
        return cut_off(answer.status).with_retry_after(wait);
    }
    // A proxy may report its provider's status inside of an answer that is a success itself.
    let status = match words.status {
        Some(inner) if answer.is_success() => inner,
        _ => answer.status,
    };
    let kind = kind(status, &words);
    let (message, hint) = tell(kind, status, shape, &words, asked);
    let mut error = ProviderError::new(kind, message)
        .with_status(answer.status)
        .with_retry_after(wait);
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    // A success without a sign of an error in it may be the model's own text, which stays out.
    let quotable = !answer.is_success() || *shape == Shape::Json;
    match words.into_source().filter(|_| quotable) {
        Some(source) => error.with_source(source),
        None => error,
    }
}

/// The class: what the provider names exactly, then what the status says, refined by its words.
fn kind(status: u16, words: &Words) -> ErrorKind {
    if words.has_code(&QUOTA_CODES) {
        return ErrorKind::QuotaExhausted;
    }
    match status {
        200..=299 => kind_of_words(words),
        401 | 407 => ErrorKind::Auth,
        402 => ErrorKind::QuotaExhausted,
        408 | 409 | 425 | 499 => ErrorKind::Unavailable,
        413 => ErrorKind::ContextOverflow,
        429 => ErrorKind::RateLimited,
        403 => refined(words, ErrorKind::Auth),
        400..=499 => refined(words, ErrorKind::BadRequest),
        501 | 505 => ErrorKind::Protocol,
        500..=599 => refined_to_overflow(words, ErrorKind::Unavailable),
        _ => ErrorKind::Protocol,
    }
}

fn refined(words: &Words, otherwise: ErrorKind) -> ErrorKind {
    if words.mentions(&FILTER_PHRASES) {
        ErrorKind::ContentFiltered
    } else if words.mentions(&KEY_PHRASES) {
        ErrorKind::Auth
    } else if words.mentions(&QUOTA_PHRASES) {
        ErrorKind::QuotaExhausted
    } else {
        refined_to_overflow(words, otherwise)
    }
}

/// Some servers answer 500 to a prompt that is too long.
fn refined_to_overflow(words: &Words, otherwise: ErrorKind) -> ErrorKind {
    if words.mentions(&OVERFLOW_PHRASES) {
        ErrorKind::ContextOverflow
    } else {
        otherwise
    }
}

/// Under a status that says success, words are all there is.
fn kind_of_words(words: &Words) -> ErrorKind {
    let kind = refined(words, ErrorKind::Protocol);
    if kind != ErrorKind::Protocol {
        kind
    } else if words.mentions(&RATE_PHRASES) {
        ErrorKind::RateLimited
    } else if words.mentions(&PASSING_PHRASES) {
        ErrorKind::Unavailable
    } else if words.mentions(&["invalid_request", "not_found", "not found"]) {
        ErrorKind::BadRequest
    } else {
        ErrorKind::Protocol
    }
}

/// The error's own line and its advice.
fn tell(
    kind: ErrorKind,
    status: u16,
    shape: &Shape,
    words: &Words,
    asked: Asked<'_>,
) -> (String, Option<&'static str>) {
    let model = asked.model;
    let line = |text: &str| (text.to_owned(), None);
    match kind {
        ErrorKind::Auth if status == 403 => line("the provider does not allow this with this key"),
        ErrorKind::Auth => line("the provider did not accept the key"),
        ErrorKind::RateLimited => (
            format!("the provider limits the rate of calls to model `{model}`"),
            None,
        ),
        ErrorKind::QuotaExhausted => line("the account's quota or credit is used up"),
        ErrorKind::ContextOverflow => (format!("the prompt is too long for model `{model}`"), None),
        ErrorKind::ContentFiltered => line("the provider's content filter stopped the prompt"),
        ErrorKind::Unavailable => line("the provider failed for a reason that may pass"),
        ErrorKind::BadRequest => tell_bad_request(status, shape, words, asked),
        _ => tell_protocol(status, shape, words, asked.api),
    }
}

fn tell_bad_request(
    status: u16,
    shape: &Shape,
    words: &Words,
    Asked { api, model }: Asked<'_>,
) -> (String, Option<&'static str>) {
    let names_model = words.mentions(&MODEL_PHRASES)
        || !model.is_empty() && words.mentions(&[&model.to_lowercase()]);
    match (status, shape) {
        _ if words.has_code(&["model_not_found", "deploymentnotfound"])
            || status == 404 && names_model =>
        {
            (
                format!("the provider does not know model `{model}`"),
                Some("check `model` against the models that the provider lists"),
            )
        }
        (404 | 405, _) => (
            format!("there is no {} API at this address", api.name),
            Some(api.address_hint),
        ),
        _ if words.mentions(&["response_format", "json_schema"]) => (
            format!("the provider rejected the response format for model `{model}`"),
            Some("set `structured_output` to `json_object` or `prompted`"),
        ),
        _ => (
            format!("the provider rejected the request to model `{model}`"),
            None,
        ),
    }
}

fn tell_protocol(
    status: u16,
    shape: &Shape,
    words: &Words,
    api: &Api,
) -> (String, Option<&'static str>) {
    if (300..400).contains(&status) {
        return (
            "the server redirects, which is not followed with a key".to_owned(),
            Some("set `base_url` to the address it redirects to"),
        );
    }
    let text = match shape {
        _ if status >= 400 => format!("the server does not implement the {} API", api.name),
        Shape::Json if words.message.is_empty() => format!("the answer holds no {}", api.part),
        shape => told_by_shape(shape).to_owned(),
    };
    let hint = (status < 400 && *shape == Shape::BrokenJson)
        .then_some("`log_level: full` keeps what it sent; a proxy on the way may have changed it");
    (text, hint)
}

fn told_by_shape(shape: &Shape) -> &'static str {
    match shape {
        Shape::Json => "the provider reported an error instead of an answer",
        Shape::CutJson | Shape::Empty => "the answer is incomplete",
        Shape::Stream => "the server answered with a stream, which was not asked for",
        Shape::Html => "the server answered with an HTML page",
        Shape::BrokenJson => "the server answered with broken JSON",
        Shape::Text => "the server answered with plain text",
    }
}
