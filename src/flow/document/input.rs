//! Bytes of a file or of standard input, read on until nobody waits for them any more.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::fields::kind_of;
use crate::config;
use crate::error::{Error, ErrorKind, Result};

const BUFFER_BYTES: usize = 64 * 1024;

/// Set when the documents were dropped: what is under way ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) type Input = BufReader<Watched>;

/// A reader that fails once it shall stop.
pub(super) struct Watched {
    inner: Box<dyn Read + Send>,
    stop: Stop,
}

impl Watched {
    pub(super) fn new(inner: impl Read + Send + 'static, stop: &Stop) -> Self {
        Self {
            inner: Box::new(inner),
            stop: stop.clone(),
        }
    }

    pub(super) fn buffered(self) -> Input {
        BufReader::with_capacity(BUFFER_BYTES, self)
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_set() {
            return Err(io::Error::other("nobody waits for more"));
        }
        self.inner.read(buffer)
    }
}

/// The file behind its byte order mark; a beginning in another encoding than UTF-8 is an error.
pub(super) fn open(path: &Path, stop: &Stop) -> Result<Input> {
    let unreadable = |error| config::unreadable(path, error);
    // Opening a pipe would wait for whoever writes into it.
    if !path.metadata().map_err(unreadable)?.is_file() {
        let message = format!("`{}` is no regular file", path.display());
        return Err(Error::new(ErrorKind::Config, message)
            .with_hint("write what it gives into a file, or pass it as standard input (`-`)"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::with_capacity(4);
    (&mut file)
        .take(4)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    let mark = head.len() - without_mark(&head).len();
    file.seek(SeekFrom::Start(mark as u64))
        .map_err(unreadable)?;
    match foreign_encoding(&head) {
        Some(encoding) => Err(in_encoding(encoding).within(&quoted(path))),
        None => Ok(Watched::new(file, stop).buffered()),
    }
}

/// The encoding that a file beginning with these bytes is in, where it is not UTF-8.
pub(super) fn foreign_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // Two plain characters, each beside a zero.
        [0, a, 0, b, ..] | [a, 0, b, 0, ..] if *a < 0x7f && *b < 0x7f && *a > 0 && *b > 0 => {
            Some("UTF-16")
        }
        _ => None,
    }
}

pub(super) fn in_encoding(encoding: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the text is {encoding}")).with_hint(format!(
        "allowed: UTF-8; `iconv -f {encoding} -t UTF-8` converts it"
    ))
}

pub(super) fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// `bytes` behind UTF-8's byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The bytes of one item, as long as there are not too many of them.
pub(super) struct Capture {
    bytes: Vec<u8>,
    total: u64,
    limit: u64,
}

impl Capture {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            bytes: Vec::new(),
            total: 0,
            limit,
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.total = 0;
    }

    pub(super) fn add(&mut self, more: &[u8]) {
        self.total += more.len() as u64;
        if self.total <= self.limit {
            self.bytes.extend_from_slice(more);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The whole item.
    pub(super) fn whole(&self) -> Result<&[u8]> {
        if self.total > self.limit {
            return Err(too_big(self.total, self.limit));
        }
        Ok(&self.bytes)
    }
}

pub(super) fn too_big(bytes: u64, limit: u64) -> Error {
    Error::new(ErrorKind::Config, format!("it has {bytes} bytes")).with_hint(format!(
        "allowed: {limit} bytes; `max_bytes` of a job's `documents` sets the limit, \
         `max_document_bytes` in a program"
    ))
}

pub(super) fn as_text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("it is not UTF-8 at its byte {}", error.valid_up_to());
        Error::new(ErrorKind::Config, message).with_hint("allowed: text in UTF-8")
    })
}

/// The object that these bytes are.
pub(super) fn as_object(bytes: &[u8]) -> Result<Map<String, Value>> {
    let value = serde_json::from_str(as_text(bytes)?).map_err(|error| {
        // The parser saw one item alone: its lines are those of the item.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let cause = error.to_string().replace(&place, "");
        let message = match error.line() {
            1 => format!("it is no JSON at its column {}", error.column()),
            line => format!(
                "it is no JSON at its line {line}, column {}",
                error.column()
            ),
        };
        Error::new(ErrorKind::Config, message)
            .with_source(cause)
            .with_hint("allowed: a JSON object")
    })?;
    match value {
        Value::Object(object) => Ok(object),
        other => Err(
            Error::new(ErrorKind::Config, format!("it is {}", kind_of(&other)))
                .with_hint("allowed: a JSON object"),
        ),
    }
}

/// Adds what comes before the next `\n`, which is consumed. Whether there was anything.
pub(super) fn read_line(input: &mut Input, line: &mut Capture) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', chunk);
        line.add(&chunk[..end.unwrap_or(chunk.len())]);
        let used = end.map_or(chunk.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

pub(super) fn cannot_read_on(error: io::Error) -> Error {
    Error::new(ErrorKind::Config, "it cannot be read on")
        .with_source(error)
        .with_hint("what comes behind it was not read")
}
