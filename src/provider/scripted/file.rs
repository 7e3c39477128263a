//! The reply file: a script in YAML or JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::reply::{Cut, Kind, Repeat, Reply};
use crate::chat::{FinishReason, Usage};
use crate::config;
use crate::error::{Error, ErrorKind, Result};

/// A script for [`ScriptedProvider::from_file`](super::ScriptedProvider::from_file).
///
/// ```yaml
/// replies:
///   - json: {title: Tides}
///     usage: {input_tokens: 10, output_tokens: 5}
///     agent: planner
///   - {status: 429, headers: {retry-after: 1}, body: {error: {message: slow down}}}
///   - tool_calls: [{name: tides, arguments: {harbour: Dover}}]
///   - {text: '{"verdict": "yes"}', fence: true, think: "is it?", when: tides, repeat: forever}
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyFile {
    /// The replies, used up in this order.
    replies: Vec<FileReply>,
}

/// One reply: exactly one of `text`, `json`, `refusal`, `status`, `cut_body`, `error`, `panic` and
/// `never`, and what goes with it; `tool_calls` may stand alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct FileReply {
    /// The answer's text.
    text: Option<String>,
    /// The answer as a value; sent as compact JSON.
    json: Option<Value>,
    /// Tools that the answer calls; goes with `text`, `json`, or nothing.
    tool_calls: Vec<FileToolCall>,
    /// A refusal in these words.
    refusal: Option<String>,
    /// An HTTP status; goes with `headers` and `body`.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// An HTTP answer whose body ended after this part.
    cut_body: Option<String>,
    /// A failure of this kind before any answer came.
    error: Option<ErrorKind>,
    /// A panic with this message.
    panic: Option<String>,
    /// `true`: an answer that never comes.
    never: bool,

    /// Headers of an HTTP answer.
    headers: BTreeMap<String, Scalar>,
    /// Body of an HTTP answer: text, or a value that is sent as JSON.
    body: Option<Value>,
    /// Tokens spent; unknown when absent.
    usage: Option<Usage>,
    /// Why the model stopped: `stop` (default), `length`, `content_filter`, ….
    finish_reason: Option<FinishReason>,
    /// `true` puts the text into a Markdown fence.
    fence: bool,
    /// A `<think>` block before the text.
    think: Option<String>,
    /// How long the answer takes: `50ms`, `2s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "Option<String>")]
    delay: Option<Duration>,
    /// Of how many characters the pieces are, where the call is streamed; a few pieces when absent.
    #[schemars(range(min = 1))]
    chunks_of: Option<usize>,
    /// The connection is lost behind the first such text in the answer.
    breaks_after: Option<String>,
    /// Nothing more comes behind the first such text in the answer.
    stalls_after: Option<String>,
    /// Only for calls of this agent.
    agent: Option<String>,
    /// Only for calls whose last user message contains this.
    when: Option<String>,
    /// For how many calls (default 1), or `forever`.
    #[serde(deserialize_with = "repeat")]
    #[schemars(schema_with = "repeat_schema")]
    repeat: Option<Repeat>,
}

/// A tool that an answer calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FileToolCall {
    /// The tool's name.
    name: String,
    /// Its arguments. Default: none.
    #[serde(default = "no_arguments")]
    arguments: Value,
}

fn no_arguments() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A header's value, which YAML may read as a number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
}

/// The replies in the file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<Reply>> {
    let origin = format!("`{}`", path.display());
    let file: ReplyFile = config::from_value(config::read_value(path)?, &origin)?;
    file.replies
        .into_iter()
        .enumerate()
        .map(|(index, reply)| {
            reply.into_reply().map_err(|(problem, hint)| {
                let message = format!("{origin}, key `replies[{index}]`: {problem}");
                Error::new(ErrorKind::Config, message).with_hint(hint)
            })
        })
        .collect()
}

