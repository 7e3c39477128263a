//! Lines that carry their own checksum: what an append-only file is made of.
//!
//! A line begins with a newline, so that a torn one before it takes nothing along, and ends with the
//! CRC-32 of what stands before it.

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::error::{Error, ErrorKind, Result};

const CRC_KEY: &str = ",\"crc\":\"";
const CRC_TAIL: usize = CRC_KEY.len() + 8 + 2;

/// Where a line lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// `content`, a JSON object with at least one field, as a line: a newline, JSON, and the CRC-32 of the
/// JSON before it.
pub(crate) fn encode(content: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = Vec::with_capacity(2048);
    line.push(b'\n');
    serde_json::to_writer(&mut line, content).map_err(|error| {
        Error::new(ErrorKind::Log, "a record cannot be written as JSON").with_source(error)
    })?;
    line.pop();
    let crc = crc32fast::hash(&line[1..]);
    line.extend_from_slice(CRC_KEY.as_bytes());
    line.extend_from_slice(format!("{crc:08x}\"}}").as_bytes());
    Ok(line)
}

/// Says why a line, without its newline, is not what was written.
pub(crate) fn check(line: &[u8]) -> std::result::Result<(), String> {
    let Some(body_end) = line.len().checked_sub(CRC_TAIL) else {
        return Err(no_checksum(line).to_owned());
    };
    let (body, tail) = line.split_at(body_end);
    let tail = std::str::from_utf8(tail).unwrap_or_default();
    let crc = tail
        .strip_prefix(CRC_KEY)
        .and_then(|rest| u32::from_str_radix(rest.get(..8)?, 16).ok());
    match crc {
        None => Err(no_checksum(line).to_owned()),
        Some(crc) if crc != crc32fast::hash(body) => Err("the checksum does not match".to_owned()),
        Some(_) => Ok(()),
    }
}

/// What a line without a checksum is.
fn no_checksum(line: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(line).is_ok() {
        "there is no checksum: not a line of a duologue journal"
    } else if line.starts_with(b"{") {
        "the line is cut off"
    } else {
        "not a line of a duologue journal"
    }
}
