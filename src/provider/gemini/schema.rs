//! JSON Schema as Gemini enforces it: rewritten where the schema allows it without changing meaning.
//!
//! `responseJsonSchema` takes any schema and passes over the keywords it does not know, so that a
//! server would enforce less than was asked for without a word. Such a keyword is an error here.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::provider::openai::facts::{Facts, has_type, type_of_values};

/// Keywords that Gemini enforces, or shows to the model, as they are.
const KEPT: [&str; 12] = [
    "$id",
    "$anchor",
    "type",
    "title",
    "description",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "required",
    "propertyOrdering",
    "$ref",
];

/// Formats that Gemini knows; a format annotates and enforces nothing.
const FORMATS: [&str; 7] = [
    "date-time",
    "date",
    "time",
    "int32",
    "int64",
    "float",
    "double",
];

/// Why and where Gemini cannot enforce a schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotEnforced {
    path: String,
    reason: String,
}

impl NotEnforced {
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

impl fmt::Display for NotEnforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`${}` {}", self.path, self.reason)
    }
}

/// `schema` in the keywords that Gemini enforces.
pub(super) fn for_gemini(schema: &Value) -> Result<Value, NotEnforced> {
    Rewriter {
        facts: Facts { root: schema },
        inlined: Vec::new(),
    }
    .schema(schema)
}

struct Rewriter<'a> {
    facts: Facts<'a>,
    /// References being inlined, to stop at recursion.
    inlined: Vec<String>,
}

impl Rewriter<'_> {
    fn schema(&mut self, node: &Value) -> Result<Value, NotEnforced> {
        let Value::Object(map) = node else {
            return Err(NotEnforced::new("accepts anything or nothing"));
        };
        match map.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.reference(reference, map),
            None => self.object(map),
        }
    }

    /// A reference may have no siblings: one that is described gives way to its target.
    fn reference(
        &mut self,
        reference: &str,
        map: &Map<String, Value>,
    ) -> Result<Value, NotEnforced> {
        let Some(target) = self.facts.resolve(reference) else {
            let reason = format!("refers to `{reference}`, which is not there");
            return Err(NotEnforced::new(reason));
        };
        if self.must_repeat(reference) {
            let reason = format!("refers to `{reference}`, which requires itself");
            return Err(NotEnforced::new(reason));
        }
        let siblings = |key: &str| key != "$ref" && !key.starts_with('$') && !is_annotation(key);
        if !map.keys().any(|key| siblings(key)) || self.inlined.iter().any(|one| one == reference) {
            let mut out = Map::from_iter([("$ref".to_owned(), json!(reference))]);
            self.definitions(map, &mut out)?;
            return Ok(Value::Object(out));
        }
        let mut whole = target.clone();
        for (key, value) in map.iter().filter(|(key, _)| *key != "$ref") {
            if !matches!(key.as_str(), "title" | "description" | "$defs") && !is_annotation(key) {
                return Err(NotEnforced::new(format!("has `{key}` beside `$ref`")));
            }
            whole.insert(key.clone(), value.clone());
        }
        self.inlined.push(reference.to_owned());
        let rewritten = self.schema(&Value::Object(whole));
        self.inlined.pop();
        rewritten
    }

    fn definitions(
        &mut self,
        map: &Map<String, Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), NotEnforced> {
        if let Some(definitions) = map.get("$defs") {
            out.insert("$defs".to_owned(), self.each("$defs", definitions)?);
        }
        Ok(())
    }

    fn object(&mut self, map: &Map<String, Value>) -> Result<Value, NotEnforced> {
        let mut out = Map::new();
        for (key, value) in map {
            self.keyword(key, value, map, &mut out)?;
        }
        if !out.contains_key("type") && !out.contains_key("anyOf") && !out.contains_key("$ref") {
            let named = type_of_values(map).ok_or_else(|| NotEnforced::new("accepts any type"))?;
            out.insert("type".to_owned(), named);
        }
        allow_null(&mut out);
        Ok(Value::Object(out))
    }

    fn keyword(
        &mut self,
        key: &str,
        value: &Value,
        map: &Map<String, Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), NotEnforced> {
        let (key, value) = match key {
            "const" => ("enum", constants(&[value])?),
            "enum" => {
                let values: Vec<_> = value.as_array().into_iter().flatten().collect();
                ("enum", constants(&values)?)
            }
            "format" if !FORMATS.iter().any(|known| value == known) => return Ok(()),
            "properties" | "$defs" => (key, self.each(key, value)?),
            "items" => (key, self.schema(value).map_err(|error| error.under(key))?),
            "additionalProperties" if value.is_object() => {
                (key, self.schema(value).map_err(|error| error.under(key))?)
            }
            "prefixItems" | "anyOf" => (key, self.branches(key, value)?),
            "oneOf" if self.facts.are_exclusive(value) => ("anyOf", self.branches(key, value)?),
            "oneOf" => return Err(NotEnforced::new("has `oneOf` whose branches overlap")),
            "allOf" => return self.all_of(value, out),
            "exclusiveMinimum" | "exclusiveMaximum" => closed_limit(key, value, map)?,
            "additionalProperties" | "format" => (key, value.clone()),
            _ if KEPT.contains(&key) => (key, value.clone()),
            _ if is_annotation(key) => return Ok(()),
            _ => return Err(NotEnforced::new(format!("has the keyword `{key}`"))),
        };
        match out.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(NotEnforced::new(format!("says `{key}` in two ways"))),
        }
    }

    /// One branch is the schema itself.
    fn all_of(&mut self, value: &Value, out: &mut Map<String, Value>) -> Result<(), NotEnforced> {
        let Some([branch]) = value.as_array().map(Vec::as_slice) else {
            return Err(NotEnforced::new("has the keyword `allOf`"));
        };
        let rewritten = self
            .schema(branch)
            .map_err(|error| error.under(0).under("allOf"))?;
        for (key, value) in rewritten.as_object().into_iter().flatten() {
            let known = out.insert(key.clone(), value.clone());
            if known.is_some_and(|known| known != *value) {
                return Err(NotEnforced::new(format!("says `{key}` in two ways")));
            }
        }
        Ok(())
    }

    fn each(&mut self, key: &str, value: &Value) -> Result<Value, NotEnforced> {
        let mut out = Map::new();
        for (name, schema) in value.as_object().into_iter().flatten() {
            let rewritten = self
                .schema(schema)
                .map_err(|error| error.under(name).under(key))?;
            out.insert(name.clone(), rewritten);
        }
        Ok(Value::Object(out))
    }

    fn branches(&mut self, key: &str, value: &Value) -> Result<Value, NotEnforced> {
        let mut out = Vec::new();
        for (index, branch) in value.as_array().into_iter().flatten().enumerate() {
            let rewritten = self
                .schema(branch)
                .map_err(|error| error.under(index).under(key))?;
            out.push(rewritten);
        }
        Ok(Value::Array(out))
    }

    /// Whether the target of `reference` leads back to it through what must be there: Gemini unrolls
    /// references, and stops only at properties that are optional.
    fn must_repeat(&self, reference: &str) -> bool {
        let mut seen = vec![reference];
        let mut open: Vec<&Map<String, Value>> =
            self.facts.resolve(reference).into_iter().collect();
        while let Some(map) = open.pop() {
            let next = map.get("$ref").and_then(Value::as_str);
            if next == Some(reference) {
                return true;
            }
            if let Some(next) = next.filter(|next| !seen.contains(next)) {
                seen.push(next);
                open.extend(self.facts.resolve(next));
            }
            open.extend(demanded(map));
        }
        false
    }
}

