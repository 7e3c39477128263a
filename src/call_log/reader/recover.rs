//! After a crash: ends the calls that never ended, and renders the views that are missing.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::super::config::{Durability, Views};
use super::super::journal::{Event, Journal, Opening, opened};
use super::super::summary::Summary;
use super::super::view::CallFiles;
use super::RunLog;
use crate::clock::rfc3339;
use crate::config;
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
    /// Records calls that a crash interrupted, renders the call files that are missing, and the
    /// summary. Doing it twice changes nothing. Calls of a process that still runs are left to it,
    /// and the run's `views` decide which calls have a file.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when something cannot be written.
    pub fn recover(&mut self) -> Result<Recovery> {
        let present = self.present_call_files();
        let ids = self.records.iter().map(|record| &record.call_id);
        let missing = ids
            .filter(|&id| !self.unrendered.contains(id) && !present.contains(id))
            .count();
        let recovery = Recovery {
            interrupted: self.unended.len(),
            rendered: missing,
            unreadable: self.problems.len(),
        };
        self.paths.create()?;
        let mut files = CallFiles::new(&self.paths, self.format);
        if recovery.interrupted + recovery.rendered > 0 {
            self.complete(&mut files, &present)?;
        }
        self.refresh_summary(&files)
            .map_err(|error| self.unwritable(error))?;
        Ok(recovery)
    }

    /// Ends what never ended and renders what is missing; the notes go to a journal of our own.
    fn complete(&mut self, files: &mut CallFiles, present: &HashSet<String>) -> Result<()> {
        let journal = Journal::create(&self.paths, Durability::Os)?;
        journal.append(&opened(&Opening {
            run_id: &self.run_id,
            log_level: &self.log_level,
            format: self.format.as_str(),
            views: Views::All.as_str(),
        }))?;
        for record in &self.records {
            let id = &record.call_id;
            if self.unended.remove(id) {
                journal.append(&Event::Finished { record })?;
            }
            if self.unrendered.contains(id) || present.contains(id) {
                continue;
            }
            let file = files
                .write(record)
                .map_err(|error| self.unwritable(error))?;
            journal.append(&Event::Rendered {
                call_id: id,
                file: &file,
            })?;
            self.rendered.insert(id.clone(), file);
        }
        Ok(())
    }

    fn refresh_summary(&self, files: &CallFiles) -> std::io::Result<()> {
        let before: Option<Summary> = config::read_value(&files.summary_path())
            .ok()
            .and_then(|value| serde_json::from_value(value).ok());
        let mut summary = self.summary();
        if let Some(before) = &before {
            summary.updated_at.clone_from(&before.updated_at);
            // Files that were lost are there now; lost events are known from nowhere else.
            summary.losses = before.losses.clone().filter(|lost| lost.journal_events > 0);
            if let Some(losses) = &mut summary.losses {
                losses.call_files = 0;
            }
        }
        if before.as_ref() == Some(&summary) {
            return Ok(());
        }
        summary.updated_at = rfc3339(SystemTime::now());
        files.write_summary(&summary)
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
