//! An answer as it is put together: from one message, or from the pieces of one.

use serde_json::Value;

use super::calls::{Calls, Nameless};
use super::opaque;
use crate::chat::{Delta, FinishReason, Response, Usage};
use crate::error::ErrorKind;
use crate::provider::ProviderError;
use crate::provider::reading::{Object, count, take_text};

/// Who hears what is new.
pub(super) type Tell<'a> = &'a mut dyn FnMut(&Delta<'_>);

/// An answer, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    response: Response,
    calls: Calls,
    /// Whether the reasoning came under the name of those who want it back.
    wants_reasoning_back: bool,
}

/// Whether a message is all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Piece,
}

impl Assembly {
    pub(super) fn has_finished(&self) -> bool {
        self.response.finish_reason.is_some()
    }

    /// Whether model and id are known.
    pub(super) fn is_introduced(&self) -> bool {
        self.response.model.is_some() && self.response.id.is_some()
    }

    pub(super) fn text(&mut self, text: &str, tell: Tell<'_>) {
        if !text.is_empty() {
            tell(&Delta::Text(text));
            self.response.text.push_str(text);
        }
    }

    /// Reasoning under `key`.
    pub(super) fn reasoning(&mut self, key: &str, text: &str, tell: Tell<'_>) {
        if !text.is_empty() {
            tell(&Delta::Reasoning(text));
            self.wants_reasoning_back |= key == opaque::REASONING;
            let reasoning = self.response.reasoning.get_or_insert_default();
            reasoning.push_str(text);
        }
    }

    pub(super) fn refusal(&mut self, text: &str) {
        if !text.is_empty() {
            let refusal = self.response.refusal.get_or_insert_default();
            refusal.push_str(text);
        }
    }

    pub(super) fn finished(&mut self, word: &str) {
        if !word.is_empty() {
            self.response.finish_reason = Some(finish_reason(word));
        }
    }

    /// Tokens spent so far; a word that says nothing changes nothing.
    pub(super) fn spent(&mut self, usage: Usage, tell: Tell<'_>) {
        if !usage.is_unknown() {
            tell(&Delta::Usage(usage));
            self.response.usage = usage;
        }
    }

    /// Model, id and fingerprint; the first word holds.
    pub(super) fn about(&mut self, model: Option<&str>, id: Option<&str>, print: Option<&str>) {
        let said = |text: &&str| !text.is_empty();
        let response = &mut self.response;
        if response.model.is_none() {
            response.model = model.filter(said).map(str::to_owned);
        }
        if response.id.is_none() {
            response.id = id.filter(said).map(str::to_owned);
        }
        if let Some(print) = print.filter(said)
            && !response.provider_data.contains_key(opaque::FINGERPRINT)
        {
            let print = Value::String(print.to_owned());
            let data = &mut response.provider_data;
            data.insert(opaque::FINGERPRINT.to_owned(), print);
        }
    }

    /// What stands around the choices.
    pub(super) fn envelope(&mut self, completion: &mut Object) {
        let model = take_text(completion, "model");
        let id = take_text(completion, "id");
        let print = take_text(completion, opaque::FINGERPRINT);
        self.about(model.as_deref(), id.as_deref(), print.as_deref());
    }

    /// A message, or a piece of one; `null` content is an empty text.
    pub(super) fn message(&mut self, message: &mut Object, part: Part, tell: Tell<'_>) {
        for key in [opaque::REASONING, "reasoning"] {
            if let Some(text) = take_text(message, key) {
                self.reasoning(key, &text, tell);
                break;
            }
        }
        opaque::take_from_message(message, &mut self.response.provider_data);
        match message.remove("content") {
            None | Some(Value::Null) => {}
            Some(content) => self.content(content, tell),
        }
        if let Some(text) = take_text(message, "refusal") {
            self.refusal(&text);
        }
        if let Some(Value::Array(calls)) = message.remove("tool_calls") {
            for call in calls {
                self.call(call, part, tell);
            }
        }
        if let Some(call) = message.remove("function_call") {
            self.call(call, part, tell);
        }
    }

    fn call(&mut self, call: Value, part: Part, tell: Tell<'_>) {
        let Value::Object(mut call) = call else {
            return;
        };
        match part {
            Part::Whole => self.calls.whole(call),
            Part::Piece => self.calls.piece(&mut call, tell),
        }
    }

    fn content(&mut self, content: Value, tell: Tell<'_>) {
        match content {
            Value::String(text) => self.text(&text, tell),
            Value::Array(parts) => {
                for part in parts {
                    self.part(part, tell);
                }
            }
            // Some servers put the JSON answer itself here.
            other => self.text(&other.to_string(), tell),
        }
    }

    fn part(&mut self, part: Value, tell: Tell<'_>) {
        let mut part = match part {
            Value::String(text) => return self.text(&text, tell),
            Value::Object(part) => part,
            _ => return,
        };
        opaque::keep_part(&part, &mut self.response.provider_data);
        if let Some(refusal) = take_text(&mut part, "refusal") {
            self.refusal(&refusal);
        } else if let Some(thinking) = part.remove("thinking") {
            self.reasoning("thinking", &text_of(thinking), tell);
        } else if let Some(text) = take_text(&mut part, "text") {
            self.text(&text, tell);
        }
    }

    /// The answer, with a finish reason that goes with what it holds.
    pub(super) fn finish(mut self) -> Result<Response, ProviderError> {
        if matches!(&self.response.finish_reason, Some(FinishReason::Other(word)) if word == "error")
        {
            let message = "the provider failed while it answered";
            return Err(ProviderError::new(ErrorKind::Unavailable, message));
        }
        let calls = self.calls.close(&mut self.response.provider_data);
        let calls = calls.map_err(|Nameless| {
            ProviderError::new(ErrorKind::Protocol, "a tool call of the answer has no name")
        })?;
        let mut response = self.response;
        response.finish_reason = match (response.finish_reason, calls.is_empty()) {
            (Some(FinishReason::ToolCalls), true) => Some(FinishReason::Stop),
            (Some(FinishReason::Stop) | None, false) => Some(FinishReason::ToolCalls),
            (reason, _) => reason,
        };
        if self.wants_reasoning_back
            && !calls.is_empty()
            && let Some(reasoning) = &response.reasoning
        {
            let reasoning = Value::String(reasoning.clone());
            let data = &mut response.provider_data;
            data.insert(opaque::REASONING.to_owned(), reasoning);
        }
        response.tool_calls = calls;
        Ok(response)
    }
}

/// The text in a part of reasoning, which may consist of parts itself.
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(parts) => parts.into_iter().map(text_of).collect(),
        Value::Object(mut part) => take_text(&mut part, "text").unwrap_or_default(),
        _ => String::new(),
    }
}

pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        _ => FinishReason::Other(word.to_owned()),
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
