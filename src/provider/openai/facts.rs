//! What can be said of a schema without judging an answer.

use serde_json::{Map, Value, json};

/// Longer chains of references are taken for recursion.
const MAX_REFERENCES: usize = 16;

/// A schema document, to resolve references in.
pub(in crate::provider) struct Facts<'a> {
    pub(in crate::provider) root: &'a Value,
}

impl<'a> Facts<'a> {
    /// The schema that `reference` points at.
    pub(in crate::provider) fn resolve(&self, reference: &str) -> Option<&'a Map<String, Value>> {
        self.root
            .pointer(reference.strip_prefix('#')?)
            .and_then(Value::as_object)
    }

    /// Whether `schema` says that `null` fits.
    pub(in crate::provider) fn admits_null(&self, schema: &Value) -> bool {
        self.admits_null_at(schema, 0)
    }

    fn admits_null_at(&self, schema: &Value, depth: usize) -> bool {
        let Some(map) = schema.as_object().filter(|_| depth < MAX_REFERENCES) else {
            return false;
        };
        let mut says_something = false;
        let mut all_admit = true;
        for (key, value) in map {
            let admits = match key.as_str() {
                "$ref" => value
                    .as_str()
                    .and_then(|reference| self.root.pointer(reference.strip_prefix('#')?))
                    .is_some_and(|target| self.admits_null_at(target, depth + 1)),
                "type" => has_type(map, "null"),
                "const" => value.is_null(),
                "enum" => value
                    .as_array()
                    .is_some_and(|list| list.contains(&Value::Null)),
                "anyOf" | "oneOf" => value
                    .as_array()
                    .is_some_and(|list| list.iter().any(|b| self.admits_null_at(b, depth + 1))),
                "allOf" => value
                    .as_array()
                    .is_some_and(|list| list.iter().all(|b| self.admits_null_at(b, depth + 1))),
                _ => continue,
            };
            says_something = true;
            all_admit &= admits;
        }
        says_something && all_admit
    }

    /// Whether at most one branch can fit, so that `oneOf` and `anyOf` mean the same.
    pub(in crate::provider) fn are_exclusive(&self, branches: &Value) -> bool {
        let branches: Vec<_> = branches
            .as_array()
            .into_iter()
            .flatten()
            .map(|branch| self.shape(branch))
            .collect();
        branches.iter().enumerate().all(|(index, one)| {
            branches[index + 1..].iter().all(|other| {
                one.as_ref()
                    .zip(other.as_ref())
                    .is_some_and(|(a, b)| excludes(a, b))
            })
        })
    }

    fn shape<'b>(&self, branch: &'b Value) -> Option<&'b Map<String, Value>>
    where
        'a: 'b,
    {
        let map = branch.as_object()?;
        match map.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.resolve(reference),
            None => Some(map),
        }
    }
}

/// Whether two schemas can never both fit: other types, other constants, or another tag.
fn excludes(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    if let (Some(a), Some(b)) = (values(a), values(b)) {
        return a.iter().all(|value| !b.contains(value));
    }
    let (types, others) = (types(a), types(b));
    if !types.is_empty() && !others.is_empty() {
        let overlap = |one: &&str, other: &&str| one == other || is_number(one) && is_number(other);
        if !types
            .iter()
            .any(|one| others.iter().any(|other| overlap(one, other)))
        {
            return true;
        }
    }
    let both_objects = types == ["object"] && others == ["object"];
    both_objects
        && tags(a)
            .any(|(name, one)| tags(b).any(|(other, two)| name == other && excludes(one, two)))
}

fn is_number(name: &str) -> bool {
    name == "integer" || name == "number"
}

/// The values that `const` or `enum` allow.
fn values(map: &Map<String, Value>) -> Option<&[Value]> {
    match (map.get("const"), map.get("enum")) {
        (Some(value), _) => Some(std::slice::from_ref(value)),
        (None, Some(Value::Array(list))) => Some(list),
        _ => None,
    }
}

/// Required properties with constant values.
fn tags(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let required = map.get("required").and_then(Value::as_array);
    map.get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, schema)| Some((name, schema.as_object()?)))
        .filter(move |(name, schema)| {
            values(schema).is_some()
                && required.is_some_and(|list| list.iter().any(|r| r.as_str() == Some(name)))
        })
}

fn types(map: &Map<String, Value>) -> Vec<&str> {
    match map.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether `type` names `name`, alone or among others.
pub(in crate::provider) fn has_type(map: &Map<String, Value>, name: &str) -> bool {
    types(map).contains(&name)
}

/// The `type` that the schema's constants have.
pub(in crate::provider) fn type_of_values(map: &Map<String, Value>) -> Option<Value> {
    let mut names = Vec::new();
    for value in values(map)? {
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) | Value::Object(_) => return None,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => None,
        [name] => Some(json!(name)),
        names => Some(json!(names)),
    }
}
