//! The failures of earlier processes of a run: one stays until its document has come to another end.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::run::FAILURES;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::directory::RunDirectory;

/// Failures that stood in the run's directory when this process began.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// How much of the file they are, in bytes.
    length: usize,
    /// The documents that have not come to an end since.
    left: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Line {
    document_id: String,
}

impl Earlier {
    /// # Errors
    /// `Log` when the file cannot be read.
    pub(super) fn read(directory: &RunDirectory) -> Result<Self> {
        let bytes = read(directory)?;
        let left = lines(&bytes).map(|(id, _)| id).collect();
        Ok(Self {
            length: bytes.len(),
            left: Mutex::new(left),
        })
    }

    /// The document has come to an end.
    pub(super) fn ended(&self, document_id: &str) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.remove(document_id);
    }

    /// Takes out the lines of documents that came to an end since.
    ///
    /// # Errors
    /// `Log` when the file cannot be read or written; it is as it was then.
    pub(super) fn settle(&self, directory: &RunDirectory) -> Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let bytes = read(directory)?;
        let (old, new) = bytes.split_at(self.length.min(bytes.len()));
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lines(old).filter(|(id, _)| left.contains(id));
        let mut text = Vec::new();
        for (_, line) in kept.chain(lines(new)) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        directory.write(FAILURES, &text).map(|_| ())
    }
}

/// Whole lines, with the document of each.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let known: Line = serde_json::from_slice(line).ok()?;
        Some((known.document_id, line))
    })
}

fn read(directory: &RunDirectory) -> Result<Vec<u8>> {
    let path = directory.path(FAILURES);
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| {
            let message = format!("cannot read `{}`", path.display());
            Error::new(ErrorKind::Log, message).with_source(error)
        }),
    }
}
