//! Whether the branches of a `oneOf` exclude one another.

use serde_json::Value;

/// Whether at most one branch can fit: then `oneOf` and `anyOf` mean the same.
pub(super) fn are_exclusive(branches: &Value) -> bool {
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
