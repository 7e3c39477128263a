//! `examples.jsonl`: messages that are sent as they stand.

use serde_json::{Map, Value};

use crate::chat::{Message, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::text;

const ROLES: [Role; 4] = [Role::Developer, Role::System, Role::User, Role::Assistant];

/// The messages of a file, one per line; empty lines are skipped.
pub(super) fn parse(file: &str, content: &str) -> Result<Vec<Message>> {
    content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| message(line, &format!("`{file}` line {}", index + 1)))
        .collect()
}

// By hand and not by serde: its messages quote the values that they refuse.
fn message(line: &str, place: &str) -> Result<Message> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| broken(format!("{place} is not valid JSON")).with_source(error))?;
    let Value::Object(mut fields) = value else {
        return Err(broken(format!("{place} is not a JSON object"))
            .with_hint("write `{\"role\": …, \"content\": …}`"));
    };
    let role = take_text(&mut fields, "role", place)?;
    let content = take_text(&mut fields, "content", place)?;
    if let Some(key) = fields.keys().next() {
        return Err(broken(format!(
            "{place}: unknown key `{}`",
            text::clip(&key.escape_debug().to_string(), 40)
        ))
        .with_hint(text::did_you_mean(key, ["role", "content"])));
    }
    match ROLES.into_iter().find(|known| known.as_str() == role) {
        Some(role) => Ok(Message::new(role, content)),
        None => Err(broken(format!("{place}: unknown `role`"))
            .with_hint(text::did_you_mean(&role, ROLES.map(Role::as_str)))),
    }
}

fn take_text(fields: &mut Map<String, Value>, key: &str, place: &str) -> Result<String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(broken(format!("{place}: `{key}` is not a text"))),
        None => Err(broken(format!("{place}: `{key}` is missing"))),
    }
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::Prompt, message)
}
