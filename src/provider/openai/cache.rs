//! What was worked out for the schemas and tools seen last.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

/// More than this at once are worked out again.
const KEPT: usize = 64;

/// Values by key, the one kept first goes first.
#[derive(Debug)]
pub(super) struct Cache<K, V>(RwLock<Vec<(K, Arc<V>)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K, V> Cache<K, V> {
    /// The value whose key `is_it`, else what `make` gives.
    pub(super) fn get<E>(
        &self,
        is_it: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Result<(K, V), E>,
    ) -> Result<Arc<V>, E> {
        if let Some(known) = self.find(is_it) {
            return Ok(known);
        }
        let (key, value) = make()?;
        let value = Arc::new(value);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(&value)));
        Ok(value)
    }

    fn find(&self, is_it: impl Fn(&K) -> bool) -> Option<Arc<V>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().find(|(key, _)| is_it(key));
        known.map(|(_, value)| Arc::clone(value))
    }
}

/// Whether two schemas are the same, most often since they are one.
pub(super) fn same(a: &Arc<Value>, b: &Arc<Value>) -> bool {
    Arc::ptr_eq(a, b) || identical(a, b)
}

/// Equality that also compares the order of keys, and so needs no lookups.
fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((key, a), (other, b))| key == other && identical(a, b))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b))
        }
        (a, b) => a == b,
    }
}
