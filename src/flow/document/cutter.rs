//! Cutting JSON into values without parsing them.

use std::io::{self, BufRead};

use super::input::{self, Capture, Input};
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// Where a list of documents may stand in an object.
const LISTS: &[&str] = &["documents", "items", "data", "records"];

/// A longer key of the object around the list is none that is known.
const MAX_KEY_BYTES: u64 = 1_000;

fn without_list(keys: &[String]) -> Error {
    let keys = text::quoted_list(keys.iter().take(20).map(String::as_str));
    let message = format!("there is no list of documents; the object has {keys}");
    let allowed = text::quoted_list(LISTS.iter().copied());
    Error::new(ErrorKind::Config, message).with_hint(format!(
        "allowed: a list of objects, or an object with a list under {allowed}"
    ))
}

pub(super) fn unexpected(found: Option<u8>, expected: &str) -> Error {
    let found = match found {
        None => "the file ends".to_owned(),
        Some(byte) if byte.is_ascii_graphic() => format!("there is `{}`", char::from(byte)),
        Some(byte) => format!("there is the byte 0x{byte:02x}"),
    };
    Error::new(
        ErrorKind::Config,
        format!("{found} where {expected} is due"),
    )
    .with_hint("the JSON is broken here; what comes behind was not read")
}

pub(super) fn cut_off(line: u64) -> Error {
    let message = format!("the file ends inside of the value that begins at line {line}");
    Error::new(ErrorKind::Config, message)
        .with_hint("a quote or a bracket in it is not closed; what comes behind was not read")
}

/// Cuts JSON into values without parsing them.
pub(super) struct Cutter {
    input: Input,
    line: u64,
}

impl Cutter {
    pub(super) fn new(input: Input) -> Self {
        Self { input, line: 1 }
    }

    /// The line that comes next.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next byte that is no white space; it is not consumed.
    pub(super) fn visible(&mut self) -> Result<Option<u8>> {
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk.map_err(input::cannot_read_on)?,
            };
            let visible = chunk.iter().position(|byte| !byte.is_ascii_whitespace());
            let blank = &chunk[..visible.unwrap_or(chunk.len())];
            self.line += newlines(blank);
            let (used, byte) = (blank.len(), visible.map(|at| chunk[at]));
            let ended = chunk.is_empty();
            self.input.consume(used);
            if byte.is_some() || ended {
                return Ok(byte);
            }
        }
    }

    /// Consumes the byte that [`Self::visible`] gave.
    pub(super) fn skip(&mut self) {
        self.input.consume(1);
    }

    /// Consumes one value, which may be no valid one; false when the file ends inside of it.
    pub(super) fn value(&mut self, into: &mut Capture) -> Result<bool> {
        let mut at = At::default();
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk.map_err(input::cannot_read_on)?,
            };
            if chunk.is_empty() {
                return Ok(at.may_end());
            }
            let end = chunk.iter().position(|byte| at.ends_before(*byte));
            let part = &chunk[..end.unwrap_or(chunk.len())];
            self.line += newlines(part);
            into.add(part);
            let used = part.len();
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Consumes all up to the first item of the list; whether that is in an object.
    pub(super) fn find_list(&mut self) -> Result<bool> {
        match self.visible()? {
            Some(b'[') => {
                self.skip();
                return Ok(false);
            }
            Some(b'{') => self.skip(),
            found => return Err(unexpected(found, "a list or an object")),
        }
        let mut keys = Vec::new();
        while let Some(key) = self.key(keys.is_empty())? {
            if LISTS.contains(&key.as_str()) && self.visible()? == Some(b'[') {
                self.skip();
                return Ok(true);
            }
            self.ignore_value()?;
            keys.push(text::clip(&key, 40));
            keys.truncate(20);
        }
        Err(without_list(&keys))
    }

    /// Consumes the object that the list was in.
    pub(super) fn rest_of_object(&mut self) -> Result<()> {
        while let Some(key) = self.key(false)? {
            if LISTS.contains(&key.as_str()) && self.visible()? == Some(b'[') {
                let message = format!("there is another list, under `{key}`");
                return Err(Error::new(ErrorKind::Config, message)
                    .with_hint("allowed: one list of documents"));
            }
            self.ignore_value()?;
        }
        Ok(())
    }

    /// Consumes a key and its colon; none at the end of the object, which is consumed.
    fn key(&mut self, first: bool) -> Result<Option<String>> {
        match self.visible()? {
            Some(b'}') => {
                self.skip();
                return Ok(None);
            }
            Some(b',') if !first => {
                self.skip();
                self.visible()?;
            }
            _ if first => {}
            found => return Err(unexpected(found, "`,` or `}`")),
        }
        match self.visible()? {
            Some(b'"') => {}
            found => return Err(unexpected(found, "a key in quotes")),
        }
        let mut key = Capture::new(MAX_KEY_BYTES);
        let line = self.line;
        if !self.value(&mut key)? {
            return Err(cut_off(line));
        }
        match self.visible()? {
            Some(b':') => self.skip(),
            found => return Err(unexpected(found, "`:`")),
        }
        self.visible()?;
        let known = key.whole().ok();
        Ok(Some(
            known
                .and_then(|key| serde_json::from_slice(key).ok())
                .unwrap_or_default(),
        ))
    }

    fn ignore_value(&mut self) -> Result<()> {
        let mut nothing = Capture::new(0);
        let line = self.line;
        if !self.value(&mut nothing)? {
            return Err(cut_off(line));
        }
        if nothing.is_empty() {
            let found = self.visible()?;
            return Err(unexpected(found, "a value"));
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where in a value the cutter is.
#[derive(Default)]
struct At {
    /// In how many lists and objects.
    depth: usize,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Before,
    /// In a bare word, or between the values of a list or an object.
    Within,
    Text,
    /// Behind a backslash.
    Escaped,
    /// It was a text, a list or an object, and is closed.
    Closed,
}

impl At {
    /// Whether the value is over before this byte.
    fn ends_before(&mut self, byte: u8) -> bool {
        self.state = match self.state {
            State::Closed => return true,
            State::Escaped => State::Text,
            State::Text => self.in_text(byte),
            State::Before | State::Within if self.is_ended_by(byte) => return true,
            State::Before | State::Within => self.outside_of_text(byte),
        };
        false
    }

    fn in_text(&self, byte: u8) -> State {
        match byte {
            b'\\' => State::Escaped,
            b'"' => self.behind_a_value(),
            _ => State::Text,
        }
    }

    fn outside_of_text(&mut self, byte: u8) -> State {
        match byte {
            b'"' => State::Text,
            b'{' | b'[' => {
                self.depth += 1;
                State::Within
            }
            b'}' | b']' => {
                self.depth -= 1;
                self.behind_a_value()
            }
            _ => State::Within,
        }
    }

    fn behind_a_value(&self) -> State {
        if self.depth == 0 {
            State::Closed
        } else {
            State::Within
        }
    }

    /// What ends a bare word: a separator, or another value that none stands before.
    fn is_ended_by(&self, byte: u8) -> bool {
        let is_value = b"\"{[".contains(&byte) && matches!(self.state, State::Within);
        let is_separator = b"}],:".contains(&byte) || byte.is_ascii_whitespace();
        self.depth == 0 && (is_value || is_separator)
    }

    /// Whether the value may end with the file.
    fn may_end(&self) -> bool {
        self.depth == 0 && !matches!(self.state, State::Text | State::Escaped)
    }
}
