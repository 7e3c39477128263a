//! Messages and answers as the conventions write them into attributes: as JSON.

use serde_json::{Value, json};

use super::spans::Clean;
use crate::chat::{FinishReason, Message, Response};

/// The messages of a request.
pub(crate) fn input_messages(messages: &[Message], clean: Clean<'_>) -> String {
    let list: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "role": message.role.as_str(),
                "parts": [text(&message.content, clean)],
            })
        })
        .collect();
    Value::from(list).to_string()
}

/// The one message that answers.
pub(crate) fn output_messages(response: &Response, clean: Clean<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(reasoning) = &response.reasoning {
        parts.push(json!({"type": "reasoning", "content": clean(reasoning)}));
    }
    let said = response.refusal.as_ref().unwrap_or(&response.text);
    parts.push(text(said, clean));
    let finish_reason = match &response.finish_reason {
        Some(FinishReason::ToolCalls) => "tool_call".to_owned(),
        Some(reason) => clean(reason.as_str()),
        None => "unknown".to_owned(),
    };
    json!([{"role": "assistant", "parts": parts, "finish_reason": finish_reason}]).to_string()
}

fn text(content: &str, clean: Clean<'_>) -> Value {
    json!({"type": "text", "content": clean(content)})
}
