//! Building envelopes: hashes and times are filled in, and the whole is checked at the end.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Envelope, EnvelopeMetadata, EnvelopeRecord, EnvelopeStatus, Provenance, row_hash};
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

/// Builds an [`Envelope`], see [`Envelope::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EnvelopeBuilder {
    metadata: EnvelopeMetadata,
    records: Vec<EnvelopeRecord>,
    keep_rows: bool,
    /// The first row that could not be taken.
    problem: Option<String>,
}

impl EnvelopeBuilder {
    pub(super) fn new(source: String) -> Self {
        Self {
            metadata: EnvelopeMetadata {
                source,
                task_id: None,
                retrieved_at: rfc3339(SystemTime::now()),
                filters: Map::new(),
            },
            records: Vec::new(),
            keep_rows: false,
            problem: None,
        }
    }

    /// The task that the records are for.
    pub fn task(mut self, id: impl Into<String>) -> Self {
        self.metadata.task_id = Some(id.into());
        self
    }

    /// One thing that was asked for.
    pub fn filter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.filters.insert(name.into(), value.into());
        self
    }

    /// When the rows that follow came. Default: now.
    pub fn retrieved_at(mut self, time: SystemTime) -> Self {
        self.metadata.retrieved_at = rfc3339(time);
        self
    }

    /// Keeps the rows that follow as they came beside their fields, so that their hashes can be checked.
    pub fn keep_rows(mut self) -> Self {
        self.keep_rows = true;
        self
    }

    /// One row of the source, an object: its keys become the record's fields.
    pub fn row(mut self, row_id: impl Into<String>, row: impl Serialize) -> Self {
        let (row_id, index) = (row_id.into(), self.records.len());
        let taken = match serde_json::to_value(row) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(format!("row {index} is no object")),
            Err(error) => Err(format!("row {index} is no JSON: {error}")),
        };
        match taken {
            Ok(fields) => self.records.push(self.record_of(row_id, fields)),
            Err(problem) => self.problem = self.problem.or(Some(problem)),
        }
        self
    }

    /// Records that an earlier step made, provenance and all.
    pub fn records(mut self, records: impl IntoIterator<Item = EnvelopeRecord>) -> Self {
        self.records.extend(records);
        self
    }

    fn record_of(&self, row_id: String, fields: Map<String, Value>) -> EnvelopeRecord {
        let row = Value::Object(fields.clone());
        EnvelopeRecord {
            fields,
            provenance: Provenance {
                source: self.metadata.source.clone(),
                row_id,
                row_hash: row_hash(&row),
                retrieved_at: self.metadata.retrieved_at.clone(),
                raw_row: self.keep_rows.then_some(row),
            },
        }
    }

    /// The envelope: `SUCCESS` with records, `NO_RESULTS` without.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidEnvelope`] for a row that is no object, and for what breaks
    /// [the rules](Envelope::validate).
    pub fn build(self) -> Result<Envelope> {
        if let Some(problem) = self.problem {
            return Err(Error::new(ErrorKind::InvalidEnvelope, problem)
                .with_hint("allowed: a JSON object, a map or a struct"));
        }
        let status = if self.records.is_empty() {
            EnvelopeStatus::NoResults
        } else {
            EnvelopeStatus::Success
        };
        let envelope = Envelope {
            metadata: self.metadata,
            records: self.records,
            status,
            error: None,
        };
        envelope.validate()?;
        Ok(envelope)
    }

    pub(super) fn into_failed(self, error: String) -> Envelope {
        Envelope {
            metadata: self.metadata,
            records: self.records,
            status: EnvelopeStatus::Error,
            error: Some(error),
        }
    }
}
