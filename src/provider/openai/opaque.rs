//! What only the server understands: signatures, encrypted reasoning, fingerprints. Kept as it came.
//!
//! None of it is in the published API; the names are those that servers and proxies really send.

use serde_json::{Map, Value};

/// Keys of a message: `OpenRouter` and its like (`reasoning_details`), Gemini and Vertex
/// (`extra_content`, `thought_signature`), `LiteLLM` (`thinking_blocks`, `provider_specific_fields`),
/// Copilot (`reasoning_opaque`), and encrypted reasoning under its plain name.
const OF_MESSAGE: [&str; 7] = [
    "reasoning_details",
    "extra_content",
    "thought_signature",
    "thinking_blocks",
    "provider_specific_fields",
    "reasoning_opaque",
    "encrypted_content",
];
/// Key of the answer around the message.
pub(super) const FINGERPRINT: &str = "system_fingerprint";
/// Content parts that are sealed stand under this name.
const PARTS: &str = "content_parts";
/// What belongs to one tool call stands under this name, by the call's id.
const CALLS: &str = "tool_calls";
/// Reasoning that `DeepSeek` and others want back beside the tool calls it led to.
pub(super) const REASONING: &str = "reasoning_content";

/// Takes the server's own data out of a message or a tool call, or adds that of one more piece of it.
pub(super) fn take_from_message(message: &mut Map<String, Value>, data: &mut Map<String, Value>) {
    for key in OF_MESSAGE {
        let Some(value) = message.remove(key).filter(says_something) else {
            continue;
        };
        match data.get_mut(key) {
            Some(known) => add(known, value),
            None => {
                data.insert(key.to_owned(), value);
            }
        }
    }
}

/// Keeps what belongs to the tool call `id`.
pub(super) fn keep_call(id: &str, own: Map<String, Value>, data: &mut Map<String, Value>) {
    let calls = data
        .entry(CALLS)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(calls) = calls {
        calls.insert(id.to_owned(), Value::Object(own));
    }
}

/// What goes back with an assistant's message.
pub(super) fn of_message(data: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    data.iter()
        .filter(|(key, _)| *key == REASONING || OF_MESSAGE.contains(&key.as_str()))
}

/// What goes back with the tool call `id`.
pub(super) fn of_call<'a>(
    data: &'a Map<String, Value>,
    id: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let own = data.get(CALLS).and_then(|calls| calls.get(id));
    own.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(key, _)| OF_MESSAGE.contains(&key.as_str()))
}

/// Adds a piece of a stream: the pieces of one list entry bear the same `index` and `type`.
fn add(known: &mut Value, piece: Value) {
    match (known, piece) {
        (Value::Array(known), Value::Array(pieces)) => {
            for piece in pieces {
                match known.last_mut().filter(|last| continues(last, &piece)) {
                    Some(last) => add(last, piece),
                    None => known.push(piece),
                }
            }
        }
        (Value::Object(known), Value::Object(piece)) => {
            for (key, value) in piece.into_iter().filter(|(_, value)| !value.is_null()) {
                match known.get_mut(&key) {
                    Some(Value::String(text)) if is_text(&key) => {
                        text.push_str(value.as_str().unwrap_or_default());
                    }
                    _ => {
                        known.insert(key, value);
                    }
                }
            }
        }
        (known, piece) => *known = piece,
    }
}

fn continues(last: &Value, piece: &Value) -> bool {
    ["index", "type"]
        .iter()
        .all(|key| piece.get(key).is_some() && last.get(key) == piece.get(key))
}

/// Keys whose pieces make up one text.
fn is_text(key: &str) -> bool {
    matches!(key, "text" | "summary" | "data" | "thinking")
}

/// Keeps a content part that bears a signature or is sealed as a whole.
pub(super) fn keep_part(part: &Map<String, Value>, data: &mut Map<String, Value>) {
    let is_sealed = part
        .get("type")
        .is_some_and(|kind| kind == "redacted_thinking");
    if !is_sealed && !part.get("signature").is_some_and(says_something) {
        return;
    }
    let parts = data
        .entry(PARTS)
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(parts) = parts {
        parts.push(Value::Object(part.clone()));
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => list.iter().any(says_something),
        Value::Object(map) => map.values().any(says_something),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
