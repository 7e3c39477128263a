//! After a crash: ends the calls that never ended, and renders the views that are missing.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::super::config::Durability;
use super::super::journal::{Event, Journal, opened};
use super::super::record::CallStatus;
use super::super::view::CallFiles;
use super::RunLog;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

/// What [`RunLog::recover`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recovery {
    /// Calls that were running when their process ended.
    pub interrupted: usize,
    /// Call files that were missing and are there now.
    pub rendered: usize,
    /// Journal lines that cannot be read.
    pub unreadable: usize,
}

impl RunLog {
    /// Records calls that a crash interrupted, renders call files that are missing, and the summary.
    /// Doing it twice changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when something cannot be written.
    pub fn recover(&mut self) -> Result<Recovery> {
        let present = self.present_call_files();
        let missing: Vec<usize> = (0..self.records.len())
            .filter(|&index| {
                let record = &self.records[index];
                record.status.is_some() && !present.contains(&record.call_id)
            })
            .collect();
        let recovery = Recovery {
            interrupted: missing
                .iter()
                .filter(|&&index| self.records[index].status == Some(CallStatus::Interrupted))
                .count(),
            rendered: missing.len(),
            unreadable: self.problems.len(),
        };
        self.paths.create()?;
        let mut files = CallFiles::new(&self.paths, self.format);
        if !missing.is_empty() {
            let journal = Journal::create(&self.paths, Durability::Os)?;
            journal.append(&opened(&self.run_id, &self.log_level, self.format.as_str()))?;
            for index in missing {
                let record = &self.records[index];
                if record.status == Some(CallStatus::Interrupted) {
                    journal.append(&Event::Finished { record })?;
                }
                let file = files
                    .write(record)
                    .map_err(|error| self.unwritable(error))?;
                journal.append(&Event::Rendered {
                    call_id: &record.call_id,
                    file: &file,
                })?;
                self.rendered.insert(record.call_id.clone(), file);
            }
        }
        let mut summary = self.summary();
        summary.updated_at = rfc3339(SystemTime::now());
        files
            .write_summary(&summary)
            .map_err(|error| self.unwritable(error))?;
        Ok(recovery)
    }

    /// The calls whose files are there: as the journals say, and as the files themselves say where
    /// the process died between writing a file and noting it.
    fn present_call_files(&self) -> HashSet<String> {
        let noted: HashSet<&str> = self.rendered.values().map(String::as_str).collect();
        let mut present = HashSet::new();
        for entry in std::fs::read_dir(&self.paths.calls)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("call_") && !noted.contains(name.as_str()) {
                present.extend(call_id_in(&entry.path()));
            }
        }
        let there = |file: &String| self.paths.calls.join(file).exists();
        present.extend(
            self.rendered
                .iter()
                .filter(|(_, file)| there(file))
                .map(|(id, _)| id.clone()),
        );
        present
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        Error::new(
            ErrorKind::Log,
            format!("cannot write to `{}`", self.paths.calls.display()),
        )
        .with_source(error)
    }
}

/// The call id in the first lines of a call file.
fn call_id_in(path: &Path) -> Option<String> {
    let mut head = [0; 512];
    let read = File::open(path).ok()?.read(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let value = head.lines().find_map(|line| {
        line.trim()
            .strip_prefix("call_id:")
            .or_else(|| line.trim().strip_prefix("\"call_id\":"))
    })?;
    Some(
        value
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ','))
            .to_owned(),
    )
}
