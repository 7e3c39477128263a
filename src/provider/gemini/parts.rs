//! The parts of a model's answer: read into a response, and written back as they came.
//!
//! Text and tool calls are in the response already. What is kept besides is their order, what was
//! signed, and parts that only Gemini understands; only where there is something of the sort.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chat::{Delta, Message, Response, ToolCall, ToolCallDelta};
use crate::provider::reading::{Object, take_text};
use crate::provider::tool_calls::{arguments, as_object};

const SIGNATURE: &str = "thoughtSignature";
const CALL: &str = "functionCall";
/// In place of a signature that there is none of.
const UNSIGNED: &str = "skip_thought_signature_validator";
/// Where the order of the parts stands in `provider_data`.
const KEPT: &str = "gemini_parts";
/// What ids begin with that were made up here, and so never go out.
const OWN_ID: &str = "gemini-call-";
/// Some services refuse ids beyond 40 characters.
const MAX_RESPONSE_ID: usize = 24;

/// One part, without what the response holds of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// So many bytes of the text.
    Text {
        bytes: usize,
        #[serde(flatten)]
        signature: Signature,
    },
    /// The next tool call.
    ToolCall(Signature),
    /// A part as it came.
    Whole(Value),
}

/// The model's own seal on a part, opaque.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    #[serde(
        rename = "thoughtSignature",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    seal: Option<String>,
}

