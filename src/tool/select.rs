//! Which tools of a set an agent has: patterns to names, once for each list of patterns.

use std::sync::{Arc, PoisonError};

use serde_json::json;

use super::pattern::fits;
use super::{ToolDefinition, ToolSet};
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint;
use crate::text;

/// More lists of patterns than this in one set: start over.
const MAX_KEPT: usize = 1024;

/// The tools that an agent has.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// In the order of the set.
    pub(crate) definitions: Vec<ToolDefinition>,
    pub(crate) names: Vec<String>,
    /// What stands in records as `tools_hash`.
    pub(crate) hash: String,
    /// How much text the definitions are.
    pub(crate) bytes: usize,
}

impl Selection {
    fn of(definitions: Vec<ToolDefinition>) -> Self {
        let texts = definitions.iter().map(|tool| {
            tool.name.len() + tool.description.len() + tool.parameters.to_string().len()
        });
        Self {
            bytes: texts.sum(),
            names: definitions.iter().map(|tool| tool.name.clone()).collect(),
            hash: hash_of(&definitions),
            definitions,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of the definitions; their order does not matter.
pub(crate) fn hash_of(definitions: &[ToolDefinition]) -> String {
    let mut sorted: Vec<&ToolDefinition> = definitions.iter().collect();
    sorted.sort_by_key(|tool| &tool.name);
    fingerprint::of_json(&json!(sorted))
}

impl ToolSet {
    /// The tools whose names fit one of `patterns`, in the order of the set; `None` without patterns.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a pattern that fits no tool.
    pub(crate) fn select(&self, patterns: &[String]) -> Result<Option<Arc<Selection>>> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let mut known = self
            .selections()
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(selection) = known.get(patterns) {
            return Ok(Some(selection.clone()));
        }
        let is_named =
            |tool: &&ToolDefinition| patterns.iter().any(|pattern| fits(pattern, &tool.name));
        if let Some(lost) = patterns
            .iter()
            .find(|pattern| !self.definitions().any(|tool| fits(pattern, &tool.name)))
        {
            return Err(self.no_such_tool(lost));
        }
        let selection = Selection::of(self.definitions().filter(is_named).cloned().collect());
        let selection = Arc::new(selection);
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(patterns.to_vec(), selection.clone());
        Ok(Some(selection))
    }

    fn no_such_tool(&self, pattern: &str) -> Error {
        let names: Vec<&str> = self.definitions().map(|tool| &*tool.name).collect();
        let message = format!("no tool fits `{pattern}`");
        let hint = if names.is_empty() {
            "there are no tools: give them to the runner, or take `tools` out of the agent"
                .to_owned()
        } else {
            text::did_you_mean(pattern, names)
        };
        Error::new(ErrorKind::Config, message).with_hint(hint)
    }
}
