//! From messages to `systemInstruction` and `contents`.

use serde_json::{Value, json};

use super::parts::{parts_of, sent_id};
use crate::chat::{Message, Role};

/// A dialogue as Gemini wants it: instructions apart, and turns of `user` and `model` alone.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    /// The parts of `systemInstruction`.
    pub(super) instructions: Vec<Value>,
    /// The turns.
    pub(super) contents: Vec<Value>,
}

impl Dialogue {
    /// The dialogue in `messages`, with a further `instruction` where there is one.
    pub(super) fn of(
        messages: &[Message],
        instruction: Option<&str>,
        wants_signatures: bool,
    ) -> Self {
        let mut turns = Turns::default();
        let mut instructions = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            match message.role {
                Role::System | Role::Developer => {
                    instructions.push(json!({ "text": message.content }));
                }
                Role::User => turns.push(Turn::User, [json!({ "text": message.content })]),
                Role::Assistant => turns.push(Turn::Model, parts_of(message, wants_signatures)),
                Role::Tool => turns.push(Turn::Results, [result(message, &messages[..index])]),
            }
        }
        instructions.extend(instruction.map(|text| json!({ "text": text })));
        let contents = turns.contents();
        if contents.is_empty() {
            // A request without contents is refused.
            return Self {
                contents: vec![json!({"role": "user", "parts": instructions})],
                instructions: Vec::new(),
            };
        }
        Self {
            instructions,
            contents,
        }
    }
}

/// Who has the turn; results are the user's, but stand apart from what the user says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    User,
    Model,
    Results,
}

/// Turns, of which two in a row are never the same one's.
#[derive(Debug, Default)]
struct Turns(Vec<(Turn, Vec<Value>)>);

impl Turns {
    fn push(&mut self, turn: Turn, parts: impl IntoIterator<Item = Value>) {
        match self.0.last_mut() {
            Some((last, known)) if *last == turn => known.extend(parts),
            _ => self.0.push((turn, parts.into_iter().collect())),
        }
    }

    fn contents(self) -> Vec<Value> {
        self.0
            .into_iter()
            .map(|(turn, parts)| {
                let role = if turn == Turn::Model { "model" } else { "user" };
                json!({"role": role, "parts": parts})
            })
            .collect()
    }
}

/// A tool's result; Gemini wants the tool's name with it, which stands in the call it answers.
fn result(message: &Message, before: &[Message]) -> Value {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    let name = before
        .iter()
        .rev()
        .flat_map(|earlier| &earlier.tool_calls)
        .find(|call| call.id == id)
        .map_or(id, |call| call.name.as_str());
    let output = serde_json::from_str(&message.content).unwrap_or_else(|_| json!(message.content));
    let key = if message.is_error { "error" } else { "output" };
    let mut response = json!({"name": name, "response": {key: output}});
    if let Some(id) = sent_id(id).filter(|id| !id.is_empty()) {
        response["id"] = json!(id);
    }
    json!({ "functionResponse": response })
}
