//! The directory of a run, beyond its journal and call files.
//!
//! ```text
//! {output_dir}/{run_id}/
//! ├── job.yaml          a copy of the configuration, secrets out
//! ├── documents.jsonl   one line per document that ended: what became of it
//! ├── failures.jsonl    one line per document that failed
//! ├── drafts/           the last draft of each document that failed after it had one
//! ├── stages.jsonl      what stages gave, for `--resume`
//! ├── pipeline.json     the summary
//! └── artifacts/        unless the pipeline names another directory
//! ```

use std::error::Error as StdError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::call_log::paths::{create_private_dir, distinct_name};
use crate::call_log::{Redactions, Sanitizer};
use crate::error::{Error, ErrorKind, Result};

/// What to do about a run that paused because nothing could be written any more.
pub(crate) const DISK_HINT: &str =
    "free some space or make the directory writable, then go on with `--resume`";

const STORE: &str = "stages.jsonl";

/// The directory of a run; clones are the same directory.
#[derive(Debug, Clone)]
pub(crate) struct RunDirectory {
    root: PathBuf,
    appending: Arc<Mutex<()>>,
}

impl RunDirectory {
    /// Makes the directory (0700) where it is missing.
    ///
    /// # Errors
    /// `Log` when it cannot be made.
    pub(crate) fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        create_private_dir(&root).map_err(|error| cannot_write(&root, error))?;
        Ok(Self {
            root,
            appending: Arc::default(),
        })
    }

    /// [`open`](Self::open) for a run that is not resumed: artifacts of documents that are done would be
    /// made twice.
    ///
    /// # Errors
    /// `Config` when a pipeline has been begun there, and those of [`open`](Self::open).
    pub(crate) fn open_new(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        refuse_begun(&root)?;
        Self::open(root)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the [store](super::store::StageStore) of the run lies.
    pub(crate) fn store(&self) -> PathBuf {
        self.path(STORE)
    }

    /// Adds one line of JSON to `name` (0600), whole or not at all.
    pub(crate) fn append(&self, name: &str, line: &impl Serialize) -> Result<()> {
        let path = self.path(name);
        let text = json(line)?;
        let _one_at_a_time = self
            .appending
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        append_line(&path, &text).map_err(|error| cannot_write(&path, error))
    }

    /// Writes `name` whole or not at all (0600); gives its path.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        let parent = path.parent().unwrap_or(&self.root);
        write_whole(parent, &path, content).map_err(|error| cannot_write(&path, error))?;
        Ok(path)
    }

    /// Keeps the last draft of a document; gives its path in the directory.
    pub(crate) fn write_draft(&self, document_id: &str, draft: &str) -> Result<String> {
        let name = format!("drafts/{}.txt", distinct_name(document_id));
        self.write(&name, draft.as_bytes())?;
        Ok(name)
    }

    /// Keeps a copy of the configuration as `job.yaml`, secrets out.
    pub(crate) fn write_config(&self, config: &Value, sanitizer: &Sanitizer) -> Result<PathBuf> {
        let mut clean = config.clone();
        let sanitizer = sanitizer.or_default();
        redact_flags(sanitizer, &mut clean);
        sanitizer.redact_value(&mut clean, &mut Redactions::default());
        let text = crate::config::to_yaml(&clean)?;
        self.write("job.yaml", text.as_bytes())
    }
}

/// Redacts what stands behind the flag of a secret: `--token=…`, and `--token`, `…` in a list.
fn redact_flags(sanitizer: &Sanitizer, value: &mut Value) {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| redact_flags(sanitizer, value)),
        Value::Array(items) => {
            let mut flag: Option<String> = None;
            for item in items {
                let before = flag.take();
                let Value::String(text) = item else {
                    redact_flags(sanitizer, item);
                    continue;
                };
                match (text.starts_with('-'), text.split_once('='), before) {
                    (true, Some((flag, value)), _) => {
                        *text = format!("{flag}={}", behind_flag(sanitizer, flag, value));
                    }
                    (true, None, _) => flag = Some(text.clone()),
                    (false, _, Some(flag)) => *text = behind_flag(sanitizer, &flag, text),
                    (false, _, None) => {}
                }
            }
        }
        _ => {}
    }
}

fn behind_flag(sanitizer: &Sanitizer, flag: &str, value: &str) -> String {
    let name = flag.trim_start_matches('-');
    let clean = sanitizer.redact_pair(name, value, &mut Redactions::default());
    clean.into_owned()
}

/// Refuses a directory where a pipeline has been begun.
///
/// # Errors
/// `Config` when one has.
pub(crate) fn refuse_begun(root: &Path) -> Result<()> {
    let store = std::fs::metadata(root.join(STORE));
    if !store.is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    let message = format!("the run in `{}` has been begun already", root.display());
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("resume it (`--resume`, `PipelineOptions::resume`), or choose another run id"))
}

