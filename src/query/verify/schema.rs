//! The published schema of a record.

use jsonschema::Validator;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

const PUBLISHED: &str = include_str!("../../../schemas/record.schema.json");

/// Holds records against the published schema.
pub(super) struct RecordSchema(Validator);

impl RecordSchema {
    pub(super) fn published() -> Result<Self> {
        let broken = || Error::new(ErrorKind::Internal, "the published schema is none");
        let schema: Value =
            serde_json::from_str(PUBLISHED).map_err(|error| broken().with_source(error))?;
        // The reason is left out: it holds the schema by reference.
        let validator = jsonschema::validator_for(&schema).map_err(|_| broken())?;
        Ok(Self(validator))
    }

    /// The first place where the record of a journal line does not fit; the value there may be
    /// content, and is not told.
    pub(super) fn misfit(&self, line: &[u8]) -> Option<String> {
        let mut line: Value = serde_json::from_slice(line).ok()?;
        let record = line.get_mut("record")?.take();
        if self.0.is_valid(&record) {
            return None;
        }
        let error = self.0.iter_errors(&record).next()?;
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "/" } else { &place };
        let keyword = error.schema_path().to_string();
        Some(format!(
            "`{place}` does not fit `{keyword}` of the record's schema"
        ))
    }
}
