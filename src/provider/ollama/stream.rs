//! Answers that are streamed: one JSON object per line.

use serde_json::Value;

use super::decode::{complete, content, failed, read, says_error, thinking};
use crate::chat::{Delta, Response, ToolCallDelta};
use crate::provider::reading::{Object, cut_off, object};
use crate::provider::{HttpAnswer, Progress, ProviderError, StreamDecoder};

/// Puts a response together.
pub(super) struct LineDecoder {
    model: String,
    response: Response,
    done: bool,
}

impl LineDecoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            response: Response::default(),
            done: false,
        }
    }
}

impl StreamDecoder for LineDecoder {
    fn feed(
        &mut self,
        _name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError> {
        let Some(mut line) = object(data.as_bytes()) else {
            return Err(cut_off(200));
        };
        if says_error(&line) {
            let answer = HttpAnswer {
                status: 200,
                headers: &(),
                body: data.as_bytes(),
            };
            return Err(failed(&answer, &line, &self.model));
        }
        self.tell_message(&line, tell);
        let before = self.response.usage;
        let is_done = line.get("done") == Some(&Value::Bool(true));
        read(&mut line, &mut self.response);
        if self.response.usage != before {
            tell(&Delta::Usage(self.response.usage));
        }
        self.done |= is_done || self.response.finish_reason.is_some();
        Ok(if is_done {
            Progress::Done
        } else {
            Progress::More
        })
    }

    fn finish(&mut self) -> Result<Response, ProviderError> {
        if !self.done {
            return Err(cut_off(200));
        }
        let mut response = std::mem::take(&mut self.response);
        complete(&mut response);
        Ok(response)
    }
}

impl LineDecoder {
    fn tell_message(&self, line: &Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let Some(Value::Object(message)) = line.get("message") else {
            return;
        };
        let mut message = message.clone();
        if let Some(text) = thinking(&mut message) {
            tell(&Delta::Reasoning(&text));
        }
        let text = content(message.remove("content"));
        if !text.is_empty() {
            tell(&Delta::Text(&text));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        for (index, call) in calls.into_iter().flatten().enumerate() {
            let function = call.get("function").unwrap_or(call);
            let arguments = function.get("arguments").map(Value::to_string);
            tell(&Delta::ToolCall(ToolCallDelta::new(
                self.response.tool_calls.len() + index,
                call.get("id").and_then(Value::as_str),
                function.get("name").and_then(Value::as_str),
                &arguments.unwrap_or_default(),
            )));
        }
    }
}
