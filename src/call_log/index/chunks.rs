//! Every line of a journal, read by several threads at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::line::Span;
use super::super::reader::open_journal;

/// Bytes that a thread takes at once: enough to forget what taking costs.
const CHUNK: u64 = 8 * 1024 * 1024;
/// Bytes that are read at once; they stay in a core's cache until they have been looked at.
const READ: usize = 512 * 1024;

/// A line as it lies in its file, without its newline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawLine<'a> {
    pub(crate) span: Span,
    pub(crate) bytes: &'a [u8],
    /// Newlines of its part of the file that come before it.
    pub(crate) newlines: u64,
    /// Whether a newline ends it; one without may still be on its way to the disk.
    pub(crate) is_ended: bool,
}

/// What `visit` made of one part of a journal.
#[derive(Debug, Default)]
pub(crate) struct Part<T> {
    pub(crate) found: T,
    pub(crate) newlines: u64,
}

/// Hands every line that is not empty from `from` on to `visit`, which collects into one `T` for
/// each part of the file; gives the parts in the order of the file.
pub(crate) fn scan<T: Default + Send>(
    path: &Path,
    from: u64,
    visit: &(dyn Fn(&mut T, RawLine<'_>) + Sync),
) -> io::Result<Vec<Part<T>>> {
    let len = std::fs::metadata(path)?.len().saturating_sub(from);
    // The last part goes on to wherever the file ends by then.
    let count = len.div_ceil(CHUNK).max(1);
    let bounds = |part: u64| {
        let end = if part + 1 == count {
            u64::MAX
        } else {
            from + (part + 1) * CHUNK
        };
        (from + part * CHUNK, end)
    };
    let next = AtomicU64::new(0);
    let parts = Mutex::new(Vec::new());
    let work = || -> io::Result<()> {
        let mut reader = PartReader::open(path)?;
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= count {
                return Ok(());
            }
            let found = reader.read(bounds(part), part == 0, visit)?;
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push((part, found));
        }
    };
    run_on_threads(threads(count), &work)?;
    let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    parts.sort_unstable_by_key(|(part, _)| *part);
    Ok(parts.into_iter().map(|(_, found)| found).collect())
}

/// As many threads as there are cores, and no more than there is `work` for.
pub(crate) fn threads(work: u64) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(usize::try_from(work).unwrap_or(usize::MAX))
}

/// Does `work` on so many threads, this one included; gives the first error.
pub(crate) fn run_on_threads<E: Send>(
    threads: usize,
    work: &(dyn Fn() -> Result<(), E> + Sync),
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for other in others {
            match other.join() {
                Ok(theirs) => result = result.and(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result
    })
}

/// A window that slides over a file, from line to line.
struct PartReader {
    file: File,
    buffer: Vec<u8>,
    /// Where the buffer's first byte lies in the file.
    offset: u64,
    begin: usize,
    filled: usize,
}

impl PartReader {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: open_journal(path)?,
            buffer: vec![0; READ],
            offset: 0,
            begin: 0,
            filled: 0,
        })
    }

    /// The lines that begin in `start..end`; only the first part may begin within a line.
    fn read<T: Default>(
        &mut self,
        (start, end): (u64, u64),
        is_first: bool,
        visit: &(dyn Fn(&mut T, RawLine<'_>) + Sync),
    ) -> io::Result<Part<T>> {
        let mut part = Part::default();
        self.seek(if is_first { start } else { start - 1 })?;
        if !is_first {
            // It began in the part before, or is the newline that ends that part.
            self.next_line()?;
        }
        while self.offset + (self.begin as u64) < end {
            let Some((line, is_ended)) = self.next_line()? else {
                break;
            };
            if !line.is_empty() {
                let offset = self.offset + line.start as u64;
                let raw = RawLine {
                    span: Span {
                        offset,
                        len: line.len(),
                    },
                    bytes: &self.buffer[line],
                    newlines: part.newlines,
                    is_ended,
                };
                visit(&mut part.found, raw);
            }
            if !is_ended {
                break;
            }
            part.newlines += 1;
        }
        Ok(part)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        (self.offset, self.begin, self.filled) = (offset, 0, 0);
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(())
    }

    /// Where the next line lies in the buffer, and whether a newline ends it.
    fn next_line(&mut self) -> io::Result<Option<(Range<usize>, bool)>> {
        let mut searched = self.begin;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[searched..self.filled]) {
                let line = self.begin..searched + at;
                self.begin = line.end + 1;
                return Ok(Some((line, true)));
            }
            searched = self.filled - self.begin;
            if !self.fill()? {
                let rest = 0..self.filled;
                self.begin = self.filled;
                return Ok(Some((rest, false)).filter(|(rest, _)| !rest.is_empty()));
            }
        }
    }

    /// Moves what is left to the front and reads more behind it; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.begin..self.filled, 0);
        self.offset += self.begin as u64;
        self.filled -= self.begin;
        self.begin = 0;
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.filled..]) {
                Ok(read) => {
                    self.filled += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
