//! One document in each file below a folder.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::Document;
use super::fields::Found;
use super::input::{self, Stop, Watched};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint;
use crate::flow::artifact::MANIFEST;

/// More files are not counted before they are read.
const MAX_COUNTED: usize = 100_000;

/// Which files: those below a folder, or those of them that a pattern fits.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    folder: PathBuf,
    pattern: Option<GlobMatcher>,
    max_depth: usize,
    hidden: bool,
}

impl Selection {
    pub(super) fn folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            pattern: None,
            max_depth: usize::MAX,
            hidden: false,
        }
    }

    /// The files that `pattern` fits: `*` and `?` stay within a name, `**` goes through folders.
    pub(super) fn glob(pattern: &Path) -> Result<Self> {
        let shown = input::quoted(pattern);
        let broken = |why: &str| {
            Error::new(ErrorKind::Config, format!("{shown} is no pattern: {why}"))
                .with_hint("allowed: `*`, `?`, `**`, `[a-z]`, `{one,other}`")
        };
        // A folder that is there is no pattern, whatever its name: `project [2024]`.
        let is_plain = |folder: &Path, part: &Component| {
            !is_pattern(Path::new(part.as_os_str())) || folder.join(part).is_dir()
        };
        let mut parts = pattern.components().peekable();
        let mut folder = PathBuf::new();
        while let Some(part) = parts.next_if(|part| is_plain(&folder, part)) {
            folder.push(part);
        }
        let rest = parts.map(|part| part.as_os_str().to_str());
        let rest: Option<Vec<&str>> = rest.collect();
        let rest = rest.ok_or_else(|| broken("it is not UTF-8"))?.join("/");
        let glob = GlobBuilder::new(&rest)
            .literal_separator(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| broken(&error.kind().to_string()))?;
        let deep = rest.contains("**") || rest.contains(['{', '[']);
        if folder.as_os_str().is_empty() {
            folder.push(".");
        }
        Ok(Self {
            folder,
            pattern: Some(glob.compile_matcher()),
            max_depth: if deep {
                usize::MAX
            } else {
                rest.split('/').count()
            },
            hidden: rest.split('/').any(|part| part.starts_with('.')),
        })
    }

    /// Whether there is a file, or something that cannot be listed.
    pub(super) fn finds_any(&self) -> bool {
        self.folder.is_dir() && self.entries().next().is_some()
    }

    /// The files' paths, or what cannot be listed, in the order of their names.
    fn entries(&self) -> impl Iterator<Item = walkdir::Result<DirEntry>> + Send + use<> {
        let (selection, wanted) = (self.clone(), self.clone());
        WalkDir::new(&self.folder)
            .max_depth(self.max_depth)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(move |entry| selection.enters(entry))
            .filter(move |entry| entry.as_ref().map_or(true, |entry| wanted.takes(entry)))
    }

    fn enters(&self, entry: &DirEntry) -> bool {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let ours = || entry.file_type().is_dir() && is_ours(entry.path());
        entry.depth() == 0 || ((self.hidden || !hidden) && !ours())
    }

    /// Files, and links to files; links to folders are not followed, so that none leads in a circle.
    fn takes(&self, entry: &DirEntry) -> bool {
        let is_file = entry.file_type().is_file()
            || (entry.path_is_symlink() && entry.path().metadata().is_ok_and(|it| it.is_file()));
        let relative = self.relative(entry.path());
        is_file
            && self
                .pattern
                .as_ref()
                .is_none_or(|glob| glob.is_match(relative))
    }

    fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    /// How many there are; none when there are more than are worth counting.
    pub(super) fn count(&self) -> Option<u64> {
        let count = self.entries().take(MAX_COUNTED + 1).count();
        (count <= MAX_COUNTED).then_some(count as u64)
    }

    /// Their documents. Each file is read when its turn has come.
    pub(super) fn documents(
        self,
        max_bytes: u64,
        stop: Stop,
    ) -> impl Iterator<Item = Found> + Send {
        self.entries().map(move |entry| match entry {
            Ok(entry) => self.document(entry.path(), max_bytes, &stop),
            Err(error) => {
                let place = error.path().map_or_else(String::new, input::quoted);
                let error = Error::new(ErrorKind::Config, format!("{place} cannot be listed"))
                    .with_source(error);
                Found::broken(error)
            }
        })
    }

    fn document(&self, path: &Path, max_bytes: u64, stop: &Stop) -> Found {
        let relative = self.relative(path);
        let id = id_of(relative);
        let text = content(path, max_bytes, stop);
        match text {
            Ok(text) if text.trim().is_empty() => Found::WithoutText,
            Ok(text) => Found::Document(Document::new(id.as_str(), text).with_field("path", id)),
            Err(error) => Found::Broken {
                id: Some(id),
                error,
            },
        }
    }
}

/// Whether `path` holds a character that makes it a pattern.
pub(super) fn is_pattern(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().any(|byte| b"*?[{".contains(byte))
}

/// Whether a run or its artifacts are in the folder: what was written is no input.
fn is_ours(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    has(MANIFEST) || (has("journal") && has("llm_calls")) || has("stages.jsonl")
}

/// The path with `/` between its parts. One that is no Unicode ends in a hash, so that it stays its own.
fn id_of(relative: &Path) -> String {
    let parts = relative.iter().map(|part| part.to_string_lossy());
    let id = parts.collect::<Vec<_>>().join("/");
    if relative.to_str().is_some() {
        return id;
    }
    let digest = Sha256::digest(relative.as_os_str().as_encoded_bytes());
    format!("{id}-{}", fingerprint::short(&digest))
}

fn content(path: &Path, max_bytes: u64, stop: &Stop) -> Result<String> {
    let unreadable = |error| config::unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let place = input::quoted(path);
    if length > max_bytes {
        return Err(input::too_big(length, max_bytes).within(&place));
    }
    let mut bytes = Vec::new();
    Watched::new(file, stop)
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    // It may have grown meanwhile.
    if bytes.len() as u64 > max_bytes {
        return Err(input::too_big(bytes.len() as u64, max_bytes).within(&place));
    }
    text_of(&bytes).map_err(|error| error.within(&place))
}

fn text_of(bytes: &[u8]) -> Result<String> {
    if let Some(encoding) = input::foreign_encoding(bytes) {
        return Err(input::in_encoding(encoding));
    }
    let bytes = input::without_mark(bytes);
    if let Some(at) = memchr::memchr(0, bytes) {
        let message = format!("it is no text: there is a zero at its byte {at}");
        return Err(Error::new(ErrorKind::Config, message).with_hint("allowed: text in UTF-8"));
    }
    input::as_text(bytes).map(str::to_owned)
}
