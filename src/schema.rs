//! JSON Schemas, compiled once and kept by their text. This is the only file that names the validator.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonschema::Validator;
use schemars::JsonSchema;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result, SchemaViolation};
use crate::fingerprint;
use crate::text;

const MAX_MESSAGE: usize = 300;
const MAX_VIOLATIONS: usize = 100;
/// More schemas than this in one runner means that they are made anew for each run; start over.
const MAX_KEPT: usize = 1024;

/// A JSON Schema, ready to check answers and arguments.
pub(crate) struct CompiledSchema {
    pub(crate) value: Arc<Value>,
    pub(crate) text: String,
    /// What stands in records as `schema_hash`.
    pub(crate) hash: String,
    validator: Validator,
}

impl fmt::Debug for CompiledSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompiledSchema").field(&self.text).finish()
    }
}

impl CompiledSchema {
    /// `whose` leads the error, such as "the response schema of agent `planner`".
    pub(crate) fn compile(value: Value, text: String, whose: &dyn fmt::Display) -> Result<Self> {
        let validator = jsonschema::validator_for(&value).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() {
                "its root".to_owned()
            } else {
                format!("`{place}`")
            };
            Error::new(
                ErrorKind::Schema,
                format!("{whose} is not valid at {place}"),
            )
            .with_source(text::clip(&error.to_string(), MAX_MESSAGE))
            .with_hint(
                "it must be a JSON Schema; references to other files or addresses are not followed",
            )
        })?;
        Ok(Self {
            hash: fingerprint::of_json(&value),
            value: Arc::new(value),
            text,
            validator,
        })
    }

    pub(crate) fn fits(&self, answer: &Value) -> bool {
        self.validator.is_valid(answer)
    }

    /// `pointer` up to the first key that the schema does not name: a key that the model made up is
    /// part of its answer, and has no place in an error's text.
    pub(crate) fn known_part<'p>(&self, pointer: &'p str) -> &'p str {
        let known = |segment: &str| {
            (segment.len() < 6 && segment.bytes().all(|byte| byte.is_ascii_digit()))
                || self.text.contains(&format!("\"{segment}\":"))
        };
        let mut end = 0;
        for segment in pointer.split('/').skip(1) {
            if !known(segment) {
                break;
            }
            end += 1 + segment.len();
        }
        &pointer[..end]
    }

    /// Everything that is wrong with `answer`, in document order.
    pub(crate) fn violations(&self, answer: &Value) -> Vec<SchemaViolation> {
        // Most answers fit, and saying so costs half of looking for errors.
        if self.fits(answer) {
            return Vec::new();
        }
        self.validator
            .iter_errors(answer)
            .take(MAX_VIOLATIONS)
            .map(|error| SchemaViolation {
                pointer: error.instance_path().to_string(),
                message: text::clip(&error.to_string(), MAX_MESSAGE),
            })
            .collect()
    }
}

/// The schemas that a runner has met.
#[derive(Debug, Default)]
pub(crate) struct SchemaCache {
    by_text: Mutex<HashMap<String, Arc<CompiledSchema>>>,
    by_type: Mutex<HashMap<TypeId, Arc<CompiledSchema>>>,
}

impl SchemaCache {
    /// The compiled form of `schema`.
    pub(crate) fn of_value(
        &self,
        schema: &Value,
        whose: &dyn fmt::Display,
    ) -> Result<Arc<CompiledSchema>> {
        let text = schema.to_string();
        if let Some(known) = lock(&self.by_text).get(&text) {
            return Ok(known.clone());
        }
        let compiled = Arc::new(CompiledSchema::compile(
            schema.clone(),
            text.clone(),
            whose,
        )?);
        keep(&self.by_text, text, &compiled);
        Ok(compiled)
    }

    /// The schema of the Rust type `T`.
    pub(crate) fn of_type<T: JsonSchema + 'static>(
        &self,
        whose: &dyn fmt::Display,
    ) -> Result<Arc<CompiledSchema>> {
        if let Some(known) = lock(&self.by_type).get(&TypeId::of::<T>()) {
            return Ok(known.clone());
        }
        let compiled = self.of_value(&schema_of::<T>(), whose)?;
        keep(&self.by_type, TypeId::of::<T>(), &compiled);
        Ok(compiled)
    }
}

/// The schema of the Rust type `T`, draft 2020-12.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = false)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn keep<K: std::hash::Hash + Eq>(
    map: &Mutex<HashMap<K, Arc<CompiledSchema>>>,
    key: K,
    schema: &Arc<CompiledSchema>,
) {
    let mut map = lock(map);
    if map.len() >= MAX_KEPT {
        map.clear();
    }
    map.insert(key, schema.clone());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_the_model_made_up_is_not_part_of_a_place() {
        let value = serde_json::json!({"properties": {"steps": {"items": {"type": "string"}}}});
        let text = value.to_string();
        let schema = CompiledSchema::compile(value, text, &"the schema").unwrap();
        assert_eq!(schema.known_part("/steps/0"), "/steps/0");
        assert_eq!(schema.known_part("/steps/0/my secret"), "/steps/0");
        assert_eq!(schema.known_part(""), "");
    }
}
