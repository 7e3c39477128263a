//! Writing artifacts, and removing them again.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::manifest::{Entry, Known, MANIFEST, Manifest, TEMPORARY};
use super::{Artifact, ArtifactContent, extension, fence, name};
use crate::clock::{self, Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::thread::on_thread;

/// Writes artifacts into one directory; clones share the names that are taken.
///
/// ```
/// use duologue::flow::artifact::{ArtifactContent, ArtifactWriter};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # pollster::block_on(async {
/// let writer = ArtifactWriter::new(folder.path().join("out")).run("run-1").extensions(["md"]);
/// let tides = ArtifactContent {
///     document_id: "doc-1".to_owned(),
///     name: "../../tides".to_owned(),
///     extension: ".md".to_owned(),
///     body: "```markdown\n# Tides\n```".to_owned(),
/// };
/// assert_eq!(writer.write(tides.clone()).await?.file, "tides.md");
/// let other = ArtifactContent { document_id: "doc-2".to_owned(), ..tides };
/// assert_eq!(writer.write(other).await?.file, "tides-2.md");
///
/// assert_eq!(writer.clean().await?.removed, 2);
/// # Ok::<(), duologue::Error>(())
/// # })?;
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ArtifactWriter {
    directory: PathBuf,
    run_id: Option<String>,
    extensions: Option<Vec<String>>,
    known: Arc<Mutex<Known>>,
}

/// What [`ArtifactWriter::clean`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleaned {
    /// How many files it removed.
    pub removed: u64,
    /// The files that it left, since somebody changed them or put something else in their place.
    pub left: Vec<String>,
}

