//! Line by line through one journal, past everything that is torn.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use super::super::journal::{Line, decode};

/// Hands every line after `from` to `on_line`, with its number from 1; gives the offset up to which
/// the file was readable, so that a last line which is still being written is read again later.
pub(super) fn scan(
    path: &Path,
    from: u64,
    on_line: &mut dyn FnMut(usize, Result<Line, String>),
) -> io::Result<u64> {
    let mut file = open_journal(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let (mut offset, mut readable, mut number) = (from, from, 0);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(readable);
        }
        offset += read as u64;
        number += 1;
        let whole = line.last() == Some(&b'\n');
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if text.is_empty() {
            continue;
        }
        let decoded = decode(text);
        if whole || decoded.is_ok() {
            readable = offset;
        }
        on_line(number, decoded);
    }
}

/// Opens what is a file: a directory reads strangely, and a pipe in its place would never open.
pub(crate) fn open_journal(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// Whether no process holds the journal any more; what cannot be found out counts as held.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    let file = match open_journal(path) {
        Ok(file) => file,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    };
    !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
