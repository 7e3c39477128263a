//! Chat completions that are streamed: chunk by chunk to a response.

use serde_json::Value;

use super::decode::finish_reason;
use super::opaque;
use crate::chat::{Delta, Response, ToolCall, ToolCallDelta};
use crate::provider::reading::{Object, Words, classify_words, cut_off, object, take_text};
use crate::provider::{HttpAnswer, Progress, ProviderError, StreamDecoder};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// Puts a response together.
pub(super) struct ChunkDecoder {
    model: String,
    response: Response,
    calls: Vec<OpenToolCall>,
}

/// A tool call whose arguments are not all there yet.
#[derive(Default)]
struct OpenToolCall {
    id: String,
    name: String,
    arguments: String,
}

impl ChunkDecoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            response: Response::default(),
            calls: Vec::new(),
        }
    }
}

impl StreamDecoder for ChunkDecoder {
    fn feed(
        &mut self,
        _name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError> {
        if data.trim() == DONE {
            return Ok(Progress::Done);
        }
        let Some(mut chunk) = object(data.as_bytes()) else {
            return Err(cut_off(200));
        };
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let answer = HttpAnswer {
                status: 200,
                headers: &(),
                body: data.as_bytes(),
            };
            return Err(classify_words(
                &answer,
                Words::from_json(error),
                &self.model,
            ));
        }
        self.read(&mut chunk, tell);
        Ok(Progress::More)
    }

    fn finish(&mut self) -> Result<Response, ProviderError> {
        if self.response.finish_reason.is_none() {
            return Err(cut_off(200));
        }
        let calls = std::mem::take(&mut self.calls);
        self.response.tool_calls = calls.into_iter().map(OpenToolCall::close).collect();
        Ok(std::mem::take(&mut self.response))
    }
}

impl ChunkDecoder {
    fn read(&mut self, chunk: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        if self.response.model.is_none() {
            self.response.model = take_text(chunk, "model");
            self.response.id = take_text(chunk, "id");
            opaque::take_from_completion(chunk, &mut self.response.provider_data);
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.response.usage = super::decode::usage(Some(usage));
            tell(&Delta::Usage(self.response.usage));
        }
        let Some(Value::Array(choices)) = chunk.get_mut("choices") else {
            return;
        };
        let Some(Value::Object(choice)) = choices.first_mut() else {
            return;
        };
        if let Some(word) = take_text(choice, "finish_reason") {
            self.response.finish_reason = Some(finish_reason(word));
        }
        if let Some(Value::Object(delta)) = choice.get_mut("delta") {
            self.read_delta(delta, tell);
        }
    }

    fn read_delta(&mut self, delta: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        for key in ["reasoning_content", "reasoning"] {
            if let Some(text) = take_text(delta, key) {
                tell(&Delta::Reasoning(&text));
                self.response
                    .reasoning
                    .get_or_insert_default()
                    .push_str(&text);
                break;
            }
        }
        if let Some(Value::String(text)) = delta.get("content")
            && !text.is_empty()
        {
            tell(&Delta::Text(text));
            self.response.text.push_str(text);
        }
        if let Some(text) = take_text(delta, "refusal") {
            self.response
                .refusal
                .get_or_insert_default()
                .push_str(&text);
        }
        if let Some(Value::Array(calls)) = delta.get_mut("tool_calls") {
            for call in calls.iter_mut().filter_map(Value::as_object_mut) {
                self.read_call(call, tell);
            }
        }
    }

    fn read_call(&mut self, call: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let index = call.get("index").and_then(Value::as_u64);
        let index = index
            .and_then(|index| usize::try_from(index).ok())
            .unwrap_or(self.calls.len().saturating_sub(1))
            .min(self.calls.len());
        if index == self.calls.len() {
            self.calls.push(OpenToolCall::default());
        }
        let id = take_text(call, "id");
        let mut function = match call.remove("function") {
            Some(Value::Object(function)) => function,
            _ => Object::new(),
        };
        let name = take_text(&mut function, "name");
        let arguments = take_text(&mut function, "arguments").unwrap_or_default();
        tell(&Delta::ToolCall(ToolCallDelta::new(
            index,
            id.as_deref(),
            name.as_deref(),
            &arguments,
        )));
        if let Some(open) = self.calls.get_mut(index) {
            open.id.push_str(&id.unwrap_or_default());
            open.name.push_str(&name.unwrap_or_default());
            open.arguments.push_str(&arguments);
        }
    }
}

impl OpenToolCall {
    fn close(self) -> ToolCall {
        let arguments =
            serde_json::from_str(&self.arguments).unwrap_or(Value::String(self.arguments));
        ToolCall::new(self.id, self.name, arguments)
    }
}
