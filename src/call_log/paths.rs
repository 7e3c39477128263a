//! Where the files of a run are, and names that cannot escape from there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

const MAX_NAME: usize = 64;

/// The directories of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunPaths {
    pub(crate) root: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) calls: PathBuf,
}

impl RunPaths {
    pub(crate) fn of(root: PathBuf) -> Self {
        Self {
            journal: root.join("journal"),
            calls: root.join("llm_calls"),
            root,
        }
    }

    /// Makes the directories (0700); those that exist are left as they are.
    pub(crate) fn create(&self) -> Result<()> {
        for directory in [&self.journal, &self.calls] {
            create_private_dir(directory).map_err(|error| {
                Error::new(
                    ErrorKind::Log,
                    format!("cannot make the log directory `{}`", directory.display()),
                )
                .with_source(error)
                .with_hint("set `output_dir` to a directory that you may write to")
            })?;
        }
        Ok(())
    }

    /// Takes back what [`Self::create`] made, where nothing has come into it.
    pub(crate) fn remove_what_is_empty(&self) {
        for directory in [&self.journal, &self.calls, &self.root] {
            // A directory that holds something refuses, which is what is wanted.
            let _ = fs::remove_dir(directory);
        }
    }

    /// The journals of the run, oldest first; none if there is no such directory.
    pub(crate) fn journals(&self) -> io::Result<Vec<PathBuf>> {
        let mut journals = Vec::new();
        for entry in fs::read_dir(&self.journal)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                journals.push(path);
            }
        }
        journals.sort_by_cached_key(|path| (journal_start(path), path.clone()));
        Ok(journals)
    }

    /// One more than the highest number of the call files that are there.
    pub(crate) fn next_number(&self) -> u64 {
        self.call_numbers()
            .into_iter()
            .max()
            .map_or(1, |number| number + 1)
    }

    /// The numbers of the call files that are there.
    pub(crate) fn call_numbers(&self) -> Vec<u64> {
        let names = self.names();
        names.iter().filter_map(|name| call_number(name)).collect()
    }

    /// The names of all files in the directory of call files; none if there is no such directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.calls).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }
}

/// The time in a journal's name, `{pid}-{start}.jsonl`; 0 in a name that is not ours.
fn journal_start(path: &Path) -> u64 {
    let start = || path.file_stem()?.to_str()?.split_once('-')?.1.parse().ok();
    start().unwrap_or(0)
}

/// The process in a journal's name.
pub(crate) fn journal_pid(path: &Path) -> Option<u32> {
    path.file_stem()?.to_str()?.split_once('-')?.0.parse().ok()
}

fn call_number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix("call_")?.split('_').next()?;
    // A longer one is none of ours, and would make the list of numbers as long.
    let number = (digits.len() <= 9).then(|| digits.parse().ok())??;
    Some(number).filter(|number| *number > 0)
}

pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A new file of ours alone (0600), opened for appending and reading.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// `name` as one path component: anything but letters, digits, `.`, `_` and `-` becomes `_`,
/// leading dots go, and a long name is shortened with a hash of the whole.
pub(crate) fn safe_name(name: &str) -> String {
    let plain: String = name
        .trim_start_matches('.')
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect();
    if plain.is_empty() {
        return "unnamed".to_owned();
    }
    if plain.len() <= MAX_NAME {
        return plain;
    }
    format!("{}-{}", &plain[..MAX_NAME - 9], short_hash(name))
}

/// Where the run `run_id` is kept below `output_dir`.
pub(crate) fn run_directory(output_dir: &Path, run_id: &str) -> PathBuf {
    output_dir.join(distinct_name(run_id))
}

/// [`safe_name`], and a hash wherever something had to be changed: two names never share a path
/// because they look alike afterwards.
pub(crate) fn distinct_name(name: &str) -> String {
    let plain = safe_name(name);
    let hash = short_hash(name);
    // A long name has its hash already.
    if plain == name || plain.ends_with(&hash) {
        plain
    } else {
        format!("{plain}-{hash}")
    }
}

fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!(
        "{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_escapes_its_directory() {
        for name in [
            "../../etc/passwd",
            "..",
            "/etc",
            "a/b",
            "a\\b",
            "",
            ".hidden",
            "nul\0byte",
        ] {
            let safe = safe_name(name);
            assert!(
                !safe.is_empty() && !safe.starts_with('.') && !safe.contains(['/', '\\', '\0']),
                "{safe:?}"
            );
        }
    }

    #[test]
    fn long_names_stay_different() {
        let (a, b) = (
            format!("{}a", "x".repeat(200)),
            format!("{}b", "x".repeat(200)),
        );
        assert!(safe_name(&a).len() <= MAX_NAME);
        assert_ne!(safe_name(&a), safe_name(&b));
    }

    #[test]
    fn different_run_ids_get_different_directories() {
        assert_ne!(distinct_name("a/b"), distinct_name("a_b"));
        assert_eq!(distinct_name("run_20260128_123456"), "run_20260128_123456");
    }

    #[test]
    fn a_long_run_id_gets_one_hash() {
        let directory = distinct_name(&"x".repeat(200));
        assert_eq!(directory.len(), MAX_NAME);
        assert_eq!(distinct_name(&directory), directory);
    }
}
