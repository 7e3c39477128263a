//! The rules of an envelope, each with the place where it is broken.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{Envelope, EnvelopeRecord, EnvelopeStatus, row_hash};
use crate::error::{Error, ErrorKind, Result, SchemaViolation};
use crate::text::clip;

/// Longest value that an error shows.
const MAX_SHOWN: usize = 80;

/// More broken rules than this are not looked for.
const MAX_VIOLATIONS: usize = 100;

impl Envelope {
    /// Checks the rules that go beyond its types: names are not empty, times are RFC 3339, ids are
    /// unique, hashes are those of the rows, and the status fits the records and the error.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidEnvelope`]: the place (a JSON pointer), the value, and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let violations = self.violations();
        let Some(first) = violations.first() else {
            return Ok(());
        };
        let more = match violations.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!(
            "the envelope is not valid: `{}` {}{more}",
            first.pointer, first.message
        );
        Err(Error::new(ErrorKind::InvalidEnvelope, message).with_hint(
            "`Envelope::builder` makes valid ones; `violations()` lists all that is wrong",
        ))
    }

    /// Everything that breaks the rules, at most a hundred things; empty when it is valid.
    pub fn violations(&self) -> Vec<SchemaViolation> {
        let mut found = Found::default();
        let metadata = &self.metadata;
        found.name("/metadata/source", &metadata.source);
        if let Some(task) = &metadata.task_id {
            found.name("/metadata/task_id", task);
        }
        found.time("/metadata/retrieved_at", &metadata.retrieved_at);
        self.check_status(&mut found);
        let mut rows = HashSet::new();
        for (index, record) in self.records.iter().enumerate() {
            if found.0.len() >= MAX_VIOLATIONS {
                break;
            }
            check_record(&mut found, index, record);
            let provenance = &record.provenance;
            if !rows.insert((&provenance.source, &provenance.row_id)) {
                let place = format!("/records/{index}/provenance/row_id");
                found.add(
                    &place,
                    &provenance.row_id,
                    "an earlier record has it; allowed: each row once",
                );
            }
        }
        found.0
    }

    fn check_status(&self, found: &mut Found) {
        let records = self.records.len();
        let (status, word) = (self.status, self.status.as_str());
        match status {
            EnvelopeStatus::Success if records == 0 => {
                found.add(
                    "/status",
                    word,
                    "there are no records; allowed: `NO_RESULTS`, `ERROR`",
                );
            }
            EnvelopeStatus::NoResults if records > 0 => {
                found.add(
                    "/status",
                    word,
                    "there are records; allowed: `SUCCESS`, `ERROR`",
                );
            }
            _ => {}
        }
        let error = self.error.as_deref();
        match (status, error) {
            (EnvelopeStatus::Error, None) => {
                found.add("/error", "null", "allowed beside `ERROR`: what went wrong");
            }
            (EnvelopeStatus::Error, Some(error)) => found.name("/error", error),
            (_, Some(_)) => {
                // Its text may quote anything.
                found.add("/error", "…", "allowed beside any status but `ERROR`: null");
            }
            (_, None) => {}
        }
    }
}

fn check_record(found: &mut Found, index: usize, record: &EnvelopeRecord) {
    let place = |key: &str| format!("/records/{index}/{key}");
    if record.fields.contains_key("provenance") {
        let allowed = "is a field; allowed: any other name for it";
        found.add(&place("provenance"), "provenance", allowed);
    }
    let provenance = &record.provenance;
    found.name(&place("provenance/source"), &provenance.source);
    found.name(&place("provenance/row_id"), &provenance.row_id);
    found.time(&place("provenance/retrieved_at"), &provenance.retrieved_at);
    let hash = &provenance.row_hash;
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if hash.len() != 64 || !hash.chars().all(is_digit) {
        let allowed = "allowed: 64 lowercase hexadecimal digits";
        found.add(&place("provenance/row_hash"), hash, allowed);
    } else if let Some(row) = &provenance.raw_row {
        let own = row_hash(row);
        if own != *hash {
            let allowed = format!("is not the hash of `raw_row`; allowed: `{own}`");
            found.add(&place("provenance/row_hash"), hash, &allowed);
        }
    }
}

#[derive(Default)]
struct Found(Vec<SchemaViolation>);

impl Found {
    fn add(&mut self, pointer: &str, value: &str, allowed: &str) {
        self.0.push(SchemaViolation {
            pointer: pointer.to_owned(),
            message: format!("is `{}`: {allowed}", clip(value, MAX_SHOWN)),
        });
    }

    fn name(&mut self, pointer: &str, value: &str) {
        if value.trim().is_empty() {
            self.add(pointer, value, "allowed: a text that is not empty");
        }
    }

    fn time(&mut self, pointer: &str, value: &str) {
        if value.parse::<Timestamp>().is_err() {
            let allowed = "allowed: RFC 3339, such as `2026-11-21T08:00:00Z`";
            self.add(pointer, value, allowed);
        }
    }
}
