//! A file that only grows: one `write(2)` for each line, made by the thread that has something to say.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::config::Durability;
use super::line::Span;

/// A file open for appending, whose lines are written whole or reported.
#[derive(Debug)]
pub(crate) struct AppendFile {
    file: File,
    path: PathBuf,
    end: Mutex<u64>,
    synced: Mutex<u64>,
}

impl AppendFile {
    /// Goes on at the end of `file`, which must have been opened for appending and lies at `path`.
    pub(crate) fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self {
            file,
            path,
            end: Mutex::new(end),
            synced: Mutex::new(0),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one [encoded](super::line::encode) line with one write.
    pub(crate) fn append(&self, line: &[u8], durability: Durability) -> io::Result<Span> {
        if is_removed(&self.file) {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it was removed while the run went on",
            ));
        }
        let mut end = lock(&self.end);
        let offset = *end;
        let written = write_once(&self.file, line);
        match written {
            Ok(written) if written == line.len() => *end += written as u64,
            // What a write that failed left behind is known to the file alone.
            _ => *end = self.file.metadata().map_or(offset, |found| found.len()),
        }
        let upto = *end;
        drop(end);
        let written = written?;
        if written < line.len() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("only {written} of {} bytes were written", line.len()),
            ));
        }
        if durability == Durability::Disk {
            self.sync(upto)?;
        }
        Ok(Span {
            offset: offset + 1,
            len: line.len() - 1,
        })
    }

    /// Waits until everything before `upto` is on disk; waiters share one `fsync`.
    fn sync(&self, upto: u64) -> io::Result<()> {
        let mut synced = lock(&self.synced);
        if *synced < upto {
            let end = *lock(&self.end);
            self.file.sync_data()?;
            *synced = end;
        }
        Ok(())
    }

    /// A second, independent place to read the file from; it works on after the path is gone.
    pub(crate) fn reader(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Whether the path still leads to a file of the length that was written.
    pub(crate) fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| found.len() >= *lock(&self.end))
    }
}

/// The bytes of the line at `span`.
pub(crate) fn read_span(file: &mut File, span: Span) -> io::Result<Vec<u8>> {
    let mut line = vec![0; span.len];
    file.seek(SeekFrom::Start(span.offset))?;
    file.read_exact(&mut line)?;
    Ok(line)
}

fn write_once(mut file: &File, line: &[u8]) -> io::Result<usize> {
    loop {
        match file.write(line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether the last name of `file` is gone: what is written to it now, nobody will read.
fn is_removed(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().is_ok_and(|found| found.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
