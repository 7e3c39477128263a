//! The published formats: name, version, JSON Schema, and what may change within a version.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::journal::{self, Event};
use super::record::Record;
use super::summary::Summary;
use super::tool_record::ToolRecord;

/// What a later writer of the same version may do, as every schema says it.
const UPGRADE_RULE: &str = "Within this version a later writer may add optional fields, and new words where a \
     list of words stands here; readers skip the fields and keep the rest of what holds such a \
     word. A field that goes away, changes its meaning or its type, or becomes required, makes the \
     next version.";

/// A format that this crate publishes for other tools. The files under `schemas/` hold the same.
///
/// # Within a version
/// A later writer may add optional fields, event types, and new words to a list of words (a status,
/// an error kind). Readers skip the fields and events; a record with a word that they do not know
/// keeps the rest, and the word reads as `unknown`. A field that goes away, changes its meaning or
/// type, or becomes required, makes the next version; readers keep reading all older ones.
///
/// ```
/// use duologue::call_log::PublishedFormat;
///
/// let schema = PublishedFormat::JournalEvent.json_schema();
/// assert_eq!(schema["title"], "duologue.journal/1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublishedFormat {
    /// One call: a call file, and the `record` of a journal line.
    Record,
    /// The summary of a run.
    Summary,
    /// One line of a journal.
    JournalEvent,
    /// One tool call: the `tool` of a journal line.
    ToolRecord,
}

impl PublishedFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Record,
        Self::Summary,
        Self::JournalEvent,
        Self::ToolRecord,
    ];

    /// The name of its file, `schemas/{name}.schema.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Summary => "summary",
            Self::JournalEvent => "journal-event",
            Self::ToolRecord => "tool-record",
        }
    }

    /// Name and version: `duologue.call/1`.
    pub fn version(self) -> &'static str {
        match self {
            Self::Record => Record::SCHEMA,
            Self::Summary => Summary::SCHEMA,
            Self::JournalEvent => journal::SCHEMA,
            Self::ToolRecord => ToolRecord::SCHEMA,
        }
    }

    /// The JSON Schema (draft 2020-12) of what this version of the crate writes.
    pub fn json_schema(self) -> Value {
        let mut schema = match self {
            Self::Record => of::<Record>(),
            Self::Summary => of::<Summary>(),
            Self::JournalEvent => of::<Event<'static>>(),
            Self::ToolRecord => of::<ToolRecord>(),
        }
        .to_value();
        match self {
            Self::Record | Self::Summary | Self::ToolRecord => {
                name_version(&mut schema, self.version());
            }
            Self::JournalEvent => {
                seal_events(&mut schema);
                name_version(&mut schema["$defs"]["Record"], Record::SCHEMA);
                for tools in ["ToolRecord", "ToolOffer"] {
                    name_version(&mut schema["$defs"][tools], ToolRecord::SCHEMA);
                }
            }
        }
        self.with_head(schema)
    }

    /// `schema` below what says whose it is.
    fn with_head(self, schema: Value) -> Value {
        let Value::Object(rest) = schema else {
            return schema;
        };
        let about = rest
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut head = Map::new();
        head.insert("$schema".to_owned(), rest.get("$schema").cloned().into());
        head.insert("$id".to_owned(), self.id().into());
        head.insert("title".to_owned(), self.version().into());
        head.insert(
            "description".to_owned(),
            format!("{about}\n\n{UPGRADE_RULE}").into(),
        );
        for (key, value) in rest {
            head.entry(key).or_insert(value);
        }
        Value::Object(head)
    }

    fn id(self) -> String {
        format!("urn:{}", self.version().replace(['.', '/'], ":"))
    }
}

/// What is written, not what is read: a field that always stands there is required.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
}

fn name_version(schema: &mut Value, version: &str) {
    schema["properties"]["schema"]["const"] = version.into();
}

/// Every line carries the checksum, which no event knows of.
fn seal_events(schema: &mut Value) {
    let crc = json!({
        "type": "string",
        "pattern": "^[0-9a-f]{8}$",
        "description": "CRC-32 of the line's bytes from `{` up to the comma before this key; always the last key.",
    });
    let events = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for event in events.into_iter().flatten() {
        if event["properties"]["event"]["const"] == "opened" {
            name_version(event, journal::SCHEMA);
        }
        event["properties"]["crc"] = crc.clone();
        if let Some(required) = event["required"].as_array_mut() {
            required.push("crc".into());
        }
    }
}
