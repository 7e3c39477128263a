//! Messages as they go out.

use std::borrow::Cow;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::opaque;
use crate::chat::{Message, Role, ToolCall};

/// One message as it goes out.
pub(super) struct WireMessage<'a> {
    pub(super) role: &'static str,
    pub(super) content: Cow<'a, str>,
    /// What goes with it besides; `None` for a message that only the dialect needs.
    pub(super) message: Option<&'a Message>,
}

impl Serialize for WireMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role)?;
        let calls = self.message.map_or(&[][..], |message| &message.tool_calls);
        if self.content.is_empty() && !calls.is_empty() {
            map.serialize_entry("content", &())?;
        } else {
            map.serialize_entry("content", &self.content)?;
        }
        if let Some(message) = self.message {
            if let Some(id) = &message.tool_call_id {
                map.serialize_entry("tool_call_id", id)?;
            }
            if !calls.is_empty() {
                map.serialize_entry("tool_calls", &WireCalls(message))?;
            }
            if message.role == Role::Assistant {
                for (key, value) in opaque::of_message(&message.provider_data) {
                    map.serialize_entry(key, value)?;
                }
            }
        }
        map.end()
    }
}

/// The tool calls of a message.
struct WireCalls<'a>(&'a Message);

impl Serialize for WireCalls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Message {
            tool_calls,
            provider_data,
            ..
        } = self.0;
        let mut list = serializer.serialize_seq(Some(tool_calls.len()))?;
        for call in tool_calls {
            let data = provider_data;
            list.serialize_element(&WireCall { call, data })?;
        }
        list.end()
    }
}

struct WireCall<'a> {
    call: &'a ToolCall,
    data: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: String,
}

impl Serialize for WireCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.call.id)?;
        map.serialize_entry("type", "function")?;
        let function = Function {
            name: &self.call.name,
            arguments: arguments(&self.call.arguments),
        };
        map.serialize_entry("function", &function)?;
        for (key, value) in opaque::of_call(self.data, &self.call.id) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Arguments as a JSON text. Servers that put them into a template refuse all but an object, so that
/// what the model wrote wrongly goes back inside of one.
fn arguments(arguments: &Value) -> String {
    match arguments {
        Value::Object(_) => arguments.to_string(),
        other => json!({"invalid_arguments": other}).to_string(),
    }
}
