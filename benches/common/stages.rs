//! A pipeline that is measured: what its stages are told, and what the server answers them.
//!
//! Route, clean, review, name. Every tenth document is sent back once, so that ten documents take 42
//! calls. `benches/peers/python/pipeline.py` says the same in Python.

use serde_json::{Value, json};

/// System prompts by agent; the first words tell the server who asks.
pub(crate) const SYSTEM: [(&str, &str); 4] = [
    (
        "router",
        "You are the router. Say whether a document is markdown or a notebook.",
    ),
    (
        "cleaner",
        "You are the cleaner. Take navigation, advertisements and repetitions out of a document, and keep all else.",
    ),
    (
        "reviewer",
        "You are the reviewer. Compare a document with what became of it, and approve it or say what is wrong.",
    ),
    (
        "namer",
        "You are the namer. Find a short file name for a document, and its extension.",
    ),
];

/// Calls that `documents` take.
pub(crate) fn calls(documents: usize) -> usize {
    4 * documents + 2 * documents.div_ceil(10)
}

/// The text of a document, about 1 KB.
pub(crate) fn text(number: usize) -> String {
    let mark = if number.is_multiple_of(10) {
        "needs-rework"
    } else {
        "plain"
    };
    format!("Document {number} ({mark}). {}", paragraph())
}

fn paragraph() -> String {
    "Walk to the end of the eastern pier and look for the white staff with black marks. ".repeat(12)
}

/// The schema of an agent's answers.
pub(crate) fn schema(agent: &str) -> Value {
    let properties = match agent {
        "router" => json!({"route": {"type": "string"}, "confidence": {"type": "number"}}),
        "cleaner" => json!({"processed_text": {"type": "string"}}),
        "reviewer" => json!({
            "approved": {"type": "boolean"},
            "issues": {"type": "array", "items": {"type": "string"}},
        }),
        _ => json!({"file_slug": {"type": "string"}, "extension": {"type": "string"}}),
    };
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys())
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What the server answers to `request`; none if no stage asks.
pub(crate) fn answer_to(request: &[u8]) -> Option<String> {
    let request = std::str::from_utf8(request).ok()?;
    let asks = |agent: &str| request.contains(&format!("You are the {agent}."));
    let again = request.contains("reworked");
    let answer = if asks("router") {
        json!({"route": "markdown", "confidence": 0.9})
    } else if asks("cleaner") {
        let how = if request.contains("Feedback:") {
            "reworked"
        } else {
            "cleaned"
        };
        json!({"processed_text": format!("# Tides, {how}\n\n{}", paragraph())})
    } else if asks("reviewer") {
        let approved = again || !request.contains("needs-rework");
        let issues: &[&str] = if approved {
            &[]
        } else {
            &["The heading is missing."]
        };
        json!({"approved": approved, "issues": issues})
    } else if asks("namer") {
        json!({"file_slug": "reading-the-tides", "extension": "md"})
    } else {
        return None;
    };
    let body = json!({
        "id": "chatcmpl-9f86d081884c7d65",
        "object": "chat.completion",
        "created": 1_758_612_345,
        "model": "gpt-5-mini-2026-08-07",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": answer.to_string(), "refusal": null},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 318, "completion_tokens": 172, "total_tokens": 490},
    });
    Some(body.to_string())
}
