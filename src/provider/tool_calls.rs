//! Tool calls as models really write them, and as servers accept them back.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::chat::ToolCall;

/// Under this name goes back what a model wrote in place of an object.
const NOT_JSON: &str = "INVALID_JSON";

/// Arguments as they came: an object, its text, or nothing, which is an empty object. A text that is
/// no object stays one, so that the model can be told.
pub(super) fn arguments(sent: Option<Value>) -> Value {
    match sent {
        None | Some(Value::Null) => json!({}),
        Some(Value::String(text)) => arguments_of(text),
        Some(other) => other,
    }
}

/// The arguments in `text`; objects that were written twice over are read twice.
pub(super) fn arguments_of(text: String) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    let read = match serde_json::from_str(&text) {
        Ok(Value::String(inner)) => serde_json::from_str(&inner).ok(),
        Ok(Value::Null) => Some(json!({})),
        Ok(value) => Some(value),
        Err(_) => None,
    };
    read.filter(Value::is_object).unwrap_or(Value::String(text))
}

/// Arguments as a server takes them back: always an object.
pub(super) fn as_object(arguments: &Value) -> Cow<'_, Value> {
    match arguments {
        Value::Object(_) => Cow::Borrowed(arguments),
        Value::String(text) => Cow::Owned(json!({ NOT_JSON: text })),
        other => Cow::Owned(json!({ NOT_JSON: other.to_string() })),
    }
}

/// Gives each call that came without an id, or with that of another one, an id of its own.
pub(super) fn name_ids(calls: &mut [ToolCall]) {
    let count = calls.len();
    for index in 0..count {
        let (before, rest) = calls.split_at_mut(index);
        let taken = |id: &str| before.iter().any(|call| call.id == id);
        let Some((call, after)) = rest.split_first_mut() else {
            return;
        };
        if !call.id.is_empty() && !taken(&call.id) {
            continue;
        }
        let free = (index..=index + count)
            .map(|number| format!("call_{number}"))
            .find(|id| !taken(id) && !after.iter().any(|call| call.id == *id));
        call.id = free.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_in_many_forms() {
        let place = json!({"harbour": "Brest"});
        assert_eq!(arguments(Some(place.clone())), place);
        assert_eq!(arguments(Some(place.to_string().into())), place);
        let twice = Value::from(place.to_string()).to_string();
        assert_eq!(arguments(Some(twice.into())), place);
        for nothing in [
            None,
            Some(Value::Null),
            Some("".into()),
            Some(" null".into()),
        ] {
            assert_eq!(arguments(nothing), json!({}));
        }
        assert_eq!(arguments(Some("{\"a\":".into())), json!("{\"a\":"));
    }

    #[test]
    fn every_call_has_an_id_of_its_own() {
        let mut calls = ["", "call_1", "call_1", "x"].map(|id| ToolCall::new(id, "t", json!({})));
        name_ids(&mut calls);
        let ids = calls.map(|call| call.id);
        assert_eq!(ids, ["call_0", "call_1", "call_2", "x"]);
    }
}
