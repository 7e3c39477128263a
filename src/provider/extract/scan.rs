//! Finds the values in a text that also holds prose, fences and reasoning.
//!
//! Reading goes left to right and never back: after a value that does not parse it goes on where
//! the parser stopped, or behind the broken value's end.

use std::collections::BTreeSet;

use serde_json::{Deserializer, Value};

use super::candidate::{Broken, Candidate, Rank};
use super::lenient::{self, Evidence, Fault, Parsed, Stop};
use super::{ExtractError, Fixup, Found};

pub(super) const REASONING_TAGS: [&str; 4] = ["think", "thinking", "thought", "reasoning"];

pub(super) struct Scan<'a> {
    text: &'a str,
    fits: &'a dyn Fn(&Value) -> bool,
    pos: usize,
    /// What applies to the text as a whole.
    fixups: BTreeSet<Fixup>,
    fence: Option<Fence>,
    best: Option<Candidate>,
    broken: Option<Broken>,
    /// Per tag: no closing one follows, so nobody needs to search again.
    never_closed: [bool; REASONING_TAGS.len()],
}

#[derive(Clone, Copy)]
struct Fence {
    marker: u8,
    length: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str, fits: &'a dyn Fn(&Value) -> bool) -> Self {
        Self {
            text,
            fits,
            pos: 0,
            fixups: BTreeSet::new(),
            fence: None,
            best: None,
            broken: None,
            never_closed: [false; REASONING_TAGS.len()],
        }
    }

    pub(super) fn run(mut self) -> Result<Found, ExtractError> {
        self.skip_byte_order_mark();
        self.whole_scalar();
        while let Some(&byte) = self.text.as_bytes().get(self.pos) {
            match byte {
                b'{' | b'[' => self.value()?,
                b'<' => self.tag()?,
                b'`' | b'~' => self.fence(),
                byte if byte.is_ascii_whitespace() => self.pos += 1,
                _ => self.prose(self.end_of_words()),
            }
        }
        self.finish()
    }

    fn skip_byte_order_mark(&mut self) {
        let start = self.text.len() - self.text.trim_start().len();
        if self.text[start..].starts_with('\u{feff}') {
            self.fixups.insert(Fixup::ByteOrderMark);
            self.pos = start + '\u{feff}'.len_utf8();
        }
    }

    fn end_of_words(&self) -> usize {
        let rest = &self.text.as_bytes()[self.pos..];
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'{' | b'[' | b'<' | b'`' | b'~'));
        self.pos + end.unwrap_or(rest.len())
    }

    fn prose(&mut self, end: usize) {
        self.fixups.insert(Fixup::SurroundingText);
        self.pos = end;
    }

    fn value(&mut self) -> Result<(), ExtractError> {
        let start = self.pos;
        match strict(self.text, start).map_or_else(|| lenient::parse(self.text, start), Ok) {
            Ok(parsed) => self.offer(start, parsed),
            Err(Stop::Incomplete) => return Err(ExtractError::incomplete(self.text, start)),
            Err(Stop::TooDeep(offset)) => return Err(ExtractError::TooDeep { offset }),
            Err(Stop::Syntax(fault)) => self.step_over(Broken { start, fault }),
        }
        Ok(())
    }

    /// A scalar that is all there is, up to the end of the text or of the fence.
    fn whole_scalar(&mut self) {
        let rest = &self.text[self.pos..];
        let start = self.pos + rest.len() - rest.trim_start().len();
        let alone = self.fence.is_some() || !self.fixups.contains(&Fixup::SurroundingText);
        if !alone || self.text[start..].starts_with(['{', '[']) {
            return;
        }
        let Some(parsed) = strict(self.text, start) else {
            return;
        };
        let after = self.text[parsed.end..].trim_start();
        if after.is_empty() || self.closes_fence(self.text.len() - after.len()) {
            self.offer(start, parsed);
        }
    }

    fn offer(&mut self, start: usize, mut parsed: Parsed) {
        self.pos = parsed.end;
        if self.fence.is_some() {
            parsed.fixups.insert(Fixup::CodeFence);
        }
        let size = parsed.end - start;
        let candidate = Candidate {
            rank: Rank::new(&parsed.value, (self.fits)(&parsed.value), size),
            value: parsed.value,
            fixups: parsed.fixups,
            start,
            size,
        };
        if self.best.is_some() {
            self.fixups.insert(Fixup::SeveralValues);
        }
        if self
            .best
            .as_ref()
            .is_none_or(|best| candidate.rank >= best.rank)
        {
            self.best = Some(candidate);
        }
    }

    fn step_over(&mut self, broken: Broken) {
        let fault = &broken.fault;
        if fault.evidence == Evidence::None {
            return self.prose(fault.at);
        }
        self.prose(self.end_of_broken(fault));
        if self
            .broken
            .as_ref()
            .is_none_or(|known| broken.fault.evidence >= known.fault.evidence)
        {
            self.broken = Some(broken);
        }
    }

    /// Where a broken value ends, as far as brackets tell.
    fn end_of_broken(&self, fault: &Fault) -> usize {
        let bytes = self.text.as_bytes();
        let (mut pos, mut depth) = (fault.at, fault.depth);
        while let Some(&byte) = bytes.get(pos) {
            match byte {
                b'"' => pos = end_of_string(bytes, pos),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth <= 1 => return pos + 1,
                b'}' | b']' => depth -= 1,
                b'`' | b'~' if self.closes_fence(pos) => return pos,
                b'`' | b'~' => pos += run_length(self.text, pos) - 1,
                b'<' if self.reasoning_tag(pos, "</").is_some() => return pos,
                _ => {}
            }
            pos += 1;
        }
        bytes.len()
    }

    fn tag(&mut self) -> Result<(), ExtractError> {
        if let Some(tag) = self.reasoning_tag(self.pos, "</") {
            self.drop_all_before(self.pos + REASONING_TAGS[tag].len() + 3);
        } else if let Some(tag) = self.reasoning_tag(self.pos, "<") {
            match self.end_of_block(tag) {
                Some(end) => {
                    self.fixups.insert(Fixup::ThinkBlock);
                    self.pos = end;
                    self.whole_scalar();
                }
                None if self.at_line_start() => {
                    return Err(ExtractError::incomplete(self.text, self.pos));
                }
                None => self.prose(self.pos + 1),
            }
        } else {
            self.prose(self.pos + 1);
        }
        Ok(())
    }

    /// A closing tag without an opening one: some models are given the opening one in the prompt.
    fn drop_all_before(&mut self, end: usize) {
        self.fixups.remove(&Fixup::SurroundingText);
        self.fixups.remove(&Fixup::SeveralValues);
        self.fixups.insert(Fixup::ThinkBlock);
        self.best = None;
        self.broken = None;
        self.fence = None;
        self.pos = end;
        self.whole_scalar();
    }

    /// Which tag stands at `pos`, behind `<` or `</`.
    fn reasoning_tag(&self, pos: usize, bracket: &str) -> Option<usize> {
        let rest = self.text.as_bytes()[pos..].strip_prefix(bracket.as_bytes())?;
        REASONING_TAGS.iter().position(|tag| {
            rest.get(tag.len()) == Some(&b'>')
                && rest[..tag.len()].eq_ignore_ascii_case(tag.as_bytes())
        })
    }

    fn end_of_block(&mut self, tag: usize) -> Option<usize> {
        if self.never_closed[tag] {
            return None;
        }
        let end = memchr::memchr_iter(b'<', &self.text.as_bytes()[self.pos..])
            .map(|offset| self.pos + offset)
            .find(|at| self.reasoning_tag(*at, "</") == Some(tag))
            .map(|at| at + REASONING_TAGS[tag].len() + 3);
        self.never_closed[tag] = end.is_none();
        end
    }

    fn at_line_start(&self) -> bool {
        let before = self.text[..self.pos].trim_end_matches([' ', '\t', '\u{feff}']);
        before.is_empty() || before.ends_with('\n')
    }

    fn fence(&mut self) {
        let marker = self.text.as_bytes()[self.pos];
        let length = run_length(self.text, self.pos);
        if self.closes_fence(self.pos) {
            self.fence = None;
            self.pos += length;
        } else if self.fence.is_none() && length >= 3 {
            self.fence = Some(Fence { marker, length });
            self.pos = end_of_language(self.text, self.pos + length);
            self.whole_scalar();
        } else {
            self.prose(self.pos + length);
        }
    }

    fn closes_fence(&self, pos: usize) -> bool {
        self.fence.is_some_and(|fence| {
            self.text.as_bytes().get(pos) == Some(&fence.marker)
                && run_length(self.text, pos) >= fence.length
        })
    }

    fn finish(mut self) -> Result<Found, ExtractError> {
        if self.fence.is_some() {
            self.fixups.insert(Fixup::CodeFence);
        }
        let text = self.text;
        let syntax =
            |broken: &Broken| ExtractError::syntax(text, broken.fault.at, broken.fault.message);
        let Some(best) = self.best else {
            return Err(self.broken.as_ref().map_or(ExtractError::NoJson, syntax));
        };
        if let Some(broken) = self.broken.filter(|broken| broken.outweighs(&best)) {
            return Err(syntax(&broken));
        }
        self.fixups.extend(best.fixups);
        Ok(Found {
            value: best.value,
            fixups: self.fixups,
        })
    }
}

/// The value at `start`, when it is plain JSON.
fn strict(text: &str, start: usize) -> Option<Parsed> {
    let mut values = Deserializer::from_str(&text[start..]).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some(Parsed {
        value,
        end: start + values.byte_offset(),
        fixups: BTreeSet::new(),
    })
}

/// The closing quote of a string in a broken value, or the end of the line when it has none.
fn end_of_string(bytes: &[u8], open: usize) -> usize {
    let mut pos = open + 1;
    while let Some(byte) = bytes.get(pos) {
        match byte {
            b'"' | b'\n' => break,
            b'\\' => pos += 2,
            _ => pos += 1,
        }
    }
    pos
}

fn end_of_language(text: &str, pos: usize) -> usize {
    let rest = &text[pos..];
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return pos;
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '+'));
    pos + end.unwrap_or(rest.len())
}

fn run_length(text: &str, pos: usize) -> usize {
    let bytes = &text.as_bytes()[pos..];
    bytes.iter().take_while(|byte| **byte == bytes[0]).count()
}
