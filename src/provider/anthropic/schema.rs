//! The part of JSON Schema that the Messages API enforces, and what becomes of the rest.
//!
//! Types, properties, choices and constants are enforced; bounds and lengths are not. A schema with
//! such bounds goes out without them, told in descriptions: whatever fits it still may be said, and
//! the runner checks the bounds itself. The first of them is the [`gap`](Rewritten::gap). What cannot
//! be written at all is a [`NotEnforced`] that names the place.

use std::fmt;

use serde_json::{Map, Value, json};

use super::exclusive::are_exclusive;
use super::references::check_references;

/// Most properties that are not required, and most choices of types, in one schema.
const MAX_OPTIONAL: usize = 24;
const MAX_UNIONS: usize = 16;

const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// What goes out for a schema.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) schema: Value,
    /// The first constraint that only the runner checks.
    pub(super) gap: Option<NotEnforced>,
}

/// What the server does not enforce, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotEnforced {
    path: String,
    reason: String,
}

impl fmt::Display for NotEnforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.reason)
    }
}

/// `schema` as the API takes it.
pub(super) fn rewrite(schema: &Value) -> Result<Rewritten, NotEnforced> {
    let mut rewriter = Rewriter {
        path: vec!["$".to_owned()],
        gap: None,
        optional: 0,
        unions: 0,
    };
    check_references(schema).map_err(|reason| rewriter.no(reason))?;
    let schema = rewriter.schema(schema)?;
    for (count, what, most) in [
        (rewriter.optional, "optional properties", MAX_OPTIONAL),
        (rewriter.unions, "choices of types", MAX_UNIONS),
    ] {
        if count > most {
            let reason = format!("has {count} {what}, more than the {most} that the API takes");
            return Err(rewriter.no(reason));
        }
    }
    Ok(Rewritten {
        schema,
        gap: rewriter.gap,
    })
}

struct Rewriter {
    path: Vec<String>,
    gap: Option<NotEnforced>,
    optional: usize,
    unions: usize,
}

impl Rewriter {
    fn no(&self, reason: impl Into<String>) -> NotEnforced {
        NotEnforced {
            path: self.path.join("."),
            reason: reason.into(),
        }
    }

    fn at<T>(
        &mut self,
        steps: &[&str],
        work: impl FnOnce(&mut Self) -> Result<T, NotEnforced>,
    ) -> Result<T, NotEnforced> {
        let depth = self.path.len();
        self.path
            .extend(steps.iter().map(|step| (*step).to_owned()));
        let done = work(self);
        self.path.truncate(depth);
        done
    }

    fn schema(&mut self, node: &Value) -> Result<Value, NotEnforced> {
        let Value::Object(map) = node else {
            return Err(self.no("accepts anything"));
        };
        let mut out = Map::new();
        let mut dropped = Vec::new();
        for (key, value) in map {
            match self.keyword(map, key, value)? {
                Keyword::As(key, value) => {
                    out.insert(key.to_owned(), value);
                }
                Keyword::Dropped => {
                    let reason = format!("has `{key}`, which the API does not check");
                    let gap = self.no(reason);
                    self.gap.get_or_insert(gap);
                    dropped.push(format!("{key}: {value}"));
                }
                Keyword::Nothing => {}
            }
        }
        // A reference may have no siblings but definitions.
        if out.contains_key("$ref") {
            out.retain(|key, _| matches!(key.as_str(), "$ref" | "$defs" | "definitions"));
            return Ok(Value::Object(out));
        }
        self.close(map, &mut out)?;
        self.check_type(&out)?;
        describe(&mut out, &dropped);
        Ok(Value::Object(out))
    }

