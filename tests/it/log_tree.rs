//! The files of a run: what is where, under which name, with what in it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use duologue::call_log::{Record, Summary};
use serde_json::Value;

use crate::log_support::{published, schema_path};

pub(crate) fn child(_directory: &std::path::Path) {}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    let schemas = [
        ("record", schemars::schema_for!(Record)),
        ("summary", schemars::schema_for!(Summary)),
    ];
    for (name, schema) in schemas {
        let schema = schema.to_value();
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let text = serde_json::to_string_pretty(&schema).unwrap();
            fs::write(schema_path(name), text + "\n").unwrap();
        }
        assert!(
            published(name) == schema,
            "schemas/{name}.schema.json is out of date: `UPDATE_SCHEMAS=1 cargo test --test it log_tree`"
        );
        let as_text: Value = serde_json::from_slice(&fs::read(schema_path(name)).unwrap()).unwrap();
        assert!(jsonschema::meta::is_valid(&as_text));
    }
}
