//! Artifacts: what a pipeline makes of a document, as a file.
//!
//! What a model chose as name and extension is any text; what comes of it is one file right in the
//! [writer](ArtifactWriter)'s directory, new, whole, and under a name that every system takes. The file
//! `.duologue-artifacts.jsonl` beside them says which files were written, by which run and from which
//! document, so that [`clean`](ArtifactWriter::clean) removes these and nothing else.

mod extension;
mod fence;
mod manifest;
mod name;
mod writer;

use serde::{Deserialize, Serialize};

pub(crate) use manifest::MANIFEST;
pub use writer::{ArtifactWriter, Cleaned};

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
