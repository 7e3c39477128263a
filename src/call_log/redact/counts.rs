//! How often each rule fired: what a record says about what was taken out of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The number of replacements by rule; serialized as a plain map.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Redactions(BTreeMap<String, u64>);

impl Redactions {
    /// Whether nothing was replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often `rule` fired.
    pub fn get(&self, rule: &str) -> u64 {
        self.0.get(rule).copied().unwrap_or_default()
    }

    /// All replacements together.
    pub fn total(&self) -> u64 {
        self.0
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The rules that fired and how often, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(rule, count)| (rule.as_str(), *count))
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (rule, count) in other.iter() {
            let sum = self.0.entry(rule.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    pub(super) fn add(&mut self, rule: &str) {
        if let Some(count) = self.0.get_mut(rule) {
            *count = count.saturating_add(1);
        } else {
            self.0.insert(rule.to_owned(), 1);
        }
    }
}