impl Signature {
    fn of(part: &Object) -> Self {
        let seal = part.get(SIGNATURE).and_then(Value::as_str);
        Self {
            seal: seal.filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    fn on(&self, mut part: Value) -> Value {
        if let Some(seal) = &self.seal {
            part[SIGNATURE] = json!(seal);
        }
        part
    }
}

/// Puts a response together from parts as they arrive.
#[derive(Debug, Default)]
pub(super) struct PartReader {
    kept: Vec<Kept>,
}

impl PartReader {
    /// Reads one part into `response`.
    pub(super) fn read(
        &mut self,
        part: Value,
        response: &mut Response,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) {
        let Value::Object(mut part) = part else {
            return;
        };
        if let Some(Value::Object(_)) = part.get(CALL) {
            self.read_call(&mut part, response, tell);
        } else if let Some(text) = part.get("text").and_then(Value::as_str) {
            if part.get("thought").and_then(Value::as_bool) == Some(true) {
                tell_text(text, tell, Delta::Reasoning);
                response.reasoning.get_or_insert_default().push_str(text);
                if Signature::of(&part).seal.is_some() {
                    self.kept.push(Kept::Whole(Value::Object(part)));
                }
                return;
            }
            tell_text(text, tell, Delta::Text);
            response.text.push_str(text);
            self.keep_text(text.len(), Signature::of(&part));
        } else if !part.values().all(Value::is_null) {
            self.kept.push(Kept::Whole(Value::Object(part)));
        }
    }

    /// Leaves in `response` what has to go back besides its text and its tool calls.
    pub(super) fn finish(self, response: &mut Response) {
        let says_more = |kept: &Kept| match kept {
            Kept::Text { signature, .. } | Kept::ToolCall(signature) => signature.seal.is_some(),
            Kept::Whole(_) => true,
        };
        if !self.kept.iter().any(says_more) {
            return;
        }
        if let Ok(kept) = serde_json::to_value(self.kept) {
            response.provider_data.insert(KEPT.to_owned(), kept);
        }
    }

    fn read_call(
        &mut self,
        part: &mut Object,
        response: &mut Response,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) {
        let signature = Signature::of(part);
        let Some(Value::Object(mut call)) = part.remove(CALL) else {
            return;
        };
        let index = response.tool_calls.len();
        let id = take_text(&mut call, "id").unwrap_or_else(|| own_id(response, index));
        let name = take_text(&mut call, "name").unwrap_or_default();
        let arguments = arguments(call.remove("args"));
        tell(&Delta::ToolCall(ToolCallDelta::new(
            index,
            Some(&id),
            Some(&name),
            &arguments.to_string(),
        )));
        response.tool_calls.push(ToolCall::new(id, name, arguments));
        self.kept.push(Kept::ToolCall(signature));
    }

    /// Streamed text comes in any number of parts; only a signature ends one.
    fn keep_text(&mut self, bytes: usize, signature: Signature) {
        if bytes == 0 && signature.seal.is_none() {
            return;
        }
        if let Some(Kept::Text {
            bytes: known,
            signature: open,
        }) = self.kept.last_mut()
            && open.seal.is_none()
            && bytes > 0
        {
            *known += bytes;
            *open = signature;
        } else {
            self.kept.push(Kept::Text { bytes, signature });
        }
    }
}

fn tell_text<'a>(
    text: &'a str,
    tell: &mut dyn FnMut(&Delta<'_>),
    delta: impl FnOnce(&'a str) -> Delta<'a>,
) {
    if !text.is_empty() {
        tell(&delta(text));
    }
}

/// Ids are optional at Gemini, and needed by everyone else.
fn own_id(response: &Response, index: usize) -> String {
    let of: String = response
        .id
        .iter()
        .flat_map(|id| id.chars())
        .filter(char::is_ascii_alphanumeric)
        .take(MAX_RESPONSE_ID)
        .collect();
    match of.as_str() {
        "" => format!("{OWN_ID}{index}"),
        of => format!("{OWN_ID}{of}-{index}"),
    }
}

/// `id` as it goes out; `None` when Gemini sent none.
pub(super) fn sent_id(id: &str) -> Option<&str> {
    (!id.starts_with(OWN_ID)).then_some(id)
}

/// The parts of an assistant's `message`, as they came where that is known. A message that was
/// changed since has its text first, then its calls with their signatures.
///
/// Later models refuse calls of which none is signed, as those of another provider are:
/// `wants_signatures` puts the value there that Google's own clients put there then.
pub(super) fn parts_of(message: &Message, wants_signatures: bool) -> Vec<Value> {
    let kept: Vec<Kept> = message
        .provider_data
        .get(KEPT)
        .and_then(|kept| Vec::deserialize(kept).ok())
        .unwrap_or_default();
    let mut parts = as_they_came(&kept, message).unwrap_or_else(|| rebuilt(&kept, message));
    let mut calls = parts.iter_mut().filter(|part| part.get(CALL).is_some());
    if wants_signatures
        && let Some(first) = calls.next()
        && first.get(SIGNATURE).is_none()
        && calls.all(|call| call.get(SIGNATURE).is_none())
    {
        first[SIGNATURE] = UNSIGNED.into();
    }
    parts
}

fn as_they_came(kept: &[Kept], message: &Message) -> Option<Vec<Value>> {
    let mut text = message.content.as_str();
    let mut calls = message.tool_calls.iter();
    let mut parts = Vec::with_capacity(kept.len());
    for one in kept {
        parts.push(match one {
            Kept::Text { bytes, signature } => {
                let (this, rest) = text.split_at_checked(*bytes)?;
                text = rest;
                signature.on(json!({ "text": this }))
            }
            Kept::ToolCall(signature) => signature.on(call_part(calls.next()?)),
            Kept::Whole(part) => part.clone(),
        });
    }
    (text.is_empty() && calls.next().is_none()).then_some(parts)
}

fn rebuilt(kept: &[Kept], message: &Message) -> Vec<Value> {
    let mut signatures = kept.iter().filter_map(|one| match one {
        Kept::ToolCall(signature) => Some(signature),
        _ => None,
    });
    let text = (!message.content.is_empty() || message.tool_calls.is_empty())
        .then(|| json!({ "text": message.content }));
    let calls = message.tool_calls.iter().map(|call| {
        let part = call_part(call);
        match signatures.next() {
            Some(signature) => signature.on(part),
            None => part,
        }
    });
    text.into_iter().chain(calls).collect()
}

fn call_part(call: &ToolCall) -> Value {
    let mut part = json!({"name": call.name, "args": as_object(&call.arguments)});
    if let Some(id) = sent_id(&call.id) {
        part["id"] = json!(id);
    }
    json!({ CALL: part })
}
