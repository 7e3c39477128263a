//! Documents: what a pipeline works on, and where they come from.

mod source;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;

pub use source::{DocumentSource, Documents, FieldNames};

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
    /// What is wrong with it.
    pub error: Error,
}
