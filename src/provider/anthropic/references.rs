//! References within a schema: each leads somewhere, and none back to itself.

use std::collections::BTreeSet;

use serde_json::Value;

/// Looks at every reference that `schema` uses; the API expands them all.
///
/// # Errors
/// What is wrong with the first one that leads nowhere or back to itself.
pub(super) fn check_references(schema: &Value) -> Result<(), String> {
    let mut references = References {
        root: schema,
        open: Vec::new(),
        seen: BTreeSet::new(),
    };
    references.check(schema)
}

struct References<'s> {
    root: &'s Value,
    /// Those on the way to where we are.
    open: Vec<&'s str>,
    seen: BTreeSet<&'s str>,
}

impl<'s> References<'s> {
    fn check(&mut self, node: &'s Value) -> Result<(), String> {
        match node {
            Value::Array(list) => list.iter().try_for_each(|item| self.check(item)),
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "$defs" | "definitions"))
                .try_for_each(|(key, value)| match (key.as_str(), value.as_str()) {
                    ("$ref", Some(reference)) => self.follow(reference),
                    _ => self.check(value),
                }),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, reference: &'s str) -> Result<(), String> {
        if self.open.contains(&reference) {
            return Err(format!("is recursive: `{reference}` refers to itself"));
        }
        if !self.seen.insert(reference) {
            return Ok(());
        }
        let root = self.root;
        let target = reference
            .strip_prefix('#')
            .and_then(|path| root.pointer(path));
        let Some(target) = target else {
            return Err(format!("refers to `{reference}`, which is not there"));
        };
        self.open.push(reference);
        let checked = self.check(target);
        self.open.pop();
        checked
    }
}
