//! One reply of a script.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::attempt::RateLimitStatus;
use crate::chat::{FinishReason, Request, Response, ToolCall, Usage};
use crate::error::ErrorKind;
use crate::provider::ProviderError;
use crate::provider::answer::{HttpAnswer, request_id};
use crate::provider::openai::decode;
use crate::provider::rate_limit_headers::rate_limits;
use crate::provider::reading::cut_off;

/// What a [`ScriptedProvider`](super::ScriptedProvider) gives to one call, or to several.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Reply {
    pub(super) kind: Kind,
    pub(super) agent: Option<String>,
    pub(super) when: Option<String>,
    pub(super) repeat: Repeat,
    pub(super) delay: Duration,
    pub(super) chunk_chars: Option<usize>,
    pub(super) cut: Option<Cut>,
}

/// Where an answer ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// The connection is lost after this text.
    Breaks(String),
    /// Nothing more comes after this text.
    Stalls(String),
}

/// How many calls a [`Reply`] serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// So many.
    Times(u32),
    /// Any number, but at least one.
    Forever,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Answer(Box<Response>),
    Http {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    CutBody(String),
    Error(ErrorKind),
    Panic(String),
    Never,
}

impl Reply {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            agent: None,
            when: None,
            repeat: Repeat::Times(1),
            delay: Duration::ZERO,
            chunk_chars: None,
            cut: None,
        }
    }

    /// A finished answer of this text.
    pub fn text(text: impl Into<String>) -> Self {
        let answer = Response::text(text).with_finish_reason(FinishReason::Stop);
        Self::new(Kind::Answer(Box::new(answer)))
    }

    /// A finished answer of this value, as compact JSON.
    #[expect(clippy::needless_pass_by_value, reason = "called with `json!(…)`")]
    pub fn json(value: Value) -> Self {
        Self::text(value.to_string())
    }

    /// An answer that calls the tool `name`; see [`and_tool_call`](Self::and_tool_call).
    pub fn tool_call(name: impl Into<String>, arguments: Value) -> Self {
        let mut reply = Self::text("").and_tool_call(name, arguments);
        if let Kind::Answer(answer) = &mut reply.kind {
            answer.finish_reason = Some(FinishReason::ToolCalls);
        }
        reply
    }

    /// The same answer with one more tool call. Replies that stand for HTTP answers have none.
    pub fn and_tool_call(mut self, name: impl Into<String>, arguments: Value) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            let id = format!("tool_call_{}", answer.tool_calls.len() + 1);
            answer.tool_calls.push(ToolCall::new(id, name, arguments));
        }
        self
    }

    /// An answer that the output limit cut after this text.
    pub fn truncated(text: impl Into<String>) -> Self {
        Self::text(text).finish_reason(FinishReason::Length)
    }

    /// An answer that a content filter stopped after this text.
    pub fn content_filtered(text: impl Into<String>) -> Self {
        Self::text(text).finish_reason(FinishReason::ContentFilter)
    }

    /// A refusal in these words.
    pub fn refusal(words: impl Into<String>) -> Self {
        let mut reply = Self::text("");
        if let Kind::Answer(answer) = &mut reply.kind {
            answer.refusal = Some(words.into());
        }
        reply
    }

    /// An HTTP answer with this status and no body; see [`header`](Self::header) and
    /// [`body`](Self::body).
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Http {
            status,
            headers: Vec::new(),
            body: String::new(),
        })
    }

    /// An HTTP answer whose body ended after `part`, since the connection was lost.
    pub fn cut_body(part: impl Into<String>) -> Self {
        Self::new(Kind::CutBody(part.into()))
    }

    /// A failure of `kind` before any answer came.
    pub fn error(kind: ErrorKind) -> Self {
        Self::new(Kind::Error(kind))
    }

    /// A panic with this message inside of the provider.
    pub fn panic(message: impl Into<String>) -> Self {
        Self::new(Kind::Panic(message.into()))
    }

    /// An answer that never comes.
    pub fn never() -> Self {
        Self::new(Kind::Never)
    }

    /// The same HTTP answer with one more header. Other replies have none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Kind::Http { headers, .. } = &mut self.kind {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// The same HTTP answer with this body. Other replies have none.
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Kind::Http { body, .. } = &mut self.kind {
            *body = text.into();
        }
        self
    }

    /// The same answer with these tokens spent.
    pub fn usage(self, input_tokens: u64, output_tokens: u64) -> Self {
        self.full_usage(Usage::new(input_tokens, output_tokens))
    }

    /// The same answer with this usage.
    pub fn full_usage(self, usage: Usage) -> Self {
        self.answer(|answer| answer.usage = usage)
    }

    /// The same answer, ended for this reason.
    pub fn finish_reason(self, reason: FinishReason) -> Self {
        self.answer(|answer| answer.finish_reason = Some(reason))
    }

    /// The same answer with its text in a Markdown fence.
    pub fn fenced(self) -> Self {
        self.answer(|answer| answer.text = format!("```json\n{}\n```", answer.text))
    }

    /// The same answer with a `<think>` block before its text.
    pub fn thinking(self, thoughts: impl Into<String>) -> Self {
        let thoughts = thoughts.into();
        self.answer(|answer| {
            answer.text = format!("<think>\n{thoughts}\n</think>\n\n{}", answer.text);
        })
    }

    /// The same reply after this time.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same answer in pieces of so many characters, where the call is streamed. Default: a few
    /// pieces of equal length.
    pub fn chunks_of(mut self, chars: usize) -> Self {
        self.chunk_chars = Some(chars);
        self
    }

    /// The same answer, of which the connection is lost behind the first `text` in it: a failure
    /// that may pass. A streamed call has seen what stands before.
    pub fn breaks_after(mut self, text: impl Into<String>) -> Self {
        self.cut = Some(Cut::Breaks(text.into()));
        self
    }

    /// The same answer, of which nothing more comes behind the first `text` in it. A streamed call
    /// has seen what stands before.
    pub fn stalls_after(mut self, text: impl Into<String>) -> Self {
        self.cut = Some(Cut::Stalls(text.into()));
        self
    }

    /// The same reply for calls of this agent alone.
    pub fn agent(mut self, name: impl Into<String>) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// The same reply for calls whose last user message contains `part`.
    pub fn when(mut self, part: impl Into<String>) -> Self {
        self.when = Some(part.into());
        self
    }

    /// The same reply for so many calls.
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// The same reply for any number of calls.
    pub fn forever(self) -> Self {
        self.repeat(Repeat::Forever)
    }

    fn answer(mut self, change: impl FnOnce(&mut Response)) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            change(answer);
        }
        self
    }

    pub(super) fn fits(&self, agent: &str, prompt: &str) -> bool {
        self.agent.as_deref().is_none_or(|name| name == agent)
            && self
                .when
                .as_deref()
                .is_none_or(|part| prompt.contains(part))
    }

    pub(super) fn never_comes(&self) -> bool {
        self.kind == Kind::Never
    }

    pub(super) fn status_code(&self) -> Option<u16> {
        match self.kind {
            Kind::Answer(_) | Kind::CutBody(_) => Some(200),
            Kind::Http { status, .. } => Some(status),
            Kind::Error(_) | Kind::Panic(_) | Kind::Never => None,
        }
    }

    pub(super) fn request_id(&self) -> Option<String> {
        match &self.kind {
            Kind::Http { headers, .. } => request_id(headers),
            _ => None,
        }
    }

    pub(super) fn rate_limits(&self) -> Option<RateLimitStatus> {
        match &self.kind {
            Kind::Http { headers, .. } => rate_limits(headers, SystemTime::now()),
            _ => None,
        }
    }

    /// Headers and body as they would stand on the wire.
    pub(super) fn wire(&self) -> (Vec<(String, String)>, String) {
        match &self.kind {
            Kind::Answer(answer) => (Vec::new(), self.arriving(&answer.text).to_owned()),
            Kind::Http { headers, body, .. } => (headers.clone(), body.clone()),
            Kind::CutBody(part) => (Vec::new(), part.clone()),
            Kind::Error(_) | Kind::Panic(_) | Kind::Never => Default::default(),
        }
    }

    /// What arrives of `text`.
    pub(super) fn arriving<'t>(&self, text: &'t str) -> &'t str {
        let Some(Cut::Breaks(last) | Cut::Stalls(last)) = &self.cut else {
            return text;
        };
        let end = text.find(last.as_str()).map(|at| at + last.len());
        &text[..end.unwrap_or(text.len())]
    }

    /// What the call gets.
    #[expect(clippy::panic, reason = "a scripted panic is what was asked for")]
    pub(super) fn result(
        &self,
        request: &Request,
        number: usize,
    ) -> Result<Response, ProviderError> {
        match &self.kind {
            Kind::Answer(answer) => {
                let mut answer = (**answer).clone();
                answer.model = Some(request.model.clone());
                answer.id = Some(format!("scripted-{number}"));
                Ok(answer)
            }
            Kind::Http {
                status,
                headers,
                body,
            } => {
                let answer = HttpAnswer {
                    status: *status,
                    headers,
                    body: body.as_bytes(),
                };
                decode(&answer, &request.model)
            }
            Kind::CutBody(_) => Err(cut_off(200)),
            Kind::Error(kind) => Err(ProviderError::new(
                *kind,
                format!("scripted failure: {kind}"),
            )),
            Kind::Panic(message) => panic!("{message}"),
            Kind::Never => Err(ProviderError::new(ErrorKind::Cancelled, "scripted silence")),
        }
    }
}

/// Names the reply without its content.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Answer(answer) if answer.refusal.is_some() => f.write_str("refusal")?,
            Kind::Answer(_) => f.write_str("answer")?,
            Kind::Http { status, .. } => write!(f, "HTTP {status}")?,
            Kind::CutBody(_) => f.write_str("cut body")?,
            Kind::Error(kind) => write!(f, "error {kind}")?,
            Kind::Panic(_) => f.write_str("panic")?,
            Kind::Never => f.write_str("no answer")?,
        }
        match &self.agent {
            Some(agent) => write!(f, " for agent `{agent}`"),
            None => Ok(()),
        }
    }
}
