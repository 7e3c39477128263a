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

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// The directory of a run.
#[derive(Debug, Clone)]
pub(crate) struct RunDirectory {
    root: PathBuf,
}

impl RunDirectory {
    /// Makes the directory (0700) where it is missing.
    pub(crate) fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(|error| cannot_write(&root, error))?;
        Ok(Self { root })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Adds one line of JSON to `name`, with one write.
    pub(crate) fn append(&self, name: &str, line: &impl Serialize) -> Result<()> {
        use std::io::Write as _;
        let path = self.path(name);
        let mut text = serde_json::to_vec(line).map_err(|error| {
            Error::new(ErrorKind::Internal, "a line is no JSON").with_source(error)
        })?;
        text.push(b'\n');
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&text))
            .map_err(|error| cannot_write(&path, error))
    }

    /// Writes `name` whole or not at all (0600); gives its path.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        let parent = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|error| cannot_write(&path, error))?;
        Ok(path)
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Log, format!("cannot write `{}`", path.display()))
        .with_source(error)
        .with_hint("free some space, or check that the directory is there and writable")
}
