//! Where one event of a stream ends and the next begins.

use crate::provider::{Framing, Progress, ProviderError};

/// Who takes events: the name, where there is one, and the data.
pub(super) type Take<'a> = &'a mut dyn FnMut(Option<&str>, &str) -> Result<Progress, ProviderError>;

/// Takes pieces of a body, however they are cut, and hands on events. Invalid UTF-8 is replaced, as
/// it is in answers that come whole.
#[derive(Debug)]
pub(super) struct Framer {
    framing: Framing,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Whether a line feed that comes next belongs to the line before.
    after_return: bool,
    name: Option<String>,
    data: Vec<u8>,
    has_data: bool,
}

impl Framer {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            line: Vec::new(),
            after_return: false,
            name: None,
            data: Vec::new(),
            has_data: false,
        }
    }

    /// Takes the next piece of the body.
    pub(super) fn push(&mut self, piece: &[u8], take: Take<'_>) -> Result<Progress, ProviderError> {
        let Some(last) = piece.last() else {
            return Ok(Progress::More);
        };
        let mut rest = piece;
        if std::mem::take(&mut self.after_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, after) = rest.split_at(end);
            rest = after_line(after);
            let progress = if self.line.is_empty() {
                self.line(line, take)?
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.line(&whole, take)?
            };
            if progress == Progress::Done {
                return Ok(Progress::Done);
            }
        }
        self.line.extend_from_slice(rest);
        self.after_return = *last == b'\r';
        Ok(Progress::More)
    }

    /// Takes the end of the body: a last event counts without the blank line that ends it.
    pub(super) fn finish(&mut self, take: Take<'_>) -> Result<Progress, ProviderError> {
        let line = std::mem::take(&mut self.line);
        match self.line(&line, take)? {
            Progress::More => self.dispatch(take),
            done => Ok(done),
        }
    }

    fn line(&mut self, line: &[u8], take: Take<'_>) -> Result<Progress, ProviderError> {
        if self.framing == Framing::Lines {
            return match line.trim_ascii() {
                [] => Ok(Progress::More),
                line => take(None, &String::from_utf8_lossy(line)),
            };
        }
        if line.is_empty() {
            return self.dispatch(take);
        }
        if let Some(value) = field(line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        } else if let Some(value) = field(line, b"event") {
            self.name = Some(String::from_utf8_lossy(value).into_owned());
        }
        Ok(Progress::More)
    }

    /// Hands on the event whose end has come, if there is one.
    fn dispatch(&mut self, take: Take<'_>) -> Result<Progress, ProviderError> {
        let name = self.name.take().filter(|name| !name.is_empty());
        if !std::mem::take(&mut self.has_data) {
            return Ok(Progress::More);
        }
        let progress = take(name.as_deref(), &String::from_utf8_lossy(&self.data));
        self.data.clear();
        progress
    }
}

/// What follows the end of a line that stands at the beginning of `rest`.
fn after_line(rest: &[u8]) -> &[u8] {
    match rest {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        [] => rest,
    }
}

/// The value of the field `name`, if `line` is that.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(Option<String>, String)> {
        let mut events = Vec::new();
        let mut framer = Framer::new(Framing::Events);
        let mut take = |name: Option<&str>, data: &str| {
            events.push((name.map(str::to_owned), data.to_owned()));
            Ok(Progress::More)
        };
        for piece in pieces {
            framer.push(piece, &mut take).unwrap();
        }
        framer.finish(&mut take).unwrap();
        events
    }

    #[test]
    fn every_way_to_end_a_line_is_one() {
        let expected = vec![
            (None, "a".to_owned()),
            (Some("e".to_owned()), "b\nc".to_owned()),
            (None, "d".to_owned()),
        ];
        for end in ["\n", "\r", "\r\n"] {
            let text = ": x\n\ndata:a\n\nevent: e\nid: 1\ndata: b\ndata: c\n\nretry: 1\n\n\ndata:d"
                .replace('\n', end);
            assert_eq!(events(&[text.as_bytes()]), expected, "{end:?}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(events(&bytes), expected, "{end:?}, byte by byte");
        }
    }

    #[test]
    fn text_that_is_cut_inside_of_a_letter_is_whole_again() {
        let text = "data: tide \u{1f30a}\n\n".as_bytes();
        assert_eq!(
            events(&[&text[..13], &text[13..]]),
            [(None, "tide \u{1f30a}".to_owned())]
        );
    }
}
