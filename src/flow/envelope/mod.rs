//! What a flow gives: records that each say where they came from, and how it went.
//!
//! An [`Envelope`] is checked wherever it passes a boundary: when it is [built](EnvelopeBuilder::build),
//! [read](Envelope::from_value), and when a flow of the [control plane](super::control) returns it.
//! Unknown keys are skipped when one is read; those of a record are its fields.
//!
//! ```
//! use duologue::flow::envelope::{Envelope, EnvelopeStatus};
//! use serde_json::json;
//!
//! let envelope = Envelope::builder("harbour-db")
//!     .task("tides-42")
//!     .filter("harbour", "Dover")
//!     .row("17", json!({"harbour": "Dover", "high": "06:12"}))
//!     .build()?;
//! assert_eq!(envelope.status, EnvelopeStatus::Success);
//! assert_eq!(envelope.records[0].provenance.row_hash.len(), 64);
//!
//! let read = Envelope::from_value(serde_json::to_value(&envelope).unwrap())?;
//! assert_eq!(read, envelope);
//! # Ok::<(), duologue::Error>(())
//! ```

mod builder;
mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use builder::EnvelopeBuilder;

use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint;

/// Records with their provenance, and how getting them went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Envelope {
    /// What was asked, and when.
    pub metadata: EnvelopeMetadata,
    /// What was found.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub records: Vec<EnvelopeRecord>,
    /// How it went.
    pub status: EnvelopeStatus,
    /// What went wrong, in one line; null unless the status is `ERROR`.
    #[serde(default)]
    pub error: Option<String>,
}

/// What was asked, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct EnvelopeMetadata {
    /// Who was asked: a database, a service, an agent.
    pub source: String,
    /// The task that it was asked for.
    #[serde(default)]
    pub task_id: Option<String>,
    /// When: RFC 3339.
    pub retrieved_at: String,
    /// What was asked for, by name.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub filters: Map<String, Value>,
}

/// One record: fields of any names, and `provenance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct EnvelopeRecord {
    /// The fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    /// Where they came from.
    pub provenance: Provenance,
}

/// Where a record came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Provenance {
    /// What holds the row.
    pub source: String,
    /// The row there. A number is read as its digits.
    #[serde(deserialize_with = "text_or_number")]
    pub row_id: String,
    /// SHA-256 of the row as it came, over JSON without white space and with sorted keys: 64 lowercase
    /// hexadecimal digits.
    pub row_hash: String,
    /// When it came: RFC 3339.
    pub retrieved_at: String,
    /// The row as it came, when it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_row: Option<Value>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnvelopeStatus {
    /// There are records.
    Success,
    /// There are none, and that is the answer.
    NoResults,
    /// It failed; records may be there that came before that.
    Error,
}

impl EnvelopeStatus {
    /// `SUCCESS`, `NO_RESULTS` or `ERROR`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::NoResults => "NO_RESULTS",
            Self::Error => "ERROR",
        }
    }
}

impl Envelope {
    /// Starts one of what `source` holds.
    pub fn builder(source: impl Into<String>) -> EnvelopeBuilder {
        EnvelopeBuilder::new(source.into())
    }

    /// One that says that `source` failed; `error` is one line without secrets.
    pub fn failed(source: impl Into<String>, error: impl Into<String>) -> Self {
        EnvelopeBuilder::new(source.into()).into_failed(error.into())
    }

    /// Reads and [checks](Self::validate) one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidEnvelope`] when `value` is null, no envelope, or one that breaks the rules.
    pub fn from_value(value: Value) -> Result<Self> {
        if value.is_null() {
            let message = "there is no envelope: it is null";
            return Err(Error::new(ErrorKind::InvalidEnvelope, message).with_hint(
                "a flow without results gives an envelope with the status `NO_RESULTS`",
            ));
        }
        let envelope: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let message = format!("`{}` is not as in an envelope", error.path());
            Error::new(ErrorKind::InvalidEnvelope, message).with_source(error.into_inner())
        })?;
        envelope.validate()?;
        Ok(envelope)
    }
}

/// The `row_hash` of a row.
pub fn row_hash(row: &Value) -> String {
    fingerprint::whole_of_json(row)
}

fn null_is_empty<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn text_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("allowed: a text or a number")),
    }
}
