//! Where documents come from.

use std::fmt;
use std::panic;
use std::path::{Path, PathBuf};

use futures::stream::{BoxStream, Stream, StreamExt};

use super::Document;
use super::documents::{Documents, Reading};
use super::fields::{FieldNames, Found};
use super::files::{self, Selection};
use super::input::{self, Stop, Watched};
use super::json::Elements;
use super::lines::{Lines, Origin};
use super::rows::Rows;
use crate::background::{self, Lost};
use crate::config;
use crate::error::{Error, ErrorKind, Result};

const DEFAULT_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The items of a longer file are not counted before they are read.
const MAX_COUNTED: u64 = 64 * 1024 * 1024;

/// Where documents come from: a file, a folder, a glob, standard input, an iterator or a stream.
///
/// ```
/// use duologue::flow::document::{Document, DocumentSource};
///
/// # pollster::block_on(async {
/// let source = DocumentSource::of((1..=3).map(|day| Document::new(format!("day-{day}"), "calm sea")));
/// let mut documents = source.open()?;
/// assert_eq!(documents.total(), Some(3));
/// while let Some(document) = documents.next().await {
///     match document {
///         Ok(document) => println!("{}: {}", document.id, document.text),
///         Err(unreadable) => eprintln!("{:#}", unreadable.error),
///     }
/// }
/// # Ok::<(), duologue::Error>(())
/// # })?;
/// # Ok::<(), duologue::Error>(())
/// ```
#[must_use]
pub struct DocumentSource {
    origin: Place,
    fields: FieldNames,
    max_bytes: u64,
}

enum Place {
    Path(PathBuf),
    Given(Box<dyn Iterator<Item = Document> + Send>),
    Streamed(BoxStream<'static, Result<Document>>),
}

impl fmt::Debug for DocumentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DocumentSource");
        if let Place::Path(path) = &self.origin {
            shown.field("path", path);
        }
        shown.field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl DocumentSource {
    /// A `.json`, `.jsonl`, `.ndjson`, `.csv` or `.tsv` file, a folder, a glob (`docs/**/*.md`), or `-`
    /// for lines of JSON on standard input.
    ///
    /// A folder gives every file below it, in the order of the names; left out are hidden ones, what
    /// runs and pipelines wrote there, and what links to folders lead to. A file's id is its path in
    /// the folder, which is the field `path` too. A path that exists is no glob, whatever its name.
    ///
    /// ```
    /// use duologue::flow::document::DocumentSource;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("tides.jsonl");
    /// std::fs::write(&path, "{\"id\": 7, \"text\": \"high at noon\"}\n{\"text\": 1}\n").unwrap();
    ///
    /// # pollster::block_on(async {
    /// let mut documents = DocumentSource::path(&path).open()?;
    /// assert_eq!(documents.next().await.unwrap().unwrap().id, "7");
    /// let second = documents.next().await.unwrap().unwrap_err();
    /// assert!(second.error.to_string().ends_with("line 2: `text` is a number"));
    /// assert!(documents.next().await.is_none());
    /// # Ok::<(), duologue::Error>(())
    /// # })?;
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::from_place(Place::Path(path.into()))
    }

    /// Documents that the program has. The iterator runs on a thread of its own, a few documents ahead.
    pub fn of<I>(documents: I) -> Self
    where
        I: IntoIterator<Item = Document>,
        I::IntoIter: Send + 'static,
    {
        Self::from_place(Place::Given(Box::new(documents.into_iter())))
    }

    /// Documents that arrive; an error stands for one that cannot be read, and the stream goes on.
    pub fn stream(documents: impl Stream<Item = Result<Document>> + Send + 'static) -> Self {
        Self::from_place(Place::Streamed(documents.boxed()))
    }

