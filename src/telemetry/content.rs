//! Messages and answers as the conventions write them into attributes: as JSON.

use serde_json::{Value, json};

use super::spans::Clean;
use crate::chat::{FinishReason, Message, Response, ToolCall};

/// The messages of a request.
pub(crate) fn input_messages(messages: &[Message], clean: Clean<'_>) -> String {
    let list: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "role": message.role.as_str(),
                "parts": parts(message, clean),
            })
        })
        .collect();
    Value::from(list).to_string()
}

fn parts(message: &Message, clean: Clean<'_>) -> Vec<Value> {
    if let Some(id) = &message.tool_call_id {
        let response = clean(&message.content);
        return vec![json!({"type": "tool_call_response", "id": clean(id), "response": response})];
    }
    let mut parts = Vec::new();
    if message.tool_calls.is_empty() || !message.content.is_empty() {
        parts.push(text(&message.content, clean));
    }
    parts.extend(tool_calls(&message.tool_calls, clean));
    parts
}

fn tool_calls(calls: &[ToolCall], clean: Clean<'_>) -> impl Iterator<Item = Value> {
    calls.iter().map(move |call| {
        let arguments = clean(&call.arguments.to_string());
        json!({
            "type": "tool_call",
            "id": clean(&call.id),
            "name": clean(&call.name),
            // What the sanitizer made of it may be no JSON any more.
            "arguments": serde_json::from_str(&arguments).unwrap_or(Value::String(arguments)),
        })
    })
}

/// The one message that answers.
pub(crate) fn output_messages(response: &Response, clean: Clean<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(reasoning) = &response.reasoning {
        parts.push(json!({"type": "reasoning", "content": clean(reasoning)}));
    }
    let said = response.refusal.as_ref().unwrap_or(&response.text);
    if response.tool_calls.is_empty() || !said.is_empty() {
        parts.push(text(said, clean));
    }
    parts.extend(tool_calls(&response.tool_calls, clean));
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
