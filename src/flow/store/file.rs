//! The store on disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::contents::{Contents, move_reserved};
use super::index::Index;
use super::line::{Entry, SCHEMA, Whole};
use super::reserve::Reserve;
use super::{Fingerprint, StageResult, Step};
use crate::call_log::Durability;
use crate::call_log::append::{AppendFile, read_span};
use crate::call_log::line::{Span, encode};
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::artifact::Artifact;
use crate::flow::directory::cannot_write;

/// Results of one run, held by this process alone while it lives. All methods may be called from any
/// thread; a result that was put is in the operating system's hands when `put` returns.
#[derive(Debug)]
pub(crate) struct StageStore {
    // Before the file, which holds the lock: the next process must not find it.
    reserve: Reserve,
    file: AppendFile,
    source: Mutex<File>,
    index: Mutex<Index>,
}

impl StageStore {
    /// Opens or continues the store in the file `path`.
    ///
    /// # Errors
    /// `Log` when the file cannot be made or read, `Config` when another process has it or a newer
    /// version wrote it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open_private(path).map_err(|error| cannot_write(path, error))?;
        // A file system without locks costs the protection from a second process.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Contents::held(path));
        }
        let known = Contents::read(path).map_err(|error| cannot_read(path, error))?;
        known.check_version(path)?;
        let file = AppendFile::new(file, path.to_owned());
        let file = file.map_err(|error| cannot_read(path, error))?;
        let source = file.reader().map_err(|error| cannot_read(path, error))?;
        let reserved = path.with_extension("reserve");
        let mut index = known.index;
        move_reserved(&reserved, &file, &mut index)?;
        let reserve = Reserve::take(&reserved).map_err(|error| {
            // Half of it is of no use, and takes room.
            let _ = std::fs::remove_file(&reserved);
            cannot_write(&reserved, error)
        })?;
        let store = Self {
            file,
            source: Mutex::new(source),
            index: Mutex::new(index),
            reserve,
        };
        store.write(&Entry::Opened {
            schema: SCHEMA,
            time: rfc3339(SystemTime::now()),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
        })?;
        Ok(store)
    }

    /// What the step gave, if it was done with the same fingerprint.
    ///
    /// # Errors
    /// `Log` when the file cannot be read any more.
    pub(crate) fn get(&self, step: &Step, print: &Fingerprint) -> Result<Option<StageResult>> {
        let Some(span) = lock(&self.index).result(step, print) else {
            return Ok(None);
        };
        let line = self.read(span)?;
        // A line that was damaged since the store was opened is as good as none.
        let line = Whole::decode(&line);
        Ok(line.and_then(|line| line.result))
    }

    /// Keeps what the step gave.
    ///
    /// # Errors
    /// `Log` when it cannot be kept; its source is the [`io::Error`]. On a full disk the result is in most
    /// cases there nevertheless when the store is opened again: some room was reserved.
    pub(crate) fn put(&self, step: &Step, print: &Fingerprint, result: &StageResult) -> Result<()> {
        let span = self.write(&Entry::Result {
            step,
            fingerprint: print,
            result,
        })?;
        lock(&self.index).add_result(step, print, span);
        Ok(())
    }

    /// Forgets what the step gave: it cannot be used.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn void(&self, step: &Step) -> Result<()> {
        self.write(&Entry::Voided { step })?;
        lock(&self.index).add_voided(step);
        Ok(())
    }

    /// The artifact that the document became last, whatever it was made of then.
    pub(crate) fn last_artifact(&self, document_id: &str) -> Option<Artifact> {
        let span = lock(&self.index).last_finished(document_id)?;
        Whole::decode(&self.read(span).ok()?)?.artifact
    }

    /// The artifact that the document became under this fingerprint of its stages, if it did.
    #[expect(
        clippy::option_option,
        reason = "not done, done without an artifact, done with one"
    )]
    pub(crate) fn finished(&self, document_id: &str, print: &str) -> Option<Option<Artifact>> {
        let span = lock(&self.index).finished(document_id, print)?;
        let line = self.read(span).ok()?;
        Some(Whole::decode(&line)?.artifact)
    }

    /// Keeps that the document is done.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn finish(
        &self,
        document_id: &str,
        print: &str,
        artifact: Option<&Artifact>,
    ) -> Result<()> {
        let span = self.write(&Entry::Finished {
            document_id,
            print,
            artifact,
        })?;
        lock(&self.index).add_finished(document_id, print, span);
        Ok(())
    }

    fn write(&self, entry: &Entry<'_>) -> Result<Span> {
        let line = encode(entry)?;
        self.file.append(&line, Durability::Os).map_err(|error| {
            if !self.reserve.keep(&line) {
                tracing::error!(
                    "what a stage gave is lost: neither the disk nor what was reserved of it has room"
                );
            }
            cannot_write(self.file.path(), error)
        })
    }

    fn read(&self, span: Span) -> Result<Vec<u8>> {
        let line = read_span(&mut lock(&self.source), span);
        line.map_err(|error| cannot_read(self.file.path(), error))
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(super) fn cannot_read(path: &Path, error: io::Error) -> Error {
    let message = format!("cannot read `{}`", path.display());
    Error::new(ErrorKind::Log, message).with_source(error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stages.jsonl");
        (folder, path)
    }

    fn step(document: u32) -> Step {
        Step {
            document_id: format!("document {document}"),
            stage: "clean".to_owned(),
            visit: 1,
        }
    }

    fn print(prompt: &str) -> Fingerprint {
        Fingerprint {
            prompt: prompt.to_owned(),
            ..Fingerprint::default()
        }
    }

    fn gave(answer: impl Into<serde_json::Value>) -> StageResult {
        serde_json::from_value(json!({"answer": answer.into(), "calls": 1})).unwrap()
    }

    #[test]
    fn a_result_is_found_by_the_next_process_unless_its_fingerprint_changed() {
        let (_folder, path) = place();
        let store = StageStore::open(&path).unwrap();
        store.put(&step(1), &print("a"), &gave("old")).unwrap();
        store.put(&step(1), &print("b"), &gave("new")).unwrap();
        store.finish("document 1", "p", None).unwrap();
        drop(store);

        let store = StageStore::open(&path).unwrap();
        assert_eq!(store.get(&step(1), &print("b")).unwrap(), Some(gave("new")));
        assert_eq!(store.get(&step(1), &print("a")).unwrap(), None);
        assert_eq!(store.get(&step(2), &print("b")).unwrap(), None);
        assert_eq!(store.finished("document 1", "p"), Some(None));
        assert_eq!(store.finished("document 1", "q"), None);
    }

    #[test]
    fn a_result_that_was_voided_is_none_for_this_process_and_the_next() {
        let (_folder, path) = place();
        let store = StageStore::open(&path).unwrap();
        for number in [1, 2] {
            store.put(&step(number), &print("a"), &gave("bad")).unwrap();
        }
        store.void(&step(1)).unwrap();
        assert_eq!(store.get(&step(1), &print("a")).unwrap(), None);
        drop(store);
        let store = StageStore::open(&path).unwrap();
        assert_eq!(store.get(&step(1), &print("a")).unwrap(), None);
        assert!(store.get(&step(2), &print("a")).unwrap().is_some());
        store.put(&step(1), &print("a"), &gave("good")).unwrap();
        assert_eq!(
            store.get(&step(1), &print("a")).unwrap(),
            Some(gave("good"))
        );
    }

    #[test]
    fn figures_come_back_as_they_were() {
        let (_folder, path) = place();
        let figure = 2.515_832_975_949_657e-9;
        let store = StageStore::open(&path).unwrap();
        store.put(&step(1), &print("a"), &gave(figure)).unwrap();
        drop(store);
        let store = StageStore::open(&path).unwrap();
        let known = store.get(&step(1), &print("a")).unwrap();
        assert_eq!(known, Some(gave(figure)));
    }

    #[test]
    fn every_cut_costs_the_last_line_and_no_other() {
        let (_folder, path) = place();
        let store = StageStore::open(&path).unwrap();
        store.put(&step(1), &print("a"), &gave("one")).unwrap();
        let whole = std::fs::metadata(&path).unwrap().len();
        store.put(&step(2), &print("a"), &gave("two")).unwrap();
        drop(store);
        let text = std::fs::read(&path).unwrap();
        for end in usize::try_from(whole).unwrap()..text.len() {
            std::fs::write(&path, &text[..end]).unwrap();
            let store = StageStore::open(&path).unwrap();
            assert_eq!(
                store.get(&step(2), &print("a")).unwrap(),
                None,
                "cut at {end}"
            );
            store.put(&step(3), &print("a"), &gave("three")).unwrap();
            drop(store);
            let store = StageStore::open(&path).unwrap();
            for (number, answer) in [(1, "one"), (3, "three")] {
                let found = store.get(&step(number), &print("a")).unwrap();
                assert_eq!(found, Some(gave(answer)), "cut at {end}");
            }
        }
    }

    #[test]
    fn a_second_process_is_told_which_one_is_at_work() {
        let (_folder, path) = place();
        let _store = StageStore::open(&path).unwrap();
        let error = StageStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let holder = format!("process {}", std::process::id());
        assert!(error.to_string().starts_with(&holder), "{error}");
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused_and_left_alone() {
        let (_folder, path) = place();
        let newer = json!({"event": "opened", "schema": "duologue.stages/2"});
        std::fs::write(&path, encode(&newer).unwrap()).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = StageStore::open(&path).unwrap_err();
        assert!(error.to_string().contains("duologue.stages/2"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn what_the_reserve_kept_is_there_for_the_next_process() {
        let (_folder, path) = place();
        let store = StageStore::open(&path).unwrap();
        let kept = encode(&Entry::Result {
            step: &step(1),
            fingerprint: &print("a"),
            result: &gave("paid"),
        });
        assert!(store.reserve.keep(&kept.unwrap()));
        drop(store);
        let store = StageStore::open(&path).unwrap();
        assert_eq!(
            store.get(&step(1), &print("a")).unwrap(),
            Some(gave("paid"))
        );
        drop(store);
        assert!(!path.with_extension("reserve").exists());
    }
}
