//! Where documents come from.

use std::fmt;
use std::path::PathBuf;

use super::{Document, Unreadable};
use crate::error::{Error, ErrorKind, Result};

/// Under which names the fields of a document are found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldNames {
    /// The id. Default: `id`, else one that is made of the document's place.
    pub id: Option<String>,
    /// The URL. Default: `url`, `source_url` or `link`.
    pub url: Option<String>,
    /// The text. Default: `text`, `markdown` or `content`.
    pub text: Option<String>,
}

/// Where documents come from: a file, a folder, a glob, or an iterator.
pub struct DocumentSource {
    origin: Origin,
    fields: FieldNames,
}

enum Origin {
    Path(PathBuf),
    Given(Box<dyn Iterator<Item = Document> + Send>),
}

impl fmt::Debug for DocumentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DocumentSource");
        if let Origin::Path(path) = &self.origin {
            shown.field("path", path);
        }
        shown.field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl DocumentSource {
    /// A `.json`, `.jsonl` or `.csv` file, a folder, or a glob.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self {
            origin: Origin::Path(path.into()),
            fields: FieldNames::default(),
        }
    }

    /// Documents that the program has.
    pub fn of<I>(documents: I) -> Self
    where
        I: IntoIterator<Item = Document>,
        I::IntoIter: Send + 'static,
    {
        Self {
            origin: Origin::Given(Box::new(documents.into_iter())),
            fields: FieldNames::default(),
        }
    }

    /// The same source, whose fields have these names.
    pub fn with_fields(mut self, fields: FieldNames) -> Self {
        self.fields = fields;
        self
    }

    /// Begins to read.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no such file or folder, or when it is of no known kind.
    pub fn open(self) -> Result<Documents> {
        match self.origin {
            Origin::Given(documents) => Ok(Documents {
                waiting: Box::new(documents.map(Ok)),
            }),
            Origin::Path(path) => {
                let objects = crate::config::read_objects(&path)?;
                let documents = objects.into_iter().enumerate().map(|(index, mut object)| {
                    let mut take = |name: &str| match object.shift_remove(name) {
                        Some(serde_json::Value::String(text)) => Some(text),
                        _ => None,
                    };
                    let (id, text) = (take("id"), take("text"));
                    text.map(|text| Document::new(id.unwrap_or(index.to_string()), text))
                        .ok_or_else(|| Unreadable {
                            position: index as u64,
                            id: None,
                            error: Error::new(ErrorKind::Config, "there is no text"),
                        })
                });
                Ok(Documents {
                    waiting: Box::new(documents),
                })
            }
        }
    }
}

/// Documents one after the other, read as they are asked for.
pub struct Documents {
    waiting: Box<dyn Iterator<Item = std::result::Result<Document, Unreadable>> + Send>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Documents {
    /// The next one; none when all were read.
    pub async fn next(&mut self) -> Option<std::result::Result<Document, Unreadable>> {
        self.waiting.next()
    }

    /// How many there are, where that is known before they are read.
    pub fn total(&self) -> Option<u64> {
        None
    }

    /// How many items were left out so far because they hold no text.
    pub fn skipped(&self) -> u64 {
        0
    }
}
