//! Tool calls as servers really send them: whole or in pieces, with ids or without.

use serde_json::{Map, Value};

use super::opaque;
use crate::chat::{Delta, ToolCall, ToolCallDelta};
use crate::provider::reading::{Object, take_text};

/// The tool calls of one answer, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Draft>);

/// A tool call that is not all there yet.
#[derive(Debug, Default)]
struct Draft {
    /// What the server calls its place.
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// What only the server understands.
    own: Object,
}

/// A tool call without a name: it can neither be made nor sent back.
#[derive(Debug)]
pub(super) struct Nameless;

impl Calls {
    /// Adds a call that is all there.
    pub(super) fn whole(&mut self, mut call: Object) {
        let mut draft = Draft {
            id: take_text(&mut call, "id").unwrap_or_default(),
            ..Draft::default()
        };
        let mut function = function(&mut call);
        draft.name = take_text(&mut function, "name").unwrap_or_default();
        draft.arguments = take_arguments(&mut function);
        opaque::take_from_message(&mut call, &mut draft.own);
        self.0.push(draft);
    }

    /// Adds a piece of a call, and tells what is new in it.
    pub(super) fn piece(&mut self, call: &mut Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        let index = call.get("index").and_then(Value::as_u64);
        let id = take_text(call, "id");
        let mut function = function(call);
        let name = take_text(&mut function, "name");
        let arguments = take_arguments(&mut function);
        let place = self.place(index, id.as_deref(), name.as_deref());
        if place == self.0.len() {
            self.0.push(Draft {
                index,
                ..Draft::default()
            });
        }
        let Some(draft) = self.0.get_mut(place) else {
            return;
        };
        // Some servers repeat both in each piece.
        let id = id.filter(|_| draft.id.is_empty());
        let name = name.filter(|name| *name != draft.name);
        opaque::take_from_message(call, &mut draft.own);
        draft.id.push_str(id.as_deref().unwrap_or_default());
        draft.name.push_str(name.as_deref().unwrap_or_default());
        draft.arguments.push_str(&arguments);
        tell(&Delta::ToolCall(ToolCallDelta::new(
            place,
            id.as_deref(),
            name.as_deref(),
            &arguments,
        )));
    }

    /// Which call a piece belongs to; one past the last for a new one.
    fn place(&self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> usize {
        let new = self.0.len();
        let last = new.saturating_sub(1);
        let of_id = || self.0.iter().rposition(|draft| Some(&*draft.id) == id);
        let Some(index) = index else {
            return match (id, name) {
                (Some(_), _) => of_id().unwrap_or(new),
                (None, Some(_)) => new,
                (None, None) => last,
            };
        };
        let of_index = |draft: &Draft| draft.index == Some(index);
        match self.0.iter().rposition(of_index) {
            None => new,
            // Some servers number every call 0; others make up an id for each piece, without a name.
            Some(place) if name.is_some() && id.is_some() && self.is_other(place, id) => {
                of_id().unwrap_or(new)
            }
            Some(place) if name.is_some() && id.is_none() && self.is_whole(place) => new,
            Some(place) => place,
        }
    }

    /// Whether nothing of the call is missing: what comes under its number is another one.
    fn is_whole(&self, place: usize) -> bool {
        self.0.get(place).is_some_and(|draft| {
            !draft.name.is_empty() && serde_json::from_str::<Object>(&draft.arguments).is_ok()
        })
    }

    fn is_other(&self, place: usize, id: Option<&str>) -> bool {
        self.0
            .get(place)
            .is_some_and(|draft| !draft.id.is_empty() && Some(&*draft.id) != id)
    }

    /// The calls, each with an id of its own; what only the server understands goes into `data`.
    pub(super) fn close(mut self, data: &mut Object) -> Result<Vec<ToolCall>, Nameless> {
        // What says nothing at all is a stray piece.
        self.0
            .retain(|draft| !(draft.name.is_empty() && draft.arguments.is_empty()));
        let given: Vec<String> = self.0.iter().map(|draft| draft.id.clone()).collect();
        let mut calls: Vec<ToolCall> = Vec::with_capacity(given.len());
        for draft in self.0 {
            if draft.name.is_empty() {
                return Err(Nameless);
            }
            let is_free = !draft.id.is_empty() && calls.iter().all(|call| call.id != draft.id);
            let id = if is_free {
                draft.id
            } else {
                made_up(calls.len() + 1, &given, &calls)
            };
            if !draft.own.is_empty() {
                opaque::keep_call(&id, draft.own, data);
            }
            calls.push(ToolCall::new(id, draft.name, arguments(&draft.arguments)));
        }
        Ok(calls)
    }
}

/// An id for a call that has none of its own.
fn made_up(number: usize, given: &[String], calls: &[ToolCall]) -> String {
    let is_free = |id: &String| !given.contains(id) && calls.iter().all(|call| call.id != *id);
    (number..=number + given.len() + calls.len())
        .map(|number| format!("call_{number}"))
        .find(is_free)
        .unwrap_or_default()
}

/// The function of a call; some servers leave that layer out.
fn function(call: &mut Object) -> Object {
    match call.remove("function") {
        Some(Value::Object(function)) => function,
        _ => ["name", "arguments"]
            .iter()
            .filter_map(|key| call.remove_entry(*key))
            .collect(),
    }
}

fn take_arguments(function: &mut Object) -> String {
    match function.remove("arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

/// Arguments as a value: nothing is an empty object, JSON written into a JSON string is read twice,
/// and what is no JSON stays the text that it is.
fn arguments(text: &str) -> Value {
    let empty = || Value::Object(Map::new());
    if text.trim().is_empty() {
        return empty();
    }
    match serde_json::from_str(text) {
        Ok(Value::Null) => empty(),
        Ok(Value::String(inner)) if inner.trim().is_empty() => empty(),
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(value @ Value::Object(_)) => value,
            _ => Value::String(inner),
        },
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    }
}
