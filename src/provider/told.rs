//! What the model is told of the answer's form, where the server does not enforce it.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::chat::{Message, ResponseSchema};

/// What is told where there is no schema.
pub(super) const ANY_OBJECT: &str = "Answer with one JSON object, and with nothing else.";

/// More schemas than this at once are worked out again.
const KEPT: usize = 64;

/// What has to be said besides `messages`; `None` when they say it already.
pub(super) fn instruction(schema: Option<&ResponseSchema>, messages: &[Message]) -> Option<String> {
    match schema {
        Some(schema) => Some(for_schema(schema)),
        None if messages.iter().any(|message| says_json(&message.content)) => None,
        None => Some(ANY_OBJECT.to_owned()),
    }
}

/// What is told of a schema.
pub(super) fn for_schema(schema: &ResponseSchema) -> String {
    format!(
        "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{}",
        schema.schema
    )
}

/// Whether `text` holds the word, which some servers want to see in a message.
pub(super) fn says_json(text: &str) -> bool {
    text.as_bytes()
        .windows(4)
        .any(|word| word.eq_ignore_ascii_case(b"json"))
}

/// What was worked out for the schemas seen last, by the schema that an agent's requests share.
#[derive(Debug)]
pub(super) struct PerSchema<T>(RwLock<Vec<(Arc<Value>, Arc<T>)>>);

impl<T> Default for PerSchema<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> PerSchema<T> {
    /// What `work` makes of `schema`, which it is asked for once.
    pub(super) fn get(&self, schema: &Arc<Value>, work: impl FnOnce(&Value) -> T) -> Arc<T> {
        if let Some(known) = self.find(schema) {
            return known;
        }
        let worked_out = Arc::new(work(schema));
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((Arc::clone(schema), Arc::clone(&worked_out)));
        worked_out
    }

    fn find(&self, schema: &Arc<Value>) -> Option<Arc<T>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(known, _)| Arc::ptr_eq(known, schema))
            .map(|(_, worked_out)| Arc::clone(worked_out))
    }
}
