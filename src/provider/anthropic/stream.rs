//! A message that is streamed: put together block by block, then read like one that came whole.

use serde_json::{Map, Value};

use super::decode::{response, says_error, usage};
use super::failure::in_stream;
use crate::chat::{Delta, Response, ToolCallDelta};
use crate::provider::reading::{Object, cut_off, object, take_text};
use crate::provider::tool_calls::arguments_of;
use crate::provider::{Progress, ProviderError, StreamDecoder};

/// More blocks than this in one message are no message.
const MAX_BLOCKS: usize = 10_000;

/// Puts a message together.
pub(super) struct EventDecoder {
    model: String,
    message: Object,
    usage: Object,
    blocks: Vec<OpenBlock>,
    ended: bool,
}

/// A block that may not be complete.
#[derive(Default)]
struct OpenBlock {
    block: Object,
    /// The arguments of a tool, in pieces of JSON text.
    input: String,
    /// Which tool call of the message it is.
    call: Option<usize>,
}

impl EventDecoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            message: Map::new(),
            usage: Map::new(),
            blocks: Vec::new(),
            ended: false,
        }
    }
}

impl StreamDecoder for EventDecoder {
    fn feed(
        &mut self,
        name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError> {
        let data = data.trim();
        if name == Some("ping") || data.is_empty() {
            return Ok(Progress::More);
        }
        if data == "[DONE]" {
            return Ok(Progress::Done);
        }
        let Some(mut event) = object(data.as_bytes()) else {
            return Err(match name {
                Some("error") => in_stream(data, &self.model),
                _ => cut_off(200),
            });
        };
        if name == Some("error") || says_error(&event) {
            return Err(in_stream(data, &self.model));
        }
        let kind = take_text(&mut event, "type");
        match kind.as_deref().or(name) {
            Some("message_start") => self.start(&mut event, tell),
            Some("content_block_start") => self.start_block(&mut event, tell),
            Some("content_block_delta") => self.grow_block(&mut event, tell),
            Some("message_delta") => self.end(&mut event, tell),
            Some("message_stop") => {
                self.ended = true;
                return Ok(Progress::Done);
            }
            _ => {}
        }
        Ok(Progress::More)
    }

    fn finish(&mut self) -> Result<Response, ProviderError> {
        if !self.ended {
            return Err(cut_off(200));
        }
        let mut message = std::mem::take(&mut self.message);
        let blocks = std::mem::take(&mut self.blocks);
        let blocks = blocks.into_iter().map(OpenBlock::close).collect();
        message.insert("content".to_owned(), Value::Array(blocks));
        let usage = std::mem::take(&mut self.usage);
        message.insert("usage".to_owned(), Value::Object(usage));
        Ok(response(message))
    }
}

impl EventDecoder {
    fn start(&mut self, event: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let Some(Value::Object(mut message)) = event.remove("message") else {
            return;
        };
        self.spent(message.remove("usage"), tell);
        if let Some(Value::Array(blocks)) = message.remove("content") {
            for block in blocks {
                self.open(self.blocks.len(), block, tell);
            }
        }
        self.message = message;
        self.message.remove("stop_reason");
    }