/// Whether `error` says that nothing can be written any more, whichever document is next: the run had
/// better pause than fail document after document.
pub(crate) fn is_disk_trouble(error: &Error) -> bool {
    is_because(error, |kind| {
        has_no_room(kind)
            || matches!(
                kind,
                io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::StaleNetworkFileHandle
            )
    })
}

/// Whether `error` says that the disk is full: that befell the user, who wrote nothing wrong.
#[cfg(feature = "cli")]
pub(crate) fn is_out_of_room(error: &Error) -> bool {
    is_because(error, has_no_room)
}

fn has_no_room(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn is_because(error: &Error, of_kind: impl Fn(io::ErrorKind) -> bool) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while error.kind() == ErrorKind::Log
        && let Some(found) = cause
    {
        let found_io = found.downcast_ref::<io::Error>();
        if found_io.is_some_and(|error| of_kind(error.kind())) {
            return true;
        }
        cause = found.source();
    }
    false
}

pub(crate) fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Log, format!("cannot write `{}`", path.display()))
        .with_source(error)
        .with_hint(DISK_HINT)
}

fn json(line: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)
        .map_err(|error| Error::new(ErrorKind::Internal, "a line is no JSON").with_source(error))?;
    text.push(b'\n');
    Ok(text)
}

/// Appends `line` with one write, on a line of its own even behind one that was torn.
fn append_line(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let before = file.seek(SeekFrom::End(0))?;
    let line = if ends_within_a_line(&mut file, before)? {
        [b"\n", line].concat()
    } else {
        line.to_vec()
    };
    let written = file.write_all(&line);
    if written.is_err() {
        // Half a line would be read as damage.
        file.set_len(before)?;
    }
    written
}

fn ends_within_a_line(file: &mut File, len: u64) -> io::Result<bool> {
    if len == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(len - 1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn write_whole(parent: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    create_private_dir(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(directory: &RunDirectory, name: &str) -> String {
        std::fs::read_to_string(directory.path(name)).unwrap()
    }

    #[test]
    fn a_line_behind_a_torn_one_stands_on_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::open(folder.path()).unwrap();
        std::fs::write(directory.path("failures.jsonl"), "{\"document_id\":\"a").unwrap();
        directory
            .append("failures.jsonl", &json!({"document_id": "b"}))
            .unwrap();
        directory
            .append("failures.jsonl", &json!({"document_id": "c"}))
            .unwrap();
        let text = read(&directory, "failures.jsonl");
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, [r#"{"document_id":"b"}"#, r#"{"document_id":"c"}"#]);
    }

    #[test]
    fn a_copy_of_the_configuration_holds_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::open(folder.path()).unwrap();
        let config = json!({
            "provider": {"kind": "openai", "api_key": "hunter2-of-the-suite", "api_key_env": "OPENAI_API_KEY"},
            "headers": {"Authorization": "Bearer abcdefghijklmnop"},
            "limits": {"documents": 8},
            "mcp_servers": {"docs": {"command": "docs", "args": [
                "--stdio", "--token", "hunter2hunter2", "--password=hunter2hunter3", "--max-tokens", "4000", "docs",
            ]}},
        });
        directory.write_config(&config, &Sanitizer::off()).unwrap();
        let text = read(&directory, "job.yaml");
        assert!(
            !text.contains("hunter2") && !text.contains("abcdefghij"),
            "{text}"
        );
        assert!(
            text.contains("documents: 8")
                && text.contains("OPENAI_API_KEY")
                && text.contains("4000"),
            "{text}"
        );
    }

    #[test]
    fn drafts_stay_in_their_directory_and_apart() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::open(folder.path()).unwrap();
        let outside = directory.write_draft("../../a", "one").unwrap();
        let other = directory.write_draft("__.._a", "two").unwrap();
        assert_ne!(outside, other);
        assert_eq!(read(&directory, &outside), "one");
        assert_eq!(
            std::fs::read_dir(directory.path("drafts")).unwrap().count(),
            2
        );
    }

    #[test]
    fn only_what_stops_every_document_is_disk_trouble() {
        let because = |kind: io::ErrorKind| cannot_write(Path::new("a"), kind.into());
        assert!(is_disk_trouble(&because(io::ErrorKind::StorageFull)));
        assert!(is_disk_trouble(&because(io::ErrorKind::ReadOnlyFilesystem)));
        assert!(!is_disk_trouble(&because(io::ErrorKind::InvalidFilename)));
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let tool = Error::new(ErrorKind::Tool, "a tool").with_source(refused);
        assert!(!is_disk_trouble(&tool));
    }
}
