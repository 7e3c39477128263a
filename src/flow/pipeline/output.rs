//! What of a document's answers becomes its artifact.

use std::path::PathBuf;

/// What of a document's answers becomes its artifact: each key is looked for in the answers, the
/// last stage's first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Where artifacts go. Default: `artifacts` in the run's directory.
    pub directory: Option<PathBuf>,
    /// The key of the content.
    pub body: String,
    /// The key of the file's name. Default: the document's id is the name.
    pub name: Option<String>,
    /// The key of the file's extension. Default: `md`.
    pub extension: Option<String>,
    /// The extensions that are allowed, without dots. Default: any of letters and digits.
    pub extensions: Option<Vec<String>>,
}

impl Output {
    /// The content stands under `body`.
    pub fn body(key: impl Into<String>) -> Self {
        Self {
            directory: None,
            body: key.into(),
            name: None,
            extension: None,
            extensions: None,
        }
    }

    /// Where artifacts go.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The key of the file's name.
    pub fn name(mut self, key: impl Into<String>) -> Self {
        self.name = Some(key.into());
        self
    }

    /// The key of the file's extension.
    pub fn extension(mut self, key: impl Into<String>) -> Self {
        self.extension = Some(key.into());
        self
    }

    /// The extensions that are allowed, without dots.
    pub fn extensions<E: Into<String>>(mut self, allowed: impl IntoIterator<Item = E>) -> Self {
        self.extensions = Some(allowed.into_iter().map(Into::into).collect());
        self
    }
}
