//! Which files in a directory are artifacts, and whose.
//!
//! A line is written before its file, so that no file is ever without one; a file that does not hold
//! what its line says is somebody else's. Whoever reads or writes the manifest has locked it: what one
//! process claims, the next one sees.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::name::folded;

/// The manifest's name in the directory of artifacts.
pub(crate) const MANIFEST: &str = ".duologue-artifacts.jsonl";

/// What files that are being written begin with.
pub(super) const TEMPORARY: &str = ".duologue-artifact-";

/// One line: a file and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) schema: String,
    pub(super) file: String,
    pub(super) document_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run_id: Option<String>,
    pub(super) sha256: String,
    pub(super) written_at: String,
}

impl Entry {
    pub(super) const SCHEMA: &str = "duologue.artifact/1";
}

/// What is known of a directory without asking the disk again. Of each name it keeps a hash alone.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How far the manifest was read; none before the directory was looked at.
    read_to: Option<u64>,
    ends_in_line: bool,
    taken: HashSet<u64>,
    hasher: RandomState,
    /// The last number of names that were asked for more than once.
    numbers: HashMap<String, u64>,
    /// What this run wrote before this process continued it: document to files.
    earlier: HashMap<String, Vec<(String, String)>>,
}

impl Known {
    /// A name of its own, `{stem}.{extension}` or `{stem}-2.{extension}` and so on.
    pub(super) fn claim(&mut self, directory: &Path, stem: &str, extension: &str) -> String {
        let first = format!("{stem}.{extension}");
        let key = folded(&first);
        let mut number = self.numbers.get(&key).copied().unwrap_or(1);
        loop {
            let file = match number {
                1 => first.clone(),
                _ => format!("{stem}-{number}.{extension}"),
            };
            let is_new = self.taken.insert(self.hasher.hash_one(folded(&file)));
            // A link that leads nowhere is there too.
            if is_new && directory.join(&file).symlink_metadata().is_err() {
                if number > 1 {
                    self.numbers.insert(key, number);
                }
                return file;
            }
            number += 1;
        }
    }

    /// The files with this content that the run made of the document earlier.
    pub(super) fn earlier(&self, document_id: &str, sha256: &str) -> impl Iterator<Item = &str> {
        let files = self.earlier.get(document_id).into_iter().flatten();
        files
            .filter(move |(_, hash)| hash == sha256)
            .map(|(file, _)| file.as_str())
    }

    fn take(&mut self, file: &str) {
        let hash = self.hasher.hash_one(folded(file));
        self.taken.insert(hash);
    }
}

/// The manifest of a directory, locked until it is dropped.
pub(super) struct Manifest {
    file: File,
    directory: PathBuf,
}

impl Manifest {
    pub(super) fn lock(directory: &Path) -> io::Result<Self> {
        let path = directory.join(MANIFEST);
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        let file = match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A planted link would have us write elsewhere.
                if !path.symlink_metadata()?.is_file() {
                    let message = format!("`{MANIFEST}` is no regular file");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                options.open(&path)?
            }
            opened => opened?,
        };
        // Where a file system has no locks, names are still claimed by creating files.
        match file.lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
        Ok(Self {
            file,
            directory: directory.to_owned(),
        })
    }

    /// Tells `known` what happened since it was last told.
    pub(super) fn catch_up(&mut self, known: &mut Known, run_id: Option<&str>) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        // A shorter one was begun anew.
        let anew = known.read_to.is_none_or(|read_to| length < read_to);
        if anew {
            *known = Known::default();
            self.remove_temporaries()?;
            for name in self.names()? {
                known.take(&name);
            }
        }
        let begin = known.read_to.unwrap_or(0);
        for entry in self.entries_from(begin, length, known)? {
            // What is in the directory is known; a line without its file takes no name.
            if !anew {
                known.take(&entry.file);
            }
            if run_id.is_some() && entry.run_id.as_deref() == run_id {
                let files = known.earlier.entry(entry.document_id).or_default();
                files.push((entry.file, entry.sha256));
            }
        }
        known.read_to = Some(length);
        Ok(())
    }

    fn entries_from(&mut self, from: u64, to: u64, known: &mut Known) -> io::Result<Vec<Entry>> {
        if from == to {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        (&mut self.file).take(to - from).read_to_end(&mut bytes)?;
        known.ends_in_line = bytes.last() != Some(&b'\n');
        Ok(entries(&bytes))
    }

    /// All that is in the manifest; lines that are none of ours are passed over.
    pub(super) fn entries(&mut self) -> io::Result<Vec<Entry>> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        Ok(entries(&bytes))
    }

    /// Adds one line.
    pub(super) fn append(&mut self, entry: &Entry, known: &mut Known) -> io::Result<()> {
        let mut line = Vec::new();
        // Behind a line that a dying process left half written.
        if known.ends_in_line {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        known.ends_in_line = false;
        known.read_to = known.read_to.map(|read_to| read_to + line.len() as u64);
        Ok(())
    }

    /// Puts these lines in the place of all.
    pub(super) fn replace(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        self.file.set_len(0)?;
        self.file.write_all(&lines)
    }

    /// Removes what processes that died left half written: whoever writes holds the lock.
    pub(super) fn remove_temporaries(&self) -> io::Result<()> {
        for name in self.names()? {
            if name.starts_with(TEMPORARY) {
                fs::remove_file(self.directory.join(name))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = self.directory.read_dir()?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}
