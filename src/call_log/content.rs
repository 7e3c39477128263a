//! What a record may hold: its level, and what the sanitizer leaves of it.

use serde_json::{Map, Value};

use super::config::LogLevel;
use super::record::Record;
use super::redact::{Redactions, Sanitizer};
use crate::chat::{FinishReason, Message, ToolCall};

/// Levels of nesting that a record keeps as they are. `serde_json` reads 127 and our YAML reader 64,
/// journal and record around the value included.
pub(super) const MAX_LEVELS: usize = 60;

impl Record {
    /// Leaves out what `level` does not hold.
    pub(crate) fn strip_to(&mut self, level: LogLevel) {
        if level < LogLevel::Full {
            self.context = None;
            self.wire.clear();
        }
        if level < LogLevel::Standard {
            self.parameters.extra.clear();
            self.prompt_hashes.clear();
            self.templates.clear();
            self.schema_hash = None;
            self.tools_hash = None;
            self.tool_calls.clear();
            self.messages.clear();
            self.raw_answer = None;
            self.reasoning = None;
            self.provider_data.clear();
            self.answer = None;
            self.validation_errors.clear();
            if let Some(error) = &mut self.error {
                error.message.clear();
                error.hint = None;
            }
        }
    }

    /// Turns what is nested too deep for readers of JSON and YAML into text, so that a record can be read back.
    pub(crate) fn fold_deep_values(&mut self) {
        let maps = self
            .context
            .iter_mut()
            .chain([&mut self.parameters.extra, &mut self.provider_data]);
        for value in maps.flat_map(Map::values_mut).chain(&mut self.answer) {
            fold_below(value, MAX_LEVELS);
        }
        for message in &mut self.messages {
            let data = message.provider_data.values_mut();
            data.chain(arguments(&mut message.tool_calls))
                .for_each(|value| fold_below(value, MAX_LEVELS));
        }
        arguments(&mut self.tool_calls).for_each(|value| fold_below(value, MAX_LEVELS));
    }

    /// Sanitizes what is known when the call begins.
    pub(crate) fn sanitize_start(&mut self, sanitizer: &Sanitizer) {
        let counts = &mut self.redactions;
        for text in [&mut self.agent, &mut self.model, &mut self.run_id] {
            redact(sanitizer, text, counts);
        }
        for id in [
            &mut self.parent_call_id,
            &mut self.conversation_id,
            &mut self.job_id,
            &mut self.document_id,
            &mut self.stage,
        ]
        .into_iter()
        .flatten()
        {
            redact(sanitizer, id, counts);
        }
        redact_map(sanitizer, &mut self.parameters.extra, counts);
        for message in &mut self.messages {
            redact_message(sanitizer, message, counts);
        }
        for tool in &mut self.tools {
            redact(sanitizer, tool, counts);
        }
        for template in self.templates.values_mut() {
            redact(sanitizer, template, counts);
        }
        if let Some(context) = &mut self.context {
            redact_map(sanitizer, context, counts);
        }
    }

    /// Sanitizes what a call's end adds. Together with [`Self::sanitize_start`] it must reach every
    /// field that can hold text from outside; a test walks the published schema to see that it does.
    pub(crate) fn sanitize_end(&mut self, sanitizer: &Sanitizer) {
        let counts = &mut self.redactions;
        redact(sanitizer, &mut self.provider, counts);
        for text in [
            &mut self.replay_of,
            &mut self.raw_answer,
            &mut self.reasoning,
            &mut self.response_model,
            &mut self.response_id,
        ]
        .into_iter()
        .flatten()
        {
            redact(sanitizer, text, counts);
        }
        if let Some(FinishReason::Other(word)) = &mut self.finish_reason {
            redact(sanitizer, word, counts);
        }
        redact_map(sanitizer, &mut self.provider_data, counts);
        for call in &mut self.tool_calls {
            redact_tool_call(sanitizer, call, counts);
        }
        if let Some(answer) = &mut self.answer {
            sanitizer.redact_value(answer, counts);
        }
        for violation in &mut self.validation_errors {
            redact(sanitizer, &mut violation.pointer, counts);
            redact(sanitizer, &mut violation.message, counts);
        }
        if let Some(error) = &mut self.error {
            redact(sanitizer, &mut error.message, counts);
            if let Some(hint) = &mut error.hint {
                redact(sanitizer, hint, counts);
            }
        }
        for attempt in &mut self.attempts {
            let texts = [
                &mut attempt.request_id,
                &mut attempt.provider,
                &mut attempt.model,
            ];
            for text in texts.into_iter().flatten() {
                redact(sanitizer, text, counts);
            }
        }
        for exchange in &mut self.wire {
            redact(sanitizer, &mut exchange.url, counts);
            redact(sanitizer, &mut exchange.request_body, counts);
            redact(sanitizer, &mut exchange.response_body, counts);
            for (name, value) in exchange
                .request_headers
                .iter_mut()
                .chain(&mut exchange.response_headers)
            {
                redact_header(sanitizer, name, value, counts);
            }
        }
    }
}

pub(super) fn fold_below(value: &mut Value, levels: usize) {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => {
            *value = Value::String(value.to_string());
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|item| fold_below(item, levels - 1)),
        Value::Object(map) => map
            .values_mut()
            .for_each(|item| fold_below(item, levels - 1)),
        _ => {}
    }
}

fn arguments(calls: &mut [ToolCall]) -> impl Iterator<Item = &mut Value> {
    calls.iter_mut().map(|call| &mut call.arguments)
}

fn redact_message(sanitizer: &Sanitizer, message: &mut Message, counts: &mut Redactions) {
    redact(sanitizer, &mut message.content, counts);
    if let Some(id) = &mut message.tool_call_id {
        redact(sanitizer, id, counts);
    }
    for call in &mut message.tool_calls {
        redact_tool_call(sanitizer, call, counts);
    }
    redact_map(sanitizer, &mut message.provider_data, counts);
}

fn redact_tool_call(sanitizer: &Sanitizer, call: &mut ToolCall, counts: &mut Redactions) {
    redact(sanitizer, &mut call.id, counts);
    redact(sanitizer, &mut call.name, counts);
    sanitizer.redact_value(&mut call.arguments, counts);
}

pub(super) fn redact(sanitizer: &Sanitizer, text: &mut String, counts: &mut Redactions) {
    if let std::borrow::Cow::Owned(clean) = sanitizer.redact(text, counts) {
        *text = clean;
    }
}

fn redact_map(sanitizer: &Sanitizer, map: &mut Map<String, Value>, counts: &mut Redactions) {
    if map.is_empty() {
        return;
    }
    let mut value = Value::Object(std::mem::take(map));
    sanitizer.redact_value(&mut value, counts);
    if let Value::Object(clean) = value {
        *map = clean;
    }
}

fn redact_header(sanitizer: &Sanitizer, name: &str, text: &mut String, counts: &mut Redactions) {
    if let std::borrow::Cow::Owned(clean) = sanitizer.redact_pair(name, text, counts) {
        *text = clean;
    }
}
