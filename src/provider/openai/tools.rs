//! How a set of tools is told to the server: written once, then kept.

use std::convert::Infallible;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cache::{Cache, same};
use super::strict::strict;
use crate::chat::ToolDefinition;

/// The `tools` of the sets seen last, written.
#[derive(Debug, Default)]
pub(super) struct ToolCache(Cache<Vec<ToolDefinition>, Vec<u8>>);

impl ToolCache {
    /// The value of `tools`. A cache serves one dialect only.
    pub(super) fn get(&self, tools: &[ToolDefinition], strictness: Strictness) -> Arc<Vec<u8>> {
        let is_it = |known: &Vec<ToolDefinition>| {
            known.len() == tools.len() && known.iter().zip(tools).all(|(a, b)| is_same(a, b))
        };
        let make = || Ok::<_, Infallible>((tools.to_vec(), write(tools, strictness)));
        let Ok(written) = self.0.get(is_it, make);
        written
    }
}

/// Whether the server is asked to keep to the schemas of arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It is, wherever the schema can be written in the strict dialect.
    WherePossible,
    Never,
}

fn is_same(a: &ToolDefinition, b: &ToolDefinition) -> bool {
    a.name == b.name && a.description == b.description && same(&a.parameters, &b.parameters)
}

fn write(tools: &[ToolDefinition], strictness: Strictness) -> Vec<u8> {
    let tools = tools.iter().map(|tool| {
        let mut function = Map::new();
        function.insert("name".to_owned(), json!(tool.name));
        function.insert("description".to_owned(), json!(tool.description));
        let rewritten = match strictness {
            Strictness::WherePossible => strict(&tool.parameters).ok(),
            Strictness::Never => None,
        };
        if let Some(rewritten) = rewritten {
            function.insert("parameters".to_owned(), rewritten);
            function.insert("strict".to_owned(), Value::Bool(true));
        } else {
            let parameters = Value::clone(&tool.parameters);
            function.insert("parameters".to_owned(), parameters);
        }
        json!({"type": "function", "function": function})
    });
    Value::Array(tools.collect()).to_string().into_bytes()
}
