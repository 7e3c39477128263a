//! Remembers long texts, so that a conversation that resends its history costs what is new in it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::counts::Redactions;

/// Shorter texts cost less than the look-up.
const MIN_TEXT: usize = 256;
const MAX_ENTRIES: usize = 4096;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What became of a text.
#[derive(Clone)]
pub(super) enum Outcome {
    Unchanged,
    Changed(Arc<str>, Arc<Redactions>),
}

/// Outcomes by a keyed hash and the length of the text; empties itself when it is full.
#[derive(Default)]
pub(super) struct Cache {
    hasher: RandomState,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The version of the process's secrets that the outcomes are right for.
    version: u64,
    bytes: usize,
    outcomes: HashMap<Key, Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    hash: u64,
    length: usize,
}

/// Debug shows nothing of the texts.
impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl Cache {
    /// The key of a text that is worth remembering.
    pub(super) fn key(&self, text: &str) -> Option<Key> {
        (text.len() >= MIN_TEXT).then(|| Key {
            hash: self.hasher.hash_one(text),
            length: text.len(),
        })
    }

    pub(super) fn get(&self, key: Key, version: u64) -> Option<Outcome> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        (held.version == version)
            .then(|| held.outcomes.get(&key).cloned())
            .flatten()
    }

    pub(super) fn put(&self, key: Key, version: u64, outcome: Outcome) {
        let bytes = match &outcome {
            Outcome::Unchanged => 0,
            Outcome::Changed(text, _) => text.len(),
        };
        if bytes > MAX_BYTES / 8 {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let full = held.outcomes.len() >= MAX_ENTRIES || held.bytes + bytes > MAX_BYTES;
        if held.version < version || full {
            held.outcomes.clear();
            held.bytes = 0;
            held.version = version;
        }
        if held.version == version {
            held.bytes += bytes;
            held.outcomes.insert(key, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_forgets_when_a_secret_is_registered() {
        let cache = Cache::default();
        assert!(cache.key("short").is_none());
        for index in 0..3 * MAX_ENTRIES {
            let text = format!("{index:300}");
            let key = cache.key(&text).unwrap_or(Key { hash: 0, length: 0 });
            cache.put(key, 7, Outcome::Unchanged);
            assert!(cache.get(key, 7).is_some());
            assert!(cache.get(key, 8).is_none());
        }
        let held = cache.held.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(held.outcomes.len() <= MAX_ENTRIES);
    }
}