    fn keyword<'k>(
        &mut self,
        map: &Map<String, Value>,
        key: &'k str,
        value: &Value,
    ) -> Result<Keyword<'k>, NotEnforced> {
        Ok(match key {
            "type" | "title" | "description" | "$ref" => Keyword::As(key, value.clone()),
            "enum" | "const" if is_plain(value) => Keyword::As(key, value.clone()),
            "enum" | "const" => {
                return Err(self.no(format!("has `{key}` with more than plain values")));
            }
            "format" if FORMATS.iter().any(|format| value == format) => {
                Keyword::As(key, value.clone())
            }
            "pattern" if is_simple(value) => Keyword::As(key, value.clone()),
            "minItems" if matches!(value.as_u64(), Some(0 | 1)) => Keyword::As(key, value.clone()),
            "properties" | "$defs" | "definitions" => Keyword::As(key, self.each(key, value)?),
            "items" => Keyword::As(key, self.at(&[key], |inner| inner.schema(value))?),
            "anyOf" => Keyword::As(key, self.branches(key, value)?),
            "oneOf" if map.contains_key("anyOf") => {
                return Err(self.no("has both `anyOf` and `oneOf`"));
            }
            "oneOf" => {
                if !are_exclusive(value) {
                    let gap = self.no("has `oneOf` whose branches may overlap");
                    self.gap.get_or_insert(gap);
                }
                Keyword::As("anyOf", self.branches(key, value)?)
            }
            "allOf" => return Err(self.no("has `allOf`")),
            "additionalProperties" if *value == Value::Bool(false) => Keyword::Nothing,
            "additionalProperties" | "patternProperties" => {
                return Err(self.no("allows properties without a name"));
            }
            "prefixItems" => return Err(self.no("is a tuple")),
            "required" | "format" | "default" | "$schema" | "$id" | "$comment" | "examples"
            | "deprecated" | "readOnly" | "writeOnly" => Keyword::Nothing,
            _ if key.starts_with("x-") => Keyword::Nothing,
            _ => Keyword::Dropped,
        })
    }

    fn each(&mut self, key: &str, value: &Value) -> Result<Value, NotEnforced> {
        let mut out = Map::new();
        for (name, schema) in value.as_object().into_iter().flatten() {
            let rewritten = self.at(&[key, name], |inner| inner.schema(schema))?;
            out.insert(name.clone(), rewritten);
        }
        Ok(Value::Object(out))
    }

    fn branches(&mut self, key: &str, value: &Value) -> Result<Value, NotEnforced> {
        self.unions += 1;
        let mut out = Vec::new();
        for (index, branch) in value.as_array().into_iter().flatten().enumerate() {
            let rewritten = self.at(&[key, &index.to_string()], |inner| inner.schema(branch))?;
            out.push(rewritten);
        }
        Ok(Value::Array(out))
    }

    /// Closes an object: the API knows no other.
    fn close(
        &mut self,
        map: &Map<String, Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), NotEnforced> {
        if !is_type(map, "object") && !map.contains_key("properties") {
            return Ok(());
        }
        let is_closed = map.contains_key("additionalProperties");
        let empty = Map::new();
        let properties = map.get("properties").and_then(Value::as_object);
        let properties = match properties {
            Some(properties) => properties,
            None if is_closed => &empty,
            None => return Err(self.no("is an object without `properties`")),
        };
        let required = map.get("required").and_then(Value::as_array);
        let required: Vec<&Value> = required.into_iter().flatten().collect();
        let is_property = |name: &&Value| name.as_str().is_some_and(|n| properties.contains_key(n));
        if let Some(name) = required.iter().find(|name| !is_property(name)) {
            return Err(self.no(format!("requires {name} without describing it")));
        }
        self.optional += properties.len().saturating_sub(required.len());
        out.entry("type").or_insert_with(|| json!("object"));
        out.entry("properties").or_insert_with(|| json!({}));
        if !required.is_empty() {
            out.insert("required".to_owned(), json!(required));
        }
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn check_type(&mut self, out: &Map<String, Value>) -> Result<(), NotEnforced> {
        let says = ["type", "anyOf", "enum", "const"];
        if !says.iter().any(|key| out.contains_key(*key)) {
            return Err(self.no("accepts any type"));
        }
        if out.get("type").is_some_and(Value::is_array) {
            self.unions += 1;
        }
        if is_type(out, "array") && !out.contains_key("items") {
            return Err(self.no("is an array without `items`"));
        }
        Ok(())
    }
}

/// What becomes of a keyword.
enum Keyword<'k> {
    As(&'k str, Value),
    /// The runner alone checks it.
    Dropped,
    /// It checks nothing.
    Nothing,
}

/// Tells the model what the server does not enforce.
fn describe(out: &mut Map<String, Value>, dropped: &[String]) {
    if dropped.is_empty() {
        return;
    }
    let told = format!("({})", dropped.join(", "));
    let description = match out.get("description").and_then(Value::as_str) {
        Some(description) => format!("{description} {told}"),
        None => told,
    };
    out.insert("description".to_owned(), description.into());
}

fn is_type(map: &Map<String, Value>, wanted: &str) -> bool {
    match map.get("type") {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
        _ => false,
    }
}

fn is_plain(value: &Value) -> bool {
    let is_nested = |value: &Value| value.is_object() || value.is_array();
    match value {
        Value::Array(list) => !list.is_empty() && !list.iter().any(is_nested),
        one => !is_nested(one),
    }
}

/// Whether a pattern has no look-around, word boundary or back-reference.
fn is_simple(pattern: &Value) -> bool {
    let Some(pattern) = pattern.as_str() else {
        return false;
    };
    let escaped: Vec<u8> = pattern
        .split('\\')
        .skip(1)
        .filter_map(|rest| rest.bytes().next())
        .collect();
    !pattern.contains("(?")
        && !escaped
            .iter()
            .any(|c| matches!(c, b'b' | b'B' | b'1'..=b'9'))
}