/// The schemas inside of `map` that are not those of optional properties.
fn demanded(map: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let required = map.get("required").and_then(Value::as_array);
    let is_required =
        move |name: &str| required.is_some_and(|list| list.iter().any(|one| one == name));
    let properties = map
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(move |(name, _)| is_required(name))
        .map(|(_, schema)| schema);
    let single = ["items", "additionalProperties"];
    let lists = ["anyOf", "oneOf", "allOf", "prefixItems"];
    let lists = lists
        .into_iter()
        .filter_map(|key| map.get(key)?.as_array())
        .flatten();
    properties
        .chain(single.into_iter().filter_map(|key| map.get(key)))
        .chain(lists)
        .filter_map(Value::as_object)
}

/// Gemini knows constants that are strings or numbers, and `null` as a type.
fn constants(values: &[&Value]) -> Result<Value, NotEnforced> {
    match values
        .iter()
        .find(|value| !(value.is_string() || value.is_number() || value.is_null()))
    {
        None => Ok(values.iter().copied().cloned().collect()),
        Some(_) => Err(NotEnforced::new(
            "has a constant that is neither text nor a number",
        )),
    }
}

/// Constants with `null` among them become a choice between the others and `null`.
fn allow_null(out: &mut Map<String, Value>) {
    let Some(Value::Array(values)) = out.get_mut("enum") else {
        return;
    };
    let before = values.len();
    values.retain(|value| !value.is_null());
    let (is_empty, had_null) = (values.is_empty(), values.len() < before);
    if is_empty {
        out.remove("enum");
        out.insert("type".to_owned(), json!("null"));
    } else if had_null {
        let mut others = Map::from_iter(out.remove("enum").map(|v| ("enum".to_owned(), v)));
        if let Some(named) = type_of_values(&others) {
            others.insert("type".to_owned(), named);
        }
        out.remove("type");
        out.insert("anyOf".to_owned(), json!([others, {"type": "null"}]));
    }
}

/// An open limit of an integer is the next closed one.
fn closed_limit<'a>(
    key: &'a str,
    value: &Value,
    map: &Map<String, Value>,
) -> Result<(&'a str, Value), NotEnforced> {
    let limit = value
        .as_i64()
        .filter(|_| has_type(map, "integer") && !has_type(map, "number"));
    let closed = match key {
        "exclusiveMinimum" => limit.and_then(|limit| Some(("minimum", limit.checked_add(1)?))),
        _ => limit.and_then(|limit| Some(("maximum", limit.checked_sub(1)?))),
    };
    match closed {
        Some((key, limit)) => Ok((key, json!(limit))),
        None => Err(NotEnforced::new(format!("has the keyword `{key}`"))),
    }
}

/// Keywords that validate nothing.
fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "$schema" | "$comment" | "default" | "examples" | "deprecated" | "readOnly" | "writeOnly"
    ) || key.starts_with("x-")
}
