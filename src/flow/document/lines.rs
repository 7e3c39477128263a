//! One object on each line.

use super::fields::{FieldNames, Found};
use super::input::{self, Capture, Input};

/// The documents of a `.jsonl` file.
pub(super) struct Lines {
    input: Input,
    origin: Origin,
    line: Capture,
    number: u64,
    ended: bool,
}

/// What of a source every one of its documents needs.
pub(super) struct Origin {
    /// Its name in errors.
    pub(super) shown: String,
    /// What ids that have to be made begin with.
    pub(super) stem: String,
    pub(super) fields: FieldNames,
    pub(super) max_bytes: u64,
}

impl Lines {
    pub(super) fn new(input: Input, origin: Origin) -> Self {
        Self {
            input,
            line: Capture::new(origin.max_bytes),
            origin,
            number: 0,
            ended: false,
        }
    }

    fn found(&self) -> Option<Found> {
        let bytes = match self.line.whole() {
            Ok(bytes) if self.number == 1 => input::without_mark(bytes),
            Ok(bytes) => bytes,
            Err(error) => return Some(Found::broken(error)),
        };
        if bytes.trim_ascii().is_empty() {
            return None;
        }
        let made = format!("{}-{}", self.origin.stem, self.number);
        Some(match input::as_object(bytes) {
            Ok(object) => self.origin.fields.document(object, made),
            Err(error) => Found::broken(error),
        })
    }
}

impl Iterator for Lines {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while !self.ended {
            let read = input::read_line(&mut self.input, &mut self.line);
            self.number += 1;
            let found = match read {
                Ok(true) => self.found(),
                Ok(false) => {
                    self.ended = true;
                    None
                }
                Err(error) => {
                    self.ended = true;
                    Some(Found::broken(input::cannot_read_on(error)))
                }
            };
            if let Some(found) = found {
                let place = format!("{} line {}", self.origin.shown, self.number);
                return Some(found.at(&place));
            }
        }
        None
    }
}