    fn from_place(origin: Place) -> Self {
        Self {
            origin,
            fields: FieldNames::default(),
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }

    /// The same source, whose fields have these names.
    pub fn with_fields(mut self, fields: FieldNames) -> Self {
        self.fields = fields;
        self
    }

    /// The same source, where a document of more bytes is unreadable. They are those of the item in its
    /// file, or of the text that a program gives. Default: 16 MiB.
    pub fn max_document_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Begins to read. This looks at the disk, so it may block for a moment: at a folder's list of
    /// files, or at what stands before the list in a `.json` file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no such file or folder, when it may not be read, when its
    /// kind is unknown, when a glob fits no file (an empty folder is zero documents), when a `.json`
    /// file begins with no list, when a table has no column for the text.
    pub fn open(self) -> Result<Documents> {
        let stop = Stop::default();
        let max_bytes = self.max_bytes;
        let (total, reading) = match self.origin {
            Place::Streamed(stream) => {
                let found = stream.map(move |given| match given {
                    Ok(document) => of_program(document, max_bytes),
                    Err(error) => Found::broken(error),
                });
                return Ok(Documents::streamed(found.boxed()));
            }
            Place::Given(documents) => {
                let total = match documents.size_hint() {
                    (least, Some(most)) if least == most => Some(least as u64),
                    _ => None,
                };
                let found = documents.map(move |document| of_program(document, max_bytes));
                (total, Box::new(found) as Reading)
            }
            Place::Path(path) => match at_path(&path, self.fields, max_bytes, &stop)? {
                Opened::Items(reading) => (None, reading),
                Opened::Files(selection) => {
                    let total = selection.count();
                    let reading = selection.documents(max_bytes, stop.clone());
                    (total, Box::new(reading) as Reading)
                }
            },
        };
        Documents::start(reading, total, stop)
    }

    /// [`open`](Self::open), on a thread that may block, and so knows the total of most files as well.
    pub(crate) async fn open_on_thread(self) -> Result<Documents> {
        let open = move || {
            let counted = self.count();
            let documents = self.open()?;
            Ok(documents.of_known_total(counted))
        };
        match background::run_blocking(open).await {
            Ok(opened) => opened,
            Err(Lost::Panicked(payload)) => panic::resume_unwind(payload),
            Err(Lost::NoThread(error)) => {
                let message = "no thread can be started to read documents";
                Err(Error::new(ErrorKind::Internal, message).with_source(error))
            }
        }
    }

    /// How many items a file has, unless that takes long.
    fn count(&self) -> Option<u64> {
        let Place::Path(path) = &self.origin else {
            return None;
        };
        let found = path.metadata().ok()?;
        if !found.is_file() || found.len() > MAX_COUNTED {
            return None;
        }
        // All items have more than no bytes: each is cut out, and none is read. A table has a head to read.
        let is_table = matches!(ending(path).as_deref(), Some("csv" | "tsv"));
        let max_bytes = if is_table { self.max_bytes } else { 0 };
        match at_path(path, self.fields.clone(), max_bytes, &Stop::default()).ok()? {
            Opened::Items(items) => Some(items.count() as u64),
            Opened::Files(_) => None,
        }
    }

    /// What [`open`](Self::open) would refuse. Nothing is counted, and nothing is taken from standard input.
    pub(crate) fn check(self) -> Result<()> {
        match self.origin {
            Place::Path(path) => {
                at_path(&path, self.fields, self.max_bytes, &Stop::default()).map(drop)
            }
            Place::Given(_) | Place::Streamed(_) => Ok(()),
        }
    }
}

fn of_program(document: Document, max_bytes: u64) -> Found {
    let bytes = document.text.len() as u64;
    if bytes <= max_bytes {
        return Found::Document(document);
    }
    Found::Broken {
        id: Some(document.id),
        error: input::too_big(bytes, max_bytes),
    }
}

/// What a path leads to.
enum Opened {
    Items(Reading),
    Files(Selection),
}

fn at_path(path: &Path, fields: FieldNames, max_bytes: u64, stop: &Stop) -> Result<Opened> {
    if path == Path::new("-") {
        let origin = origin(
            "standard input".to_owned(),
            "stdin".to_owned(),
            fields,
            max_bytes,
        );
        let input = Watched::new(std::io::stdin(), stop).buffered();
        return Ok(Opened::Items(Box::new(Lines::new(input, origin))));
    }
    if path.is_dir() {
        // A folder that may not be listed would be an empty one.
        path.read_dir()
            .map_err(|error| config::unreadable(path, error))?;
        return Ok(Opened::Files(Selection::folder(path)));
    }
    if files::is_pattern(path) && path.symlink_metadata().is_err() {
        return in_glob(path).map(Opened::Files);
    }
    let input = |path: &Path| input::open(path, stop);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let origin = origin(input::quoted(path), stem.into_owned(), fields, max_bytes);
    let reading: Reading = match ending(path).as_deref() {
        Some("json") => Box::new(Elements::new(input(path)?, origin)?),
        Some("jsonl" | "ndjson") => Box::new(Lines::new(input(path)?, origin)),
        Some("csv") => Box::new(Rows::new(input(path)?, b',', origin)?),
        Some("tsv") => Box::new(Rows::new(input(path)?, b'\t', origin)?),
        _ => return Err(unknown_kind(path)),
    };
    Ok(Opened::Items(reading))
}

fn origin(shown: String, stem: String, fields: FieldNames, max_bytes: u64) -> Origin {
    Origin {
        shown,
        stem,
        fields,
        max_bytes,
    }
}

fn in_glob(pattern: &Path) -> Result<Selection> {
    let selection = Selection::glob(pattern)?;
    if !selection.finds_any() {
        let message = format!("no file fits {}", input::quoted(pattern));
        return Err(Error::new(ErrorKind::Config, message).with_hint(
            "`*` stays within one folder, `**` goes through all below; hidden files are left out",
        ));
    }
    Ok(selection)
}

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

fn unknown_kind(path: &Path) -> Error {
    if let Err(error) = path.metadata() {
        return config::unreadable(path, error);
    }
    let message = format!("{} is of no known kind", input::quoted(path));
    Error::new(ErrorKind::Config, message)
        .with_hint("allowed: `.json`, `.jsonl`, `.ndjson`, `.csv`, `.tsv`, a folder, a glob, or `-` for standard input")
}
