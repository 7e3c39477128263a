//! Structured values: every string, every map key, and whole values under the names of secrets.

use serde_json::{Map, Value};

use super::assignment::RULE;
use super::counts::Redactions;
use super::found::placeholder;
use super::judge::is_identifier;
use super::keys::{Secrecy, is_opaque_to_us};
use super::{Inner, plausible};

/// Redacts `value` in place.
pub(super) fn redact(inner: &Inner, value: &mut Value, counts: &mut Redactions) {
    match value {
        Value::String(text) => inner.redact_string(text, counts),
        Value::Array(items) => redact_items(inner, items, counts),
        Value::Object(fields) => redact_fields(inner, fields, counts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Redacts what stands under `name`.
fn redact_named(inner: &Inner, name: &str, value: &mut Value, counts: &mut Redactions) {
    match value {
        Value::String(text) => redact_text(inner, name, text, counts),
        Value::Array(items) if is_opaque_to_us(name) || inner.secrecy(name) == Secrecy::Certain => {
            for item in items {
                redact_named(inner, name, item, counts);
            }
        }
        _ => redact(inner, value, counts),
    }
}

/// Redacts a string that stands under `name`.
pub(super) fn redact_text(inner: &Inner, name: &str, text: &mut String, counts: &mut Redactions) {
    if is_opaque_to_us(name) {
        inner.redact_own_only(text, counts);
    } else if is_secret(inner, name, text) {
        *text = placeholder(RULE);
        counts.add(RULE);
    } else {
        inner.redact_string(text, counts);
    }
}

fn is_secret(inner: &Inner, name: &str, text: &str) -> bool {
    let is_reference =
        text.starts_with("${") || text.starts_with("{{") || text.starts_with("<REDACTED:");
    match inner.secrecy(name) {
        Secrecy::Public => false,
        Secrecy::Certain => {
            !text.is_empty() && !is_reference && !plausible::is_working_directory(name, text)
        }
        Secrecy::Likely => {
            plausible::under_likely_name(name, super::assignment::Tie::Json, text, true)
        }
    }
}

/// `["Authorization", "…"]` is a header; `["password", "username"]` and any other list is a list.
fn redact_items(inner: &Inner, items: &mut [Value], counts: &mut Redactions) {
    if let [Value::String(name), Value::String(text)] = items {
        let name = name.clone();
        if inner.secrecy(&name) == Secrecy::Certain
            && name.len() < 64
            && !name.contains(' ')
            && !is_identifier(text)
        {
            return redact_text(inner, &name, text, counts);
        }
    }
    for item in items {
        redact(inner, item, counts);
    }
}

fn redact_fields(inner: &Inner, fields: &mut Map<String, Value>, counts: &mut Redactions) {
    let is_vocabulary = fields
        .keys()
        .any(|name| VOCABULARY.contains(&name.as_str()));
    let header = named_by(fields);
    let is_sealed = fields
        .get("type")
        .is_some_and(|kind| kind == "redacted_thinking" || kind == "reasoning.encrypted");
    for (name, value) in fields.iter_mut() {
        match (&header, name.as_str(), value) {
            (Some(header), "value", value) => redact_named(inner, header, value, counts),
            (_, "data", Value::String(text)) if is_sealed => inner.redact_own_only(text, counts),
            (_, "token", Value::String(text)) if is_vocabulary => {
                inner.redact_own_only(text, counts);
            }
            (_, name, value) => redact_named(inner, name, value, counts),
        }
    }
    redact_names(inner, fields, counts);
}

/// A map with one of these beside `token` speaks about a model's vocabulary.
const VOCABULARY: &[&str] = &["logprob", "top_logprobs", "token_id", "logit", "rank"];

/// `{"name": "x-api-key", "value": "…"}` is a header, too.
fn named_by(fields: &Map<String, Value>) -> Option<String> {
    fields.get("value")?;
    ["name", "key", "header"]
        .iter()
        .find_map(|name| fields.get(*name)?.as_str())
        .map(str::to_owned)
}

/// Replaces secrets inside of map keys; keys that become equal are numbered, so none is lost.
fn redact_names(inner: &Inner, fields: &mut Map<String, Value>, counts: &mut Redactions) {
    let renamed: Vec<Option<String>> = fields
        .keys()
        .map(|name| {
            let clean = inner.redact(name, counts);
            (clean != name.as_str()).then(|| clean.into_owned())
        })
        .collect();
    if renamed.iter().all(Option::is_none) {
        return;
    }
    let old = std::mem::take(fields);
    for ((name, value), clean) in old.into_iter().zip(renamed) {
        let name = clean.unwrap_or(name);
        let mut free = name.clone();
        let mut number = 2;
        while fields.contains_key(&free) {
            free = format!("{name}#{number}");
            number += 1;
        }
        fields.insert(free, value);
    }
}
