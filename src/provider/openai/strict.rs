//! The strict dialect of JSON Schema: rewritten when the schema allows it without changing meaning.
//!
//! Strict output wants every object closed and every property required, and knows only some
//! keywords. A rewritten schema accepts only answers that the original accepts, and leaves the model
//! every choice that it had: an optional property becomes required only when it may be `null`.
//! Everything else is a [`NotStrict`] that names the place.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value, json};

use super::facts::{Facts, has_type, type_of_values};

/// Keywords that mean the same in the strict dialect.
const KEPT: [&str; 14] = [
    "type",
    "enum",
    "const",
    "title",
    "description",
    "pattern",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "$ref",
];

/// Formats that the strict dialect knows; the others only annotate and are left out.
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Why and where a schema cannot be strict.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotStrict {
    path: String,
    reason: String,
}

impl NotStrict {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
        }
    }

    fn under(mut self, step: impl fmt::Display) -> Self {
        self.path.insert_str(0, &format!(".{step}"));
        self
    }
}

impl fmt::Display for NotStrict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`${}` {}", self.path, self.reason)
    }
}

/// `schema` in the strict dialect.
pub(super) fn strict(schema: &Value) -> Result<Value, NotStrict> {
    let mut rewriter = Rewriter {
        facts: Facts { root: schema },
        inlined: Vec::new(),
    };
    let rewritten = rewriter.root()?;
    if rewritten.get("type").and_then(Value::as_str) != Some("object") {
        return Err(NotStrict::new("is not an object"));
    }
    Ok(rewritten)
}

struct Rewriter<'a> {
    facts: Facts<'a>,
    /// References being inlined, to stop at recursion.
    inlined: Vec<String>,
}

