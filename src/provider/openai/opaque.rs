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

/// Takes the server's own data out of a message.
pub(super) fn take_from_message(message: &mut Map<String, Value>, data: &mut Map<String, Value>) {
    for key in OF_MESSAGE {
        if let Some(value) = message.remove(key).filter(says_something) {
            data.insert(key.to_owned(), value);
        }
    }
}

/// Takes the fingerprint of the server's configuration out of an answer.
pub(super) fn take_from_completion(
    completion: &mut Map<String, Value>,
    data: &mut Map<String, Value>,
) {
    if let Some(value) = completion.remove(FINGERPRINT).filter(says_something) {
        data.insert(FINGERPRINT.to_owned(), value);
    }
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
