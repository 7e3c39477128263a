//! The part of JSON Schema that the Messages API enforces, and what becomes of the rest.
//!
//! Types, properties, choices and constants are enforced; bounds and lengths are not. A schema with
//! such bounds goes out without them, told in descriptions: whatever fits it still may be said, and
//! the runner checks the bounds itself. The first of them is the [`gap`](Rewritten::gap). What cannot
//! be written at all is a [`NotEnforced`] that names the place.

use std::fmt;

use serde_json::{Map, Value, json};

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
        root: schema,
        path: vec!["$".to_owned()],
        gap: None,
        optional: 0,
        unions: 0,
    };
    rewriter.check_recursion(schema, &mut Vec::new())?;
    let schema = rewriter.schema(schema)?;
    if rewriter.optional > MAX_OPTIONAL {
        let count = rewriter.optional;
        return Err(rewriter.no(format!(
            "has {count} optional properties, more than the {MAX_OPTIONAL} that the API takes"
        )));
    }
    if rewriter.unions > MAX_UNIONS {
        let count = rewriter.unions;
        return Err(rewriter.no(format!(
            "has {count} choices of types, more than the {MAX_UNIONS} that the API takes"
        )));
    }
    Ok(Rewritten {
        schema,
        gap: rewriter.gap,
    })
}

struct Rewriter<'a> {
    root: &'a Value,
    path: Vec<String>,
    gap: Option<NotEnforced>,
    optional: usize,
    unions: usize,
}

impl Rewriter<'_> {
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

    /// References that lead back to themselves; the API expands them all.
    fn check_recursion(&self, node: &Value, open: &mut Vec<String>) -> Result<(), NotEnforced> {
        match node {
            Value::Array(list) => list
                .iter()
                .try_for_each(|item| self.check_recursion(item, open)),
            Value::Object(map) => {
                for (key, value) in map {
                    if matches!(key.as_str(), "$defs" | "definitions") {
                        continue;
                    }
                    match (key.as_str(), value.as_str()) {
                        ("$ref", Some(reference)) => self.follow(reference, open)?,
                        _ => self.check_recursion(value, open)?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn follow(&self, reference: &str, open: &mut Vec<String>) -> Result<(), NotEnforced> {
        if open.iter().any(|known| known == reference) {
            return Err(self.no(format!("is recursive: `{reference}` refers to itself")));
        }
        let target = reference
            .strip_prefix('#')
            .and_then(|path| self.root.pointer(path));
        let Some(target) = target else {
            return Err(self.no(format!("refers to `{reference}`, which is not there")));
        };
        open.push(reference.to_owned());
        let checked = self.check_recursion(target, open);
        open.pop();
        checked
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
            "patternProperties" => return Err(self.no("allows properties without a name")),
            "additionalProperties" if *value == Value::Bool(false) => Keyword::Nothing,
            "additionalProperties" => return Err(self.no("allows properties without a name")),
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
        let required: Vec<&Value> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .collect();
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
    match value {
        Value::Array(list) => !list.is_empty() && list.iter().all(|one| !is_nested(one)),
        one => !is_nested(one),
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
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

/// Whether at most one branch can fit: then `oneOf` and `anyOf` mean the same.
fn are_exclusive(branches: &Value) -> bool {
    let branches: Vec<&Value> = branches.as_array().into_iter().flatten().collect();
    branches.iter().enumerate().all(|(index, one)| {
        branches[index + 1..]
            .iter()
            .all(|other| exclude(one, other))
    })
}

fn exclude(one: &Value, other: &Value) -> bool {
    let numbers = ["integer", "number"];
    let types = (type_of(one), type_of(other));
    if let (Some(a), Some(b)) = types
        && a != b
        && !(numbers.contains(&a) && numbers.contains(&b))
    {
        return true;
    }
    if let (Some(a), Some(b)) = (constants(one), constants(other)) {
        return !a.iter().any(|value| b.contains(value));
    }
    let required = |schema: &Value, name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let properties = one.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().any(|(name, a)| {
        let b = other.get("properties").and_then(|all| all.get(name));
        required(one, name)
            && required(other, name)
            && matches!((constants(a), b.and_then(constants)), (Some(a), Some(b))
                if !a.iter().any(|value| b.contains(value)))
    })
}

fn type_of(schema: &Value) -> Option<&str> {
    schema.get("type")?.as_str()
}

fn constants(schema: &Value) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}
