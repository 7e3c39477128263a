//! Views for people: call files and the summary, written whole or not at all.
//!
//! This is the only file that names the YAML crate for writing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::config::LogFormat;
use super::paths::{RunPaths, safe_name};
use super::record::Record;

/// `document` in the format of the views.
pub(crate) fn render(document: &impl Serialize, format: LogFormat) -> io::Result<Vec<u8>> {
    match format {
        LogFormat::Json => {
            let mut bytes = serde_json::to_vec_pretty(document).map_err(io::Error::other)?;
            bytes.push(b'\n');
            Ok(bytes)
        }
        LogFormat::Yaml => serde_yaml::to_string(document)
            .map(String::into_bytes)
            .map_err(|error| io::Error::other(error.to_string())),
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
        let number = self.numbers.claim(record.sequence)?;
        let name = format!("call_{number:03}_{agent}.{}", self.format.as_str());
        let file = temporary(&self.directory, &content)?;
        file.persist_noclobber(self.directory.join(&name))
            .map_err(|error| error.error)?;
        Ok(name)
    }

    /// Replaces the summary.
    pub(crate) fn write_summary(&self, summary: &impl Serialize) -> io::Result<()> {
        let file = temporary(&self.directory, &render(summary, self.format)?)?;
        let path = self
            .directory
            .join(format!("summary.{}", self.format.as_str()));
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn temporary(directory: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
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
        file.lock()?;
        let claimed = take_first_free(file, wanted.max(1), run);
        file.unlock()?;
        claimed
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
    let length = file.metadata()?.len();
    if length == 0 {
        // Call files from before this list was kept.
        let known = run.next_number().saturating_sub(1);
        file.write_all(&vec![1; usize::try_from(known).unwrap_or_default()])?;
    }
    file.seek(SeekFrom::Start(wanted - 1))?;
    let mut taken = Vec::new();
    file.read_to_end(&mut taken)?;
    let free = taken
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(taken.len()) as u64;
    let number = wanted + free;
    file.seek(SeekFrom::Start(number - 1))?;
    file.write_all(&[1])?;
    Ok(number)
}
