//! From a record to what its call gave.

use serde_json::Value;

use crate::call_log::{CallError, CallStatus, Record};
use crate::chat::Response;
use crate::error::ErrorKind;
use crate::provider::ProviderError;

/// What a recorded call gave.
#[derive(Debug)]
pub(super) enum Given {
    Response(Box<Response>),
    Failure {
        error: CallError,
        status: Option<u16>,
        /// What had come when it failed.
        remains: Box<Response>,
    },
    /// Nothing that could be given again.
    Nothing(&'static str),
}

impl Given {
    /// What the call of `record` gave; takes the answer out of it.
    pub(super) fn by(record: &mut Record) -> Self {
        match record.status {
            None => return Self::Nothing("had not ended when the run was read"),
            Some(CallStatus::Interrupted) => return Self::Nothing("was interrupted"),
            Some(_) => {}
        }
        let error = record.error.take();
        // Only a whole answer has tool calls in its record.
        let judged = !record.tool_calls.is_empty()
            || error
                .as_ref()
                .is_none_or(|error| judges_an_answer(error.kind));
        match (record.raw_answer.take(), error) {
            (Some(text), error) if judged || !record.streamed => {
                Self::Response(Box::new(response(record, text, error)))
            }
            (text, Some(error)) => Self::Failure {
                error,
                status: record.attempts.last().and_then(|attempt| attempt.status),
                remains: Box::new(remains(record, text)),
            },
            (_, None) => Self::Nothing("has no answer in its record"),
        }
    }

    /// What a stream of it brings.
    pub(super) fn streamed(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            Self::Failure { remains, .. } => Some(remains),
            Self::Nothing(_) => None,
        }
    }

    /// The same for the call that replays it.
    pub(super) fn again(&self) -> Result<Response, ProviderError> {
        match self {
            Self::Response(response) => Ok((**response).clone()),
            Self::Failure { error, status, .. } => Err(failure(error, *status)),
            Self::Nothing(why) => Err(ProviderError::new(ErrorKind::NotRecorded, *why)),
        }
    }
}

/// Whether there was a whole answer when this was found. A stream that broke has a part of one in
/// its record.
fn judges_an_answer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidAnswer
            | ErrorKind::Truncated
            | ErrorKind::Refused
            | ErrorKind::ContentFiltered
    )
}

fn remains(record: &mut Record, text: Option<String>) -> Response {
    let mut remains = Response::text(text.unwrap_or_default());
    remains.reasoning = record.reasoning.take();
    if !record.usage.estimated {
        remains.usage = record.usage;
    }
    remains
}

fn response(record: &mut Record, text: String, error: Option<CallError>) -> Response {
    let mut response = Response::default();
    // A record has one place for both, and this kind exactly when the model refused.
    if error.is_some_and(|error| error.kind == ErrorKind::Refused) {
        response.refusal = Some(text);
    } else {
        response.text = text;
    }
    response.reasoning = record.reasoning.take();
    response.finish_reason = record.finish_reason.take();
    response.usage = record.usage;
    response.model = record.response_model.take();
    response.id = record.response_id.take();
    response.structured_output = record.structured_output;
    response.provider_data = std::mem::take(&mut record.provider_data);
    response.tool_calls = std::mem::take(&mut record.tool_calls);
    response
}

/// A record's message is what the error and its causes said, joined; the status stands between them.
fn failure(error: &CallError, status: Option<u16>) -> ProviderError {
    let parts = status.and_then(|status| {
        let (own, causes) = error.message.split_once(&format!(" (HTTP {status})"))?;
        (causes.is_empty() || causes.starts_with(": ")).then_some((own, causes, status))
    });
    let mut failure = match parts {
        None => ProviderError::new(error.kind, &error.message),
        Some((own, causes, status)) => {
            let failure = ProviderError::new(error.kind, own).with_status(status);
            match causes.strip_prefix(": ") {
                Some(causes) => failure.with_source(causes.to_owned()),
                None => failure,
            }
        }
    };
    if let Some(hint) = &error.hint {
        failure = failure.with_hint(hint);
    }
    failure.with_retries_exhausted()
}

/// The rule that replaced something in the answer of `record`. A placeholder that the model wrote
/// itself is not counted among the record's redactions.
pub(super) fn redacted_by(record: &Record) -> Option<String> {
    let texts = [&record.raw_answer, &record.reasoning];
    texts
        .into_iter()
        .flatten()
        .find_map(|text| rule_in(text, record))
        .or_else(|| {
            let mut calls = record.tool_calls.iter();
            calls.find_map(|call| rule_below(&call.arguments, record))
        })
        .or_else(|| {
            let data = &record.provider_data;
            data.iter().find_map(|(name, value)| {
                rule_in(name, record).or_else(|| rule_below(value, record))
            })
        })
}

fn rule_below(value: &Value, record: &Record) -> Option<String> {
    match value {
        Value::String(text) => rule_in(text, record),
        Value::Array(items) => items.iter().find_map(|item| rule_below(item, record)),
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| rule_in(name, record).or_else(|| rule_below(value, record))),
        _ => None,
    }
}

fn rule_in(text: &str, record: &Record) -> Option<String> {
    text.split("<REDACTED:")
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .find(|(rule, _)| record.redactions.get(rule) > 0)
        .map(|(rule, _)| rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_its_status_cause_and_words_again() {
        let recorded = |message: &str| CallError {
            kind: ErrorKind::RateLimited,
            message: message.to_owned(),
            hint: None,
        };
        let again = |message: &str| failure(&recorded(message), Some(429));

        let error = again("slow down (HTTP 429): 3 per minute");
        assert_eq!((error.status(), error.is_retryable()), (Some(429), false));
        assert_eq!(error.to_string(), "slow down (HTTP 429)");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "3 per minute");

        assert_eq!(again("lost").to_string(), "lost");
        assert_eq!(again("odd (HTTP 429)x").to_string(), "odd (HTTP 429)x");
    }
}
