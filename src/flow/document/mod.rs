//! Documents: what a pipeline works on, and where they come from.
//!
//! [`DocumentSource`] names the place, [`Documents`] reads from it, one document at a time: a file of
//! ten million takes no more memory than one of ten. An item that is no document is [`Unreadable`],
//! with its place and what is wrong with it, and reading goes on behind it as far as the format allows:
//!
//! | source | one document is | behind a broken one |
//! |---|---|---|
//! | `.json` | an object of the list | goes on; where the list itself is broken, it ends |
//! | `.jsonl`, `.ndjson`, standard input (`-`) | an object on a line of its own | goes on |
//! | `.csv`, `.tsv` | a row below the header | goes on |
//! | a folder, a glob | a text file, whole | goes on |
//! | an iterator, a stream | what the program gives | goes on |
//!
//! A `.json` file holds a list, or one object with a list under `documents`, `items`, `data` or `records`.

mod cutter;
mod documents;
mod fields;
mod files;
mod input;
mod json;
mod lines;
mod rows;
mod source;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;

pub use documents::Documents;
pub use fields::FieldNames;
pub use source::DocumentSource;

/// One item of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// Its id, its own among the documents of the run.
    pub id: String,
    /// Where it came from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its text.
    pub text: String,
    /// All else that its source holds of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl Document {
    /// A document with an id and a text.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            url: None,
            text: text.into(),
            fields: Map::new(),
        }
    }

    /// The same document, which came from `url`.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The same document with one more field.
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

/// An item of a source that is no document; the others are.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// Its place in the source, from 0.
    pub position: u64,
    /// Its id, where one could be read.
    pub id: Option<String>,
    /// What is wrong with it, and where: file, line, what was found, what is allowed. Never its content.
    pub error: Error,
}
