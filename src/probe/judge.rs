//! What an answer says about its question.

use serde_json::Value;

use super::endpoint::Answer;
use super::failures::quoted;
use super::questions::{SHORT, WORD};
use crate::chat::Usage;
use crate::provider::{Finding, Verdict};
use crate::text;

/// Tokens that an answer may have beyond its limit, since servers count differently.
const SLACK: u64 = 8;

/// The finding of an answer that says nothing of the question: the endpoint failed on its own.
pub(super) fn inconclusive(answer: &Answer) -> Option<Finding> {
    let says_something = answer.is_success() || answer.is_refused() && !ran_into_the_limit(answer);
    (!says_something).then(|| Finding::new(Verdict::Unknown, quoted(answer)))
}

pub(super) fn usage(answer: &Answer) -> Usage {
    let read = |text: &str| {
        let value: Value = serde_json::from_str(text).ok()?;
        let figure = |key: &str| value.get("usage")?.get(key)?.as_u64();
        let usage = Usage {
            input_tokens: figure("prompt_tokens"),
            output_tokens: figure("completion_tokens"),
            ..Usage::default()
        };
        (!usage.is_unknown()).then_some(usage)
    };
    let last = events(answer).filter_map(read).last();
    read(&answer.body).or(last).unwrap_or_default()
}

/// `OpenAI`'s reasoning models answer so when the limit leaves them no token to answer with: the
/// request was taken, and the limit held.
pub(super) fn ran_into_the_limit(answer: &Answer) -> bool {
    answer.is_refused() && answer.body.contains("output limit was reached")
}

/// The finding of an answer that [ran into the limit](ran_into_the_limit).
pub(super) fn held(answer: &Answer) -> Finding {
    Finding::new(Verdict::Yes, quoted(answer))
}

/// Whether a count to 60 was cut at the limit.
pub(super) fn limited(answer: &Answer) -> Finding {
    judged(answer, |answer| {
        let finish = choice(answer)?
            .get("finish_reason")?
            .as_str()
            .map(str::to_owned);
        let tokens = usage(answer).output_tokens;
        let told = format!(
            "finish_reason {}, {} tokens",
            finish.as_deref().unwrap_or("none"),
            tokens.map_or("no".to_owned(), |tokens| tokens.to_string())
        );
        let verdict = match (finish.as_deref(), tokens) {
            (Some("length"), _) => Verdict::Yes,
            (_, Some(tokens)) if tokens > u64::from(SHORT) + SLACK => Verdict::No,
            // A model that stopped by itself within the limit tells nothing.
            _ => Verdict::Unknown,
        };
        Some((verdict, told))
    })
}

/// Whether the request was taken at all.
pub(super) fn taken(answer: &Answer) -> Finding {
    judged(answer, |answer| {
        choice(answer).map(|_| (Verdict::Yes, "answered".to_owned()))
    })
}

/// Whether the request was refused.
pub(super) fn refused(answer: &Answer) -> Finding {
    let mut finding = taken(answer);
    finding.verdict = match finding.verdict {
        Verdict::Yes => Verdict::No,
        Verdict::No => Verdict::Yes,
        unknown => unknown,
    };
    finding
}

/// Whether the text fits the schema that the prompt contradicts.
pub(super) fn fits_schema(answer: &Answer) -> Finding {
    of_text(
        answer,
        |value| value.is_some_and(|value| fits(&value)),
        "the schema",
    )
}

/// Whether the text is an object although the prompt asks for prose.
pub(super) fn is_object(answer: &Answer) -> Finding {
    of_text(
        answer,
        |value| value.is_some_and(|value| value.is_object()),
        "`json_object`",
    )
}

fn of_text(answer: &Answer, fits: fn(Option<Value>) -> bool, what: &str) -> Finding {
    judged(answer, |answer| {
        let choice = choice(answer)?;
        let text = choice
            .get("message")?
            .get("content")
            .and_then(Value::as_str);
        let text = text.unwrap_or_default();
        Some(if fits(serde_json::from_str(text.trim()).ok()) {
            (
                Verdict::Yes,
                format!("the answer fits {what}, against the prompt"),
            )
        } else if text.is_empty() || choice.get("finish_reason").is_some_and(|r| r == "length") {
            (Verdict::Unknown, "the answer is cut or empty".to_owned())
        } else {
            (
                Verdict::No,
                format!("taken, but the answer does not fit {what}"),
            )
        })
    })
}

