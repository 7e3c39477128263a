//! What an endpoint's failures say.

use serde_json::Value;

use super::endpoint::Answer;
use crate::call_log::Sanitizer;
use crate::error::{ErrorKind, Result};
use crate::provider::openai::decode;
use crate::provider::{ErrorShape, HttpAnswer, ProviderError};
use crate::text;

/// Longer quotes of an endpoint are clipped.
const QUOTE: usize = 120;

/// A probe goes on only where the key is good.
pub(super) fn let_in(answer: &Answer, model: &str) -> Result<()> {
    if !matches!(answer.status, 401 | 403 | 407) {
        return Ok(());
    }
    Err(failure(answer, model)
        .with_hint("give the key's variable with `--api-key-env`, or check what is in it")
        .into())
}

/// The failure that the endpoint answered with.
pub(super) fn failure(answer: &Answer, model: &str) -> ProviderError {
    let answer = HttpAnswer {
        status: answer.status,
        headers: &(),
        body: answer.body.as_bytes(),
    };
    match decode(&answer, model) {
        Err(error) => error,
        Ok(_) => ProviderError::new(ErrorKind::Protocol, "the endpoint answered oddly"),
    }
}

/// What a failure looks like.
pub(super) fn shape(answer: &Answer) -> ErrorShape {
    let value = answer.json();
    let error = value
        .as_ref()
        .map(|value| value.get("error").unwrap_or(value));
    let code = ["code", "type", "status"].iter().find_map(|key| {
        match error.filter(|_| !answer.is_success())?.get(key)? {
            Value::String(code) => Some(text::clip(&clean(code), QUOTE)),
            Value::Number(code) => Some(code.to_string()),
            _ => None,
        }
    });
    ErrorShape {
        status: answer.status,
        code,
        json: value.is_some(),
    }
}

/// Status and the endpoint's own words, in one line and sanitized.
pub(super) fn quoted(answer: &Answer) -> String {
    let value = answer.json();
    let error = value
        .as_ref()
        .map(|value| value.get("error").unwrap_or(value));
    let message = error.and_then(|error| {
        let message = error
            .get("message")
            .or(error.get("detail"))
            .unwrap_or(error);
        message.as_str().map(str::to_owned)
    });
    let words = message.unwrap_or_else(|| match (&value, answer.body.trim()) {
        (_, "") => "an empty body".to_owned(),
        (Some(_), _) => "JSON that is no chat completion".to_owned(),
        (None, _) => "a body that is no JSON".to_owned(),
    });
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "HTTP {}: {}",
        answer.status,
        text::clip(&clean(&line), QUOTE)
    )
}

fn clean(text: &str) -> String {
    Sanitizer::shared_default().clean(text)
}