/// What is wrong with a reply, and what to do.
type Problem = (String, &'static str);

const KINDS: &str = "give one of `text`, `json`, `tool_calls`, `refusal`, `status`, `cut_body`, `error`, `panic`, `never`";

impl FileReply {
    fn into_reply(mut self) -> Result<Reply, Problem> {
        let kind = self.kind()?;
        self.check(&kind)?;
        let mut reply = Reply::new(kind);
        for call in std::mem::take(&mut self.tool_calls) {
            reply = reply.and_tool_call(call.name, call.arguments);
        }
        if let Some(usage) = self.usage {
            reply = reply.full_usage(usage);
        }
        if let Some(reason) = self.finish_reason {
            reply = reply.finish_reason(reason);
        }
        if self.fence {
            reply = reply.fenced();
        }
        if let Some(thoughts) = self.think {
            reply = reply.thinking(thoughts);
        }
        reply.chunk_chars = self.chunks_of;
        reply.cut = cut(self.breaks_after, self.stalls_after)?;
        reply.agent = self.agent;
        reply.when = self.when;
        reply.repeat = self.repeat.unwrap_or(Repeat::Times(1));
        reply.delay = self.delay.unwrap_or_default();
        Ok(reply)
    }

    fn kind(&mut self) -> Result<Kind, Problem> {
        let headers = std::mem::take(&mut self.headers);
        let kinds = [
            self.text.take().map(|text| Reply::text(text).kind),
            self.json.take().map(|value| Reply::json(value).kind),
            self.refusal.take().map(|words| Reply::refusal(words).kind),
            self.status.map(|status| Kind::Http {
                status,
                headers: headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.to_text()))
                    .collect(),
                body: self.body.take().map(body_text).unwrap_or_default(),
            }),
            self.cut_body.take().map(Kind::CutBody),
            self.error.map(Kind::Error),
            self.panic.take().map(Kind::Panic),
            self.never.then_some(Kind::Never),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let calls_tools = || {
            let answer = Reply::text("").finish_reason(FinishReason::ToolCalls);
            (!self.tool_calls.is_empty()).then_some(answer.kind)
        };
        let kind = kinds
            .next()
            .or_else(calls_tools)
            .ok_or_else(|| ("no kind of reply".to_owned(), KINDS))?;
        if kinds.next().is_some() {
            return Err(("more than one kind of reply".to_owned(), KINDS));
        }
        if !matches!(kind, Kind::Http { .. }) && (self.body.is_some() || !headers.is_empty()) {
            let problem = "`headers` and `body` go with `status` alone";
            return Err((problem.to_owned(), "add `status`, or take them out"));
        }
        Ok(kind)
    }

    /// What only an answer can have must not stand beside anything else.
    fn check(&self, kind: &Kind) -> Result<(), Problem> {
        let answers_only = [
            ("usage", self.usage.is_some()),
            ("finish_reason", self.finish_reason.is_some()),
            ("fence", self.fence),
            ("think", self.think.is_some()),
            ("chunks_of", self.chunks_of.is_some()),
            ("breaks_after", self.breaks_after.is_some()),
            ("stalls_after", self.stalls_after.is_some()),
            ("tool_calls", !self.tool_calls.is_empty()),
        ];
        match answers_only.iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) if !matches!(kind, Kind::Answer(_)) => Err((
                format!("`{key}` goes with an answer alone"),
                "use it with `text`, `json` or `refusal`",
            )),
            _ => Ok(()),
        }
    }
}

fn cut(breaks_after: Option<String>, stalls_after: Option<String>) -> Result<Option<Cut>, Problem> {
    match (breaks_after, stalls_after) {
        (Some(_), Some(_)) => Err((
            "`breaks_after` and `stalls_after` exclude each other".to_owned(),
            "keep one of them",
        )),
        (breaks, stalls) => Ok(breaks.map(Cut::Breaks).or(stalls.map(Cut::Stalls))),
    }
}

impl Scalar {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

fn body_text(body: Value) -> String {
    match body {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| humantime::parse_duration(&text))
        .transpose()
        .map_err(|error| de::Error::custom(format!("{error}; write it like `50ms` or `2s`")))
}

fn repeat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Repeat>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let times = value.as_u64().and_then(|times| u32::try_from(times).ok());
    match (times, value.as_str()) {
        _ if value.is_null() => Ok(None),
        (Some(times), _) if times > 0 => Ok(Some(Repeat::Times(times))),
        (_, Some("forever")) => Ok(Some(Repeat::Forever)),
        _ => Err(de::Error::custom(
            "expected a count of 1 or more, or `forever`",
        )),
    }
}

fn repeat_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "forever"}]})
}