    /// Figures are totals: a later one takes the place of an earlier one.
    fn spent(&mut self, figures: Option<Value>, tell: &mut dyn FnMut(&Delta<'_>)) {
        let Some(Value::Object(figures)) = figures else {
            return;
        };
        for (key, figure) in figures.into_iter().filter(|(_, figure)| !figure.is_null()) {
            self.usage.insert(key, figure);
        }
        let usage = usage(Some(&Value::Object(self.usage.clone())));
        if !usage.is_unknown() {
            tell(&Delta::Usage(usage));
        }
    }

    fn start_block(&mut self, event: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let at = index(event).unwrap_or(self.blocks.len());
        if let Some(block) = event.remove("content_block") {
            self.open(at, block, tell);
        }
    }

    fn open(&mut self, at: usize, block: Value, tell: &mut dyn FnMut(&Delta<'_>)) {
        let Value::Object(block) = block else {
            return;
        };
        let calls = self
            .blocks
            .iter()
            .filter(|open| open.call.is_some())
            .count();
        let is_tool = block.get("type").is_some_and(|kind| kind == "tool_use");
        let call = is_tool.then_some(calls);
        let text = |key: &str| block.get(key).and_then(Value::as_str);
        if let Some(index) = call {
            let delta = ToolCallDelta::new(index, text("id"), text("name"), "");
            tell(&Delta::ToolCall(delta));
        }
        if let Some(text) = text("text").filter(|text| !text.is_empty()) {
            tell(&Delta::Text(text));
        }
        if let Some(text) = text("thinking").filter(|text| !text.is_empty()) {
            tell(&Delta::Reasoning(text));
        }
        if let Some(place) = self.place(at) {
            place.block = block;
            place.call = call;
        }
    }

    /// The block at `at`, made if it is not there.
    fn place(&mut self, at: usize) -> Option<&mut OpenBlock> {
        if at >= MAX_BLOCKS {
            return None;
        }
        while self.blocks.len() <= at {
            self.blocks.push(OpenBlock::default());
        }
        self.blocks.get_mut(at)
    }

    fn grow_block(&mut self, event: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let at = index(event).unwrap_or(self.blocks.len().saturating_sub(1));
        let Some(Value::Object(mut delta)) = event.remove("delta") else {
            return;
        };
        let Some(open) = self.place(at) else {
            return;
        };
        for (key, kind) in [
            ("text", "text"),
            ("thinking", "thinking"),
            ("signature", "thinking"),
        ] {
            let Some(piece) = take_piece(&mut delta, key) else {
                continue;
            };
            match key {
                "text" => tell(&Delta::Text(&piece)),
                "thinking" => tell(&Delta::Reasoning(&piece)),
                _ => {}
            }
            open.append(key, kind, &piece);
        }
        if let Some(piece) = take_piece(&mut delta, "partial_json") {
            if let Some(index) = open.call {
                tell(&Delta::ToolCall(ToolCallDelta::new(
                    index, None, None, &piece,
                )));
            }
            open.input.push_str(&piece);
        }
        if let Some(citation) = delta.remove("citation") {
            let citations = open.block.entry("citations");
            if let Value::Array(citations) = citations.or_insert_with(|| Value::Array(Vec::new())) {
                citations.push(citation);
            }
        }
    }

    fn end(&mut self, event: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        if let Some(Value::Object(delta)) = event.remove("delta") {
            let said = delta
                .get("stop_reason")
                .is_some_and(|reason| !reason.is_null());
            self.ended |= said;
            self.message.extend(delta);
        }
        self.spent(event.remove("usage"), tell);
    }
}

impl OpenBlock {
    fn append(&mut self, key: &str, kind: &str, piece: &str) {
        let block = &mut self.block;
        block.entry("type").or_insert_with(|| kind.into());
        match block.get_mut(key) {
            Some(Value::String(text)) => text.push_str(piece),
            _ => {
                block.insert(key.to_owned(), piece.into());
            }
        }
    }

    fn close(mut self) -> Value {
        // Some servers send all arguments with the block's start.
        if !self.input.is_empty() {
            self.block
                .insert("input".to_owned(), arguments_of(self.input));
        }
        Value::Object(self.block)
    }
}

fn index(event: &Object) -> Option<usize> {
    let index = event.get("index").and_then(Value::as_u64)?;
    usize::try_from(index).ok()
}

/// The text under `key`, as it is: pieces may be blank.
fn take_piece(delta: &mut Object, key: &str) -> Option<String> {
    match delta.remove(key) {
        Some(Value::String(piece)) if !piece.is_empty() => Some(piece),
        _ => None,
    }
}
