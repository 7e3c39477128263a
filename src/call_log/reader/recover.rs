//! After a crash: ends the calls that never ended, and renders the views that are missing.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::super::config::{Durability, Views};
use super::super::journal::{Event, Journal, Opening, opened};
use super::super::newer;
use super::super::paths::journal_pid;
use super::super::summary::Summary;
use super::super::view::{CallFiles, temporary_prefix};
use super::RunLog;
use super::scan::is_abandoned;
use crate::clock::rfc3339;
use crate::config;
use crate::error::{Error, ErrorKind, Result};

/// What [`RunLog::recover`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recovery {
    /// Calls that were running when their process ended.
    pub interrupted: usize,
    /// Tool calls that were.
    #[serde(skip_serializing_if = "is_zero")]
    pub interrupted_tools: usize,
    /// Call files that were missing and are there now.
    pub rendered: usize,
    /// Journal lines that cannot be read.
    pub unreadable: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl RunLog {
    /// Records calls that a crash interrupted, renders the call files that are missing, and the
    /// summary. Doing it twice changes nothing. Calls of a process that still runs are left to it,
    /// and the run's `views` decide which calls have a file.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when something cannot be written, and before anything is when a journal cannot
    /// be read or a newer version wrote it: its calls would be missing from the summary.
    pub fn recover(&mut self) -> Result<Recovery> {
        // One recovery at a time, each seeing what the one before it did.
        let _lock = self
            .lock_recovery()
            .map_err(|error| self.unwritable(error))?;
        *self = Self::open(&self.paths.root)?;
        self.refuse_what_is_unread()?;
        let unnoted = self.unnoted_call_files();
        self.rendered.extend(unnoted.clone());
        let present = self.present_calls();
        let ids = self.records.iter().map(|record| &record.call_id);
        let missing = ids
            .filter(|&id| !self.unrendered.contains(id) && !present.contains(id))
            .count();
        let recovery = Recovery {
            interrupted: self.unended.len(),
            interrupted_tools: self.tools.unended.len(),
            rendered: missing,
            unreadable: self.problems.len(),
        };
        self.paths.create()?;
        let mut files = CallFiles::new(&self.paths, self.format);
        let unended = recovery.interrupted + recovery.interrupted_tools;
        if unended + recovery.rendered + unnoted.len() > 0 {
            self.complete(&mut files, &present, &unnoted)?;
        }
        self.remove_leftovers();
        self.refresh_summary(&files)?;
        Ok(recovery)
    }

    /// Ends what never ended and renders what is missing; the notes go to a journal of our own.
    fn complete(
        &mut self,
        files: &mut CallFiles,
        present: &HashSet<String>,
        unnoted: &HashMap<String, String>,
    ) -> Result<()> {
        let journal = Journal::create(&self.paths, Durability::Os)?;
        journal.append(&opened(&Opening {
            run_id: &self.run_id,
            log_level: &self.log_level,
            format: self.format.as_str(),
            views: Views::All.as_str(),
        }))?;
        for place in std::mem::take(&mut self.tools.unended) {
            let tool = &self.tools.records[place];
            journal.append(&Event::ToolFinished { tool })?;
        }
        for record in &self.records {
            let id = &record.call_id;
            if self.unended.remove(id) {
                journal.append(&Event::Finished { record })?;
            }
            if let Some(file) = unnoted.get(id) {
                journal.append(&Event::Rendered { call_id: id, file })?;
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

    fn refuse_what_is_unread(&self) -> Result<()> {
        let Some(unread) = &self.unread else {
            return Ok(());
        };
        let hint = if unread.line == 0 {
            "make the journal readable, or take it out of the run"
        } else {
            "recover it with the version that wrote it"
        };
        let message = format!("nothing is recovered: {unread}");
        Err(Error::new(ErrorKind::Log, message).with_hint(hint))
    }

    fn lock_recovery(&self) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.paths.journal.join(".recover"))?;
        file.lock()?;
        Ok(file)
    }

    /// Under the lock of all who write the summary, and from journals read under it: a process that
    /// ended meanwhile has written the newer one.
    fn refresh_summary(&self, files: &CallFiles) -> Result<()> {
        let _turn = files.turn();
        let now = Self::open(&self.paths.root)?;
        now.replace_summary(files)
            .map_err(|error| self.unwritable(error))
    }

    fn replace_summary(&self, files: &CallFiles) -> std::io::Result<()> {
        let before = config::read_value(&files.summary_path()).unwrap_or_default();
        let version = before["schema"].as_str().unwrap_or_default();
        if let Some(objection) = newer::objection(version, Summary::SCHEMA) {
            return Err(std::io::Error::other(format!(
                "the summary there: {objection}"
            )));
        }
        let before: Option<Summary> = serde_json::from_value(before).ok();
        let mut summary = self.summary();
        if let Some(before) = &before {
            summary.updated_at.clone_from(&before.updated_at);
        }
        // Call files that were lost are there now; lost events are known from nowhere else.
        summary.losses = summary.losses.filter(|lost| lost.journal_events > 0);
        if let Some(losses) = &mut summary.losses {
            losses.call_files = 0;
        }
        if before.as_ref() == Some(&summary) {
            return Ok(());
        }
        summary.updated_at = rfc3339(SystemTime::now());
        files.write_summary(&summary)
    }

    /// Call files by call, where the process died between writing a file and noting it.
    fn unnoted_call_files(&self) -> HashMap<String, String> {
        let noted: HashSet<&str> = self.rendered.values().map(String::as_str).collect();
        let known: HashSet<&str> = self.records.iter().map(|call| &*call.call_id).collect();
        self.paths
            .names()
            .into_iter()
            .filter(|name| name.starts_with("call_") && !noted.contains(name.as_str()))
            .filter_map(|name| Some((call_id_in(&self.paths.calls.join(&name))?, name)))
            .filter(|(id, _)| known.contains(id.as_str()))
            .collect()
    }

    fn present_calls(&self) -> HashSet<String> {
        let there = |file: &String| self.paths.calls.join(file).exists();
        self.rendered
            .iter()
            .filter(|(_, file)| there(file))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Removes what processes that are gone had begun to write.
    fn remove_leftovers(&self) {
        let journals = self.paths.journals().unwrap_or_default();
        let (gone, running): (Vec<_>, Vec<_>) =
            journals.iter().partition(|journal| is_abandoned(journal));
        let prefixes = |journals: &[&std::path::PathBuf]| -> HashSet<String> {
            let pids = journals.iter().filter_map(|journal| journal_pid(journal));
            pids.map(temporary_prefix).collect()
        };
        let (gone, running) = (prefixes(&gone), prefixes(&running));
        for name in self.paths.names() {
            let of = |prefix: &String| name.starts_with(prefix.as_str());
            if gone.iter().any(of) && !running.iter().any(of) {
                // Litter that stays hurts nobody.
                let _ = std::fs::remove_file(self.paths.calls.join(&name));
            }
        }
        self.remove_index_leftovers();
    }

    /// What was to become an index: whoever still writes it does without.
    fn remove_index_leftovers(&self) {
        let entries = std::fs::read_dir(&self.paths.journal);
        for entry in entries.into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".tmp-") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
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
