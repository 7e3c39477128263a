//! The index as a file: fixed-width numbers, a checksum at the end, and two samples of the journal
//! that it belongs to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::line::Span;
use super::head::Moment;
use super::{End, IndexedCall, JournalIndex};

const MAGIC: &[u8] = b"duologue.index/1\n";
/// Bytes of the journal's beginning, and before the index's end, that must be those of the scan.
const SAMPLE: u64 = 4096;

/// `.{journal}.index`: hidden, and no `.jsonl`, so that nobody takes it for a journal.
pub(super) fn path_of(journal: &Path) -> PathBuf {
    let name = journal.file_stem().unwrap_or_default().to_string_lossy();
    journal.with_file_name(format!(".{name}.index"))
}

/// The index of `journal`, if there is one that is whole and its own.
pub(super) fn load(journal: &Path) -> Option<JournalIndex> {
    let bytes = std::fs::read(path_of(journal)).ok()?;
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut fields = Fields(body.strip_prefix(MAGIC)?);
    let upto = fields.number()?;
    if fields.number()? != u64::from(sample(journal, upto).ok()?) {
        return None;
    }
    let mut index = JournalIndex {
        upto,
        newlines: fields.number()?,
        good: fields.number()?,
        ..JournalIndex::default()
    };
    let count = usize::try_from(fields.number()?).ok()?;
    // No call takes fewer bytes; a count alone must not take memory.
    index.calls.reserve_exact(count.min(bytes.len() / 48));
    for _ in 0..count {
        index.calls.push(fields.call()?);
    }
    fields.0.is_empty().then_some(index)
}

/// Writes it whole or not at all.
pub(super) fn save(journal: &Path, index: &JournalIndex) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(index.calls.len() * 96 + 64);
    bytes.extend_from_slice(MAGIC);
    let sample = sample(journal, index.upto)?;
    for number in [
        index.upto,
        sample.into(),
        index.newlines,
        index.good,
        index.calls.len() as u64,
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for call in &index.calls {
        let end: u64 = match call.end {
            End::Open => 0,
            End::Interrupted => 1,
            End::Ended => 2,
        };
        for number in [end, call.span.offset, call.span.len as u64, call.sequence] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for text in [call.started_at.as_bytes(), call.call_id.as_bytes()] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text);
        }
    }
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    let path = path_of(journal);
    let mut file = tempfile::Builder::new()
        .prefix(&super::super::view::temporary_prefix(std::process::id()))
        .tempfile_in(journal.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Removes the index of `journal`; one that cannot be removed is found to be of no use each time.
pub(super) fn remove(journal: &Path) {
    let _ = std::fs::remove_file(path_of(journal));
}

/// A checksum of the journal's beginning and of what stands before `upto`; an error when it is shorter.
fn sample(journal: &Path, upto: u64) -> io::Result<u32> {
    let mut file = File::open(journal)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = vec![0; usize::try_from(SAMPLE.min(upto)).unwrap_or_default()];
    for offset in [0, upto - bytes.len() as u64] {
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
        hasher.update(&bytes);
    }
    Ok(hasher.finalize())
}

/// What is left of an index file.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn call(&mut self) -> Option<IndexedCall> {
        let end = match self.number()? {
            0 => End::Open,
            1 => End::Interrupted,
            2 => End::Ended,
            _ => return None,
        };
        let span = Span {
            offset: self.number()?,
            len: usize::try_from(self.number()?).ok()?,
        };
        Some(IndexedCall {
            end,
            span,
            sequence: self.number()?,
            started_at: Moment::from_bytes(self.bytes()?),
            call_id: std::str::from_utf8(self.bytes()?).ok()?.into(),
        })
    }
}
