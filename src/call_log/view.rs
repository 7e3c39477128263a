//! Views for people: call files and the summary, written whole or not at all.
//!
//! This is the only file that names the YAML crate for writing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_yaml::DoubleQuoted;
use tempfile::NamedTempFile;

use super::config::LogFormat;
use super::paths::{RunPaths, safe_name};
use super::record::Record;

/// Longest wait for another process's turn.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(2);
/// A higher one is none of ours, and would make the list of numbers as long.
const MAX_NUMBER: u64 = 999_999_999;

/// `document` in the format of the views.
pub(crate) fn render(document: &impl Serialize, format: LogFormat) -> io::Result<Vec<u8>> {
    match format {
        LogFormat::Json => {
            let mut bytes = serde_json::to_vec_pretty(document).map_err(io::Error::other)?;
            bytes.push(b'\n');
            Ok(bytes)
        }
        LogFormat::Yaml => yaml(document).map(String::into_bytes),
    }
}

fn yaml(document: &impl Serialize) -> io::Result<String> {
    let text = to_yaml(document)?;
    let tab_first = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if memchr::memchr(b'\t', text.as_bytes()).is_none() || !text.lines().any(tab_first) {
        return Ok(text);
    }
    let document = serde_json::to_value(document).map_err(io::Error::other)?;
    to_yaml(&Portable(&document))
}

fn to_yaml(document: &impl Serialize) -> io::Result<String> {
    serde_yaml::to_string(document).map_err(|error| io::Error::other(error.to_string()))
}

/// A document whose texts every reader gives back: libyaml refuses a block whose first line begins
/// with a tab, though YAML allows it, so such a text is quoted.
struct Portable<'a>(&'a Value);

impl Serialize for Portable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if text.trim_start_matches('\n').starts_with('\t') => {
                DoubleQuoted(text).serialize(serializer)
            }
            Value::Array(list) => serializer.collect_seq(list.iter().map(Portable)),
            Value::Object(map) => {
                serializer.collect_map(map.iter().map(|(key, value)| (key, Portable(value))))
            }
            value => value.serialize(serializer),
        }
    }
}

/// The call files of one run.
#[derive(Debug)]
pub(crate) struct CallFiles {
    directory: PathBuf,
    format: LogFormat,
    numbers: Numbers,
}

impl CallFiles {
    pub(crate) fn new(paths: &RunPaths, format: LogFormat) -> Self {
        Self {
            directory: paths.calls.clone(),
            format,
            numbers: Numbers::new(paths),
        }
    }

    /// Writes `record` under its sequence number, or the next one that is free; gives the file's name.
    pub(crate) fn write(&mut self, record: &Record) -> io::Result<String> {
        let content = render(record, self.format)?;
        let agent = safe_name(&record.agent);
        let mut file = temporary(&self.directory, &content)?;
        let mut wanted = Some(record.sequence)
            .filter(|number| *number <= MAX_NUMBER)
            .unwrap_or_default();
        loop {
            let number = self.numbers.claim(wanted)?;
            let name = format!("call_{number:03}_{agent}.{}", self.format.as_str());
            match file.persist_noclobber(self.directory.join(&name)) {
                Ok(_) => return Ok(name),
                // The list of numbers was removed or copied from elsewhere; the file there wins.
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    (file, wanted) = (taken.file, number + 1);
                }
                Err(error) => return Err(error.error),
            }
        }
    }

    /// Replaces the summary.
    pub(crate) fn write_summary(&self, summary: &impl Serialize) -> io::Result<()> {
        let file = temporary(&self.directory, &render(summary, self.format)?)?;
        file.persist(self.summary_path())
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// Waits for the turn to write the summary, so that none replaces one that knew more. There may
    /// be no turns, where files have no locks; the guard ends with the value.
    pub(crate) fn turn(&self) -> Option<File> {
        let file = open_numbers(&self.numbers.path).ok()?;
        lock_in_time(&file).ok()?;
        Some(file)
    }

    pub(crate) fn summary_path(&self) -> PathBuf {
        self.directory
            .join(format!("summary.{}", self.format.as_str()))
    }
}

/// How files begin that process `pid` is still writing.
pub(crate) fn temporary_prefix(pid: u32) -> String {
    format!(".tmp-{pid}-")
}

fn temporary(directory: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(&temporary_prefix(std::process::id()))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    Ok(file)
}

/// Which numbers are taken: one byte each in `llm_calls/.numbers`, changed under a file lock, so
/// that processes which share a run never share a number.
#[derive(Debug)]
struct Numbers {
    path: PathBuf,
    run: RunPaths,
    file: Option<File>,
}

impl Numbers {
    fn new(run: &RunPaths) -> Self {
        Self {
            path: run.calls.join(".numbers"),
            run: run.clone(),
            file: None,
        }
    }

    /// Takes the first free number from `wanted` on.
    fn claim(&mut self, wanted: u64) -> io::Result<u64> {
        let (path, run) = (&self.path, &self.run);
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(open_numbers(path)?),
        };
        lock_in_time(file)?;
        let claimed = take_first_free(file, wanted.max(1), run);
        file.unlock()?;
        claimed
    }
}

/// Locks `file`, unless another process keeps it for too long: one that was stopped in its turn must
/// not hold up everybody's flush.
pub(crate) fn lock_in_time(file: &File) -> io::Result<()> {
    let until = Instant::now() + MAX_LOCK_WAIT;
    let mut pause = Duration::from_micros(50);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                let problem = "another process holds the lock of this run's files";
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn open_numbers(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn take_first_free(file: &mut File, wanted: u64, run: &RunPaths) -> io::Result<u64> {
    if file.metadata()?.len() == 0 {
        // Call files from before this list was kept.
        for number in run.call_numbers() {
            mark(file, number)?;
        }
    }
    file.seek(SeekFrom::Start(wanted - 1))?;
    let mut number = wanted;
    for byte in BufReader::new(&*file).bytes() {
        if byte? == 0 {
            break;
        }
        number += 1;
    }
    mark(file, number)?;
    Ok(number)
}

fn mark(file: &mut File, number: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(number - 1))?;
    file.write_all(&[1])
}
