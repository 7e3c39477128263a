//! Room on the disk that was taken beforehand: what stages give while the disk is full goes there.
//!
//! The calls that are under way when the disk fills up are paid already. Their results overwrite the
//! newlines that `stages.reserve` was filled with, which needs no further room, and move to
//! `stages.jsonl` when the store is opened again.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that are reserved.
pub(super) const ROOM: u64 = 1 << 20;

/// The file; it is removed when nothing had to go there.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    used: u64,
}

impl Reserve {
    /// Takes the room, over whatever is there: what an earlier process kept must have been read.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let reserve = Self {
            path: path.to_owned(),
            inner: Mutex::new(Inner {
                file: options.open(path)?,
                used: 0,
            }),
        };
        reserve.fill()?;
        Ok(reserve)
    }

    fn fill(&self) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let block = [b'\n'; 1 << 14];
        for _ in 0..ROOM / block.len() as u64 {
            inner.file.write_all(&block)?;
        }
        Ok(())
    }

    /// Keeps `line` if there is room left for it; gives whether it did.
    pub(super) fn keep(&self, line: &[u8]) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let end = inner.used + line.len() as u64;
        // A line ends with a newline of the filling.
        if end >= ROOM {
            return false;
        }
        let start = SeekFrom::Start(inner.used);
        let kept = inner
            .file
            .seek(start)
            .and_then(|_| inner.file.write_all(line));
        inner.used = end;
        kept.is_ok()
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if inner.used == 0 {
            // One that stays takes room, and is used again by the next process.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