impl Rewriter<'_> {
    /// The root may not be a bare reference, so that one is resolved.
    fn root(&mut self) -> Result<Value, NotStrict> {
        match self.facts.root {
            Value::Object(map) if map.contains_key("$ref") => {
                let whole = self.merged(map)?;
                self.object(&whole)
            }
            other => self.schema(other),
        }
    }

    fn schema(&mut self, node: &Value) -> Result<Value, NotStrict> {
        let Value::Object(map) = node else {
            return Err(NotStrict::new("accepts anything"));
        };
        let map = single_all_of(map);
        let Some(reference) = map.get("$ref").and_then(Value::as_str) else {
            return self.object(&map);
        };
        let whole = self.merged(&map)?;
        let is_described = map.contains_key("description") || map.contains_key("title");
        if !is_described || self.inlined.iter().any(|known| known == reference) {
            return Ok(json!({ "$ref": reference }));
        }
        // A reference may have no siblings: one that is described gives way to its target.
        self.inlined.push(reference.to_owned());
        let rewritten = self.object(&whole);
        self.inlined.pop();
        rewritten
    }

    /// The target of `map`'s reference, under `map`'s own annotations and definitions.
    fn merged(&self, map: &Map<String, Value>) -> Result<Map<String, Value>, NotStrict> {
        let reference = map.get("$ref").and_then(Value::as_str).unwrap_or_default();
        let target = self.facts.resolve(reference);
        let mut whole = target
            .ok_or_else(|| NotStrict::new(format!("refers to `{reference}`, which is not there")))?
            .clone();
        for (key, value) in map.iter().filter(|(key, _)| *key != "$ref") {
            let harmless = matches!(
                key.as_str(),
                "title" | "description" | "$defs" | "definitions"
            );
            if !harmless && !is_annotation(key) {
                return Err(NotStrict::new(format!("has `{key}` beside `$ref`")));
            }
            whole.insert(key.clone(), value.clone());
        }
        Ok(whole)
    }

    fn object(&mut self, map: &Map<String, Value>) -> Result<Value, NotStrict> {
        let mut out = Map::new();
        for (key, value) in map {
            if let Some(rewritten) = self.keyword(key, value)? {
                let key = if key == "oneOf" { "anyOf" } else { key };
                if out.insert(key.to_owned(), rewritten).is_some() {
                    return Err(NotStrict::new("has both `anyOf` and `oneOf`"));
                }
            }
        }
        self.close(map, &mut out)?;
        if has_type(&out, "array") && !out.contains_key("items") {
            return Err(NotStrict::new("is an array without `items`"));
        }
        name_type(&mut out)?;
        Ok(Value::Object(out))
    }

    /// The value of one keyword, rewritten; `None` leaves the keyword out.
    fn keyword(&mut self, key: &str, value: &Value) -> Result<Option<Value>, NotStrict> {
        match key {
            "additionalProperties" if *value == Value::Bool(false) => Ok(None),
            "additionalProperties" => Err(NotStrict::new("allows properties without a name")),
            "required" => Ok(None),
            "format" => Ok(is_known_format(value).then(|| value.clone())),
            "properties" | "$defs" | "definitions" => self.each(key, value).map(Some),
            "items" => self.schema(value).map(Some).map_err(|e| e.under(key)),
            "oneOf" if !self.facts.are_exclusive(value) => {
                Err(NotStrict::new("has `oneOf` whose branches overlap"))
            }
            "anyOf" | "oneOf" => self.branches(key, value).map(Some),
            _ if KEPT.contains(&key) => Ok(Some(value.clone())),
            _ if is_annotation(key) => Ok(None),
            _ => Err(NotStrict::new(format!("has the keyword `{key}`"))),
        }
    }

    fn each(&mut self, key: &str, value: &Value) -> Result<Value, NotStrict> {
        let mut out = Map::new();
        for (name, schema) in value.as_object().into_iter().flatten() {
            let rewritten = self
                .schema(schema)
                .map_err(|error| error.under(name).under(key))?;
            out.insert(name.clone(), rewritten);
        }
        Ok(Value::Object(out))
    }

    fn branches(&mut self, key: &str, value: &Value) -> Result<Value, NotStrict> {
        let mut out = Vec::new();
        for (index, branch) in value.as_array().into_iter().flatten().enumerate() {
            let rewritten = self
                .schema(branch)
                .map_err(|error| error.under(index).under(key))?;
            out.push(rewritten);
        }
        Ok(Value::Array(out))
    }

    /// Closes an object: nothing besides its properties, and all of them required.
    fn close(
        &self,
        map: &Map<String, Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), NotStrict> {
        if !has_type(map, "object") && !map.contains_key("properties") {
            return Ok(());
        }
        if out.contains_key("anyOf") {
            return Err(NotStrict::new("has branches beside its properties"));
        }
        let is_closed = map.contains_key("additionalProperties");
        let none = Map::new();
        let properties = match map.get("properties").and_then(Value::as_object) {
            Some(properties) if is_closed || !properties.is_empty() => properties,
            None if is_closed => &none,
            _ => return Err(NotStrict::new("is an object without `properties`")),
        };
        self.check_required(map, properties)?;
        let names = properties.keys().cloned().map(Value::String).collect();
        out.entry("type").or_insert_with(|| json!("object"));
        out.entry("properties").or_insert_with(|| json!({}));
        out.insert("required".to_owned(), Value::Array(names));
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn check_required(
        &self,
        map: &Map<String, Value>,
        properties: &Map<String, Value>,
    ) -> Result<(), NotStrict> {
        let required: Vec<&str> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(name) = required
            .iter()
            .find(|name| !properties.contains_key(**name))
        {
            return Err(NotStrict::new(format!(
                "requires `{name}` without describing it"
            )));
        }
        for (name, schema) in properties {
            if !required.contains(&name.as_str()) && !self.facts.admits_null(schema) {
                return Err(NotStrict::new("is optional and must not be null")
                    .under(name)
                    .under("properties"));
            }
        }
        Ok(())
    }
}

/// Keywords that validate nothing.
fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "$schema"
            | "$id"
            | "$comment"
            | "default"
            | "examples"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
    ) || key.starts_with("x-")
}

fn is_known_format(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|format| FORMATS.contains(&format))
}

/// `allOf` with one branch and no siblings but annotations is that branch.
fn single_all_of(map: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let branches = map.get("allOf").and_then(Value::as_array);
    let Some([Value::Object(branch)]) = branches.map(Vec::as_slice) else {
        return Cow::Borrowed(map);
    };
    let is_alone = map
        .keys()
        .all(|key| key == "allOf" || key == "title" || key == "description" || is_annotation(key));
    if !is_alone {
        return Cow::Borrowed(map);
    }
    let mut whole = branch.clone();
    for (key, value) in map.iter().filter(|(key, _)| *key != "allOf") {
        whole.insert(key.clone(), value.clone());
    }
    Cow::Owned(whole)
}

/// Every schema needs a type: that of its constants, where it names none.
fn name_type(out: &mut Map<String, Value>) -> Result<(), NotStrict> {
    if out.contains_key("type") || out.contains_key("anyOf") {
        return Ok(());
    }
    let named = type_of_values(out).ok_or_else(|| NotStrict::new("accepts any type"))?;
    out.insert("type".to_owned(), named);
    Ok(())
}
