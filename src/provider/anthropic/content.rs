//! A dialogue in turns of content blocks, and the blocks that only the server understands.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chat::{Message, Role, ToolCall};
use crate::provider::tool_calls::as_object;

/// Where a message keeps blocks that go back as they came: a list of `{at, block}`.
const SEALED: &str = "content_blocks";

/// One turn of the dialogue.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    pub(super) content: Vec<Block<'a>>,
}

/// A content block.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    #[serde(untagged)]
    Sealed(&'a Value),
}

impl<'a> Block<'a> {
    /// A text; the API refuses empty ones.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(Self::Text { text })
    }
}

/// What stands above the dialogue: system and developer messages, in their order.
pub(super) fn system(messages: &[Message]) -> Vec<Block<'_>> {
    messages
        .iter()
        .filter(|message| is_above(message))
        .filter_map(|message| Block::text(&message.content))
        .collect()
}

/// The dialogue itself, neighbours of one role put together.
pub(super) fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in messages.iter().filter(|message| !is_above(message)) {
        let role = match message.role {
            Role::Assistant => "assistant",
            _ => "user",
        };
        let content = blocks(message);
        match turns.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    turns
}

fn is_above(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

fn blocks(message: &Message) -> Vec<Block<'_>> {
    match (message.role, &message.tool_call_id) {
        (Role::Tool, Some(id)) => vec![Block::ToolResult {
            tool_use_id: accepted(id),
            // The API refuses a failure without a word.
            content: match message.content.trim() {
                "" if message.is_error => "the tool failed",
                _ => &message.content,
            },
            is_error: message.is_error,
        }],
        (Role::Assistant, _) => with_sealed(message),
        _ => Block::text(&message.content).into_iter().collect(),
    }
}

/// Text and tool calls, with the sealed blocks at the places that they had.
fn with_sealed(message: &Message) -> Vec<Block<'_>> {
    let mut plain = Block::text(&message.content)
        .into_iter()
        .chain(message.tool_calls.iter().map(tool_use));
    let sealed = message.provider_data.get(SEALED).and_then(Value::as_array);
    let mut blocks = Vec::new();
    for entry in sealed.into_iter().flatten() {
        let (Some(at), Some(block)) = (entry.get("at").and_then(Value::as_u64), entry.get("block"))
        else {
            continue;
        };
        while u64::try_from(blocks.len()).is_ok_and(|before| before < at) {
            match plain.next() {
                Some(block) => blocks.push(block),
                None => break,
            }
        }
        blocks.push(Block::Sealed(block));
    }
    blocks.extend(plain);
    blocks
}

fn tool_use(call: &ToolCall) -> Block<'_> {
    Block::ToolUse {
        id: accepted(&call.id),
        name: &call.name,
        input: as_object(&call.arguments),
    }
}

/// `id` with the characters that the API accepts; other providers use more.
fn accepted(id: &str) -> Cow<'_, str> {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(is_accepted) {
        return Cow::Borrowed(id);
    }
    let replaced = id.chars().map(|c| if is_accepted(c) { c } else { '_' });
    Cow::Owned(replaced.collect())
}

/// Keeps a block that has to go back as it came, and that stood at place `at` of its answer.
pub(super) fn seal(block: &Map<String, Value>, at: usize, data: &mut Map<String, Value>) {
    // Thinking without its signature is refused when it comes back.
    let unsigned = ["signature", "data"].iter().all(|key| {
        block
            .get(*key)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    });
    if is_thinking(block) && unsigned {
        return;
    }
    let sealed = data.entry(SEALED).or_insert_with(|| json!([]));
    if let Value::Array(sealed) = sealed {
        sealed.push(json!({"at": at, "block": block}));
    }
}

fn is_thinking(block: &Map<String, Value>) -> bool {
    let kind = block.get("type").and_then(Value::as_str);
    matches!(kind, Some("thinking" | "redacted_thinking"))
}