/// Whether a tool was called.
pub(super) fn calls_tool(answer: &Answer) -> Finding {
    judged(answer, |answer| {
        choice(answer)?;
        Some(match tool_arguments(answer) {
            Some(_) => (Verdict::Yes, "the tool was called".to_owned()),
            None => (Verdict::Unknown, "answered without a call".to_owned()),
        })
    })
}

/// Whether the arguments fit the tool's schema, which the prompt contradicts.
pub(super) fn fits_tool(answer: &Answer) -> Finding {
    judged(answer, |answer| {
        choice(answer)?;
        Some(match tool_arguments(answer) {
            None => (Verdict::Unknown, "answered without a call".to_owned()),
            Some(arguments) if fits(&arguments) => (
                Verdict::Yes,
                "the arguments fit the schema, against the prompt".to_owned(),
            ),
            Some(_) => (
                Verdict::No,
                "taken, but the arguments do not fit the schema".to_owned(),
            ),
        })
    })
}

/// Whether the answer is a stream.
pub(super) fn streams(answer: &Answer) -> Finding {
    if answer.is_success() {
        return match events(answer).count() {
            0 => Finding::new(Verdict::No, format!("HTTP {}, in one piece", answer.status)),
            events => Finding::new(
                Verdict::Yes,
                format!("HTTP {}, {}", answer.status, text::counted(events, "event")),
            ),
        };
    }
    Finding::new(Verdict::No, quoted(answer))
}

/// Whether a stream tells its usage.
pub(super) fn stream_usage(answer: &Answer) -> Finding {
    let status = answer.status;
    if !answer.is_success() {
        return Finding::new(Verdict::No, quoted(answer));
    }
    if events(answer).next().is_none() {
        return Finding::new(Verdict::Unknown, format!("HTTP {status}, no stream"));
    }
    if usage(answer).is_unknown() {
        return Finding::new(
            Verdict::No,
            format!("HTTP {status}, a stream without usage"),
        );
    }
    Finding::new(Verdict::Yes, format!("HTTP {status}, usage in the stream"))
}

/// The finding of a judge that looks at the answer of a success; whatever was refused is a `no`, and
/// what is no chat completion says nothing.
fn judged(answer: &Answer, judge: impl FnOnce(&Answer) -> Option<(Verdict, String)>) -> Finding {
    if !answer.is_success() {
        return Finding::new(Verdict::No, quoted(answer));
    }
    match judge(answer) {
        Some((verdict, told)) => Finding::new(verdict, format!("HTTP {}, {told}", answer.status)),
        None => Finding::new(Verdict::Unknown, quoted(answer)),
    }
}

fn choice(answer: &Answer) -> Option<Value> {
    let value = answer.json()?;
    let choice = value.get("choices")?.get(0)?;
    choice.is_object().then(|| choice.clone())
}

fn tool_arguments(answer: &Answer) -> Option<Value> {
    let choice = choice(answer)?;
    let call = choice.get("message")?.get("tool_calls")?.get(0)?;
    match call.get("function")?.get("arguments")? {
        Value::String(text) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
        other => Some(other.clone()),
    }
}

/// Whether `value` fits the probe's schema.
fn fits(value: &Value) -> bool {
    let Some(map) = value.as_object() else {
        return false;
    };
    map.len() == 2
        && map.get("word").is_some_and(|word| word == WORD)
        && map
            .get("number")
            .is_some_and(|number| number.is_i64() || number.is_u64())
}

/// The data of a stream's events.
fn events(answer: &Answer) -> impl Iterator<Item = &str> {
    answer
        .body
        .lines()
        .filter_map(|line| Some(line.strip_prefix("data:")?.trim()))
        .filter(|data| !data.is_empty() && *data != "[DONE]")
}
