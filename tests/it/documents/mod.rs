//! Sources of documents: every format, whole and damaged.

mod any_bytes;
mod fields;
mod files;
mod json;
mod lines;
pub(crate) mod memory;
mod programs;
mod tables;

use std::fs;
use std::path::PathBuf;

use duologue::Error;
use duologue::flow::document::{Document, DocumentSource, Unreadable};
use tempfile::TempDir;

/// All that a source gave.
#[derive(Debug, Default)]
struct Read {
    documents: Vec<Document>,
    unreadable: Vec<Unreadable>,
    skipped: u64,
}

impl Read {
    fn texts(&self) -> Vec<&str> {
        self.documents.iter().map(|it| it.text.as_str()).collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.documents.iter().map(|it| it.id.as_str()).collect()
    }

    /// What is wrong with each unreadable item, without the folder that the test made.
    fn problems(&self) -> Vec<String> {
        let errors = self.unreadable.iter();
        errors.map(|it| without_folder(&it.error)).collect()
    }
}

/// An error's message, behind the name of the file alone.
fn without_folder(error: &Error) -> String {
    let message = error.to_string();
    let Some((before, path)) = message.split_once("`/") else {
        return message;
    };
    let (path, rest) = path.split_once('`').unwrap();
    let name = path.rsplit('/').next().unwrap();
    format!("{before}`{name}`{rest}")
}

fn read(source: DocumentSource) -> Read {
    let mut documents = source.open().unwrap();
    let mut read = Read::default();
    pollster::block_on(async {
        while let Some(next) = documents.next().await {
            match next {
                Ok(document) => read.documents.push(document),
                Err(unreadable) => read.unreadable.push(unreadable),
            }
        }
    });
    read.skipped = documents.skipped();
    read
}

/// A file of this name and content, alone in a folder.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// What a file of this name and content gives.
fn read_file(name: &str, content: impl AsRef<[u8]>) -> Read {
    let (_folder, path) = file(name, content);
    read(DocumentSource::path(path))
}

/// Why a file of this name and content is not even begun; the hint behind it.
fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    let (_folder, path) = file(name, content);
    let error = DocumentSource::path(path).open().unwrap_err();
    assert_eq!(error.kind(), duologue::ErrorKind::Config);
    format!(
        "{} ({})",
        without_folder(&error),
        error.hint().unwrap_or("no hint")
    )
}