impl ArtifactWriter {
    /// A writer into `directory`, which is made when the first artifact is written. It may be a link
    /// to a directory; what stands in it and is a link is never followed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            run_id: None,
            extensions: None,
            known: Arc::default(),
        }
    }

    /// The run that artifacts are written for. When it is continued, the same document with the same
    /// name and content is the file that it became before.
    pub fn run(mut self, run_id: impl Into<String>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    /// The extensions that are allowed. Default: any of up to 16 letters and digits.
    pub fn extensions<E: Into<String>>(mut self, allowed: impl IntoIterator<Item = E>) -> Self {
        self.extensions = Some(allowed.into_iter().map(Into::into).collect());
        self
    }

    /// Where artifacts go.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes `content` whole or not at all, under a name that is safe and its own.
    ///
    /// The name is what was chosen, without what could lead elsewhere or be no name on some system;
    /// where nothing is left, the document's id. One that is taken, in any case of letters, gets `-2`,
    /// `-3` and so on: no file is ever overwritten. A fence around the whole body goes, and the content
    /// ends with a newline.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an extension that is not allowed, [`ErrorKind::Log`] when the file
    /// cannot be written; its source is the [`std::io::Error`].
    ///
    /// # Cancel safety
    /// A file whose writing has begun is written to its end.
    pub async fn write(&self, content: ArtifactContent) -> Result<Artifact> {
        let writer = self.clone();
        on_thread(move || writer.write_now(&content)).await
    }

    /// Removes the artifacts that are in the directory, of this and of earlier runs: files that
    /// stand in its manifest and still hold what was written. All else stays.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when a file cannot be removed.
    pub async fn clean(&self) -> Result<Cleaned> {
        let writer = self.clone();
        on_thread(move || {
            let cleaned = writer.clean_now();
            cleaned.map_err(|error| cannot_write(&writer.directory, error))
        })
        .await
    }

    /// Whether its file is there and holds what was written.
    pub(crate) async fn holds(&self, artifact: &Artifact) -> Result<bool> {
        let (writer, artifact) = (self.clone(), artifact.clone());
        on_thread(move || Ok(writer.holds_now(&artifact))).await
    }

    /// Removes the file if it still holds what was written; its line in the manifest goes with the next
    /// [`clean`](Self::clean).
    ///
    /// # Errors
    /// `Log` when it cannot be removed.
    pub(crate) async fn remove(&self, artifact: &Artifact) -> Result<()> {
        let (writer, artifact) = (self.clone(), artifact.clone());
        on_thread(move || {
            if !writer.holds_now(&artifact) {
                return Ok(());
            }
            let path = writer.directory.join(&artifact.file);
            fs::remove_file(&path).map_err(|error| cannot_write(&path, error))
        })
        .await
    }

    fn holds_now(&self, artifact: &Artifact) -> bool {
        let path = self.directory.join(&artifact.file);
        is_plain_name(&artifact.file) && holds(&path, &artifact.sha256).unwrap_or(false)
    }

    fn write_now(&self, content: &ArtifactContent) -> Result<Artifact> {
        let extension = extension::checked(&content.extension, self.extensions.as_deref())?;
        let stem = name::safe_stem(&content.name, &extension, &content.document_id);
        let body = fence::without_fence(&content.body);
        let planned = Planned {
            document_id: &content.document_id,
            stem: &stem,
            extension: &extension,
            body: body.as_bytes(),
            sha256: hexadecimal(&Sha256::digest(body.as_bytes())),
        };
        let file = self.place(&planned).map_err(|error| {
            let path = self.directory.join(format!("{stem}.{extension}"));
            cannot_write(&path, error)
        })?;
        Ok(Artifact {
            file,
            bytes: planned.body.len() as u64,
            sha256: planned.sha256,
        })
    }

    /// Gives the name of the file that holds it.
    fn place(&self, planned: &Planned<'_>) -> io::Result<String> {
        fs::create_dir_all(&self.directory)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut manifest = Manifest::lock(&self.directory)?;
        let placed = self.place_in(&mut manifest, &mut known, planned);
        if placed.is_err() {
            // A line may be half written: all is looked at anew.
            *known = Known::default();
        }
        placed
    }

    fn place_in(
        &self,
        manifest: &mut Manifest,
        known: &mut Known,
        planned: &Planned<'_>,
    ) -> io::Result<String> {
        manifest.catch_up(known, self.run_id.as_deref())?;
        if let Some(file) = self.earlier(known, planned) {
            return Ok(file);
        }
        let mut temporary = temporary_file(&self.directory)?;
        temporary.as_file_mut().write_all(planned.body)?;
        loop {
            let file = known.claim(&self.directory, planned.stem, planned.extension);
            let entry = Entry {
                schema: Entry::SCHEMA.to_owned(),
                file: file.clone(),
                document_id: planned.document_id.to_owned(),
                run_id: self.run_id.clone(),
                sha256: planned.sha256.clone(),
                written_at: clock::rfc3339(SystemClock.now()),
            };
            manifest.append(&entry, known)?;
            match temporary.persist_noclobber(self.directory.join(&file)) {
                Ok(_) => return Ok(file),
                // Somebody who knows no manifest was faster.
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                    temporary = refused.file;
                }
                Err(refused) => return Err(refused.error),
            }
        }
    }

    /// The file that the run made of the same document, name and content before, if it is still there.
    fn earlier(&self, known: &Known, planned: &Planned<'_>) -> Option<String> {
        known
            .earlier(planned.document_id, &planned.sha256)
            .filter(|file| planned.may_be_called(file))
            .find(|file| holds(&self.directory.join(file), &planned.sha256).unwrap_or(false))
            .map(str::to_owned)
    }

    fn clean_now(&self) -> io::Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        if self.directory.join(MANIFEST).symlink_metadata().is_err() {
            return Ok(cleaned);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut manifest = Manifest::lock(&self.directory)?;
        *known = Known::default();
        manifest.remove_temporaries()?;
        let mut left = Vec::new();
        // The last line about a name holds: it may have been free again in between.
        let mut seen = HashSet::new();
        let mut entries = manifest.entries()?;
        entries.reverse();
        entries.retain(|entry| seen.insert(entry.file.clone()));
        entries.reverse();
        for entry in entries {
            let path = self.directory.join(&entry.file);
            if !is_plain_name(&entry.file) || path.symlink_metadata().is_err() {
                continue;
            }
            if holds(&path, &entry.sha256)? {
                fs::remove_file(&path)?;
                cleaned.removed += 1;
            } else {
                cleaned.left.push(entry.file.clone());
                left.push(entry);
            }
        }
        manifest.replace(&left)?;
        Ok(cleaned)
    }
}

/// An artifact before it has its name.
struct Planned<'a> {
    document_id: &'a str,
    stem: &'a str,
    extension: &'a str,
    body: &'a [u8],
    sha256: String,
}

impl Planned<'_> {
    /// Whether `file` is its name, with a number or without.
    fn may_be_called(&self, file: &str) -> bool {
        let rest = file.strip_prefix(self.stem).unwrap_or_default();
        let number = rest
            .strip_suffix(self.extension)
            .and_then(|rest| rest.strip_suffix('.'));
        number.is_some_and(|number| {
            let digits = number.strip_prefix('-').unwrap_or_default();
            number.is_empty() || digits.parse::<u64>().is_ok()
        })
    }
}

/// A new file, as readable as the user's other files are.
fn temporary_file(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// A manifest that somebody wrote must not lead elsewhere.
fn is_plain_name(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    matches!(parts.next(), Some(Component::Normal(name)) if name == file)
        && parts.next().is_none()
        && file != MANIFEST
}

/// Whether there is a file, no link, with this content.
fn holds(path: &Path, sha256: &str) -> io::Result<bool> {
    if !path.symlink_metadata()?.is_file() {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hasher.finalize()) == sha256),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing into a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Log, format!("cannot write `{}`", path.display()))
        .with_source(error)
        .with_hint("free some space, or check that the directory is there and writable")
}
