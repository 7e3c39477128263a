//! What stands around a value: prose, fences, reasoning blocks.

use super::super::scan::REASONING_TAGS;

/// The longest tag worth remembering, without its end.
const MAX_TAG: usize = "</reasoning".len();

/// Where reading stands outside of values.
#[derive(Debug, Default)]
pub(super) struct Prose {
    /// A tag that has begun: `<`, `</thi`.
    tag: String,
    /// Something other than blanks stands on this line.
    mid_line: bool,
    /// Inside of the reasoning block of this tag.
    block: Option<usize>,
    /// No value is wanted any more, but a closing tag of reasoning voids that.
    closed: bool,
}

/// What a step outside of values came upon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing but words.
    Words,
    /// A bracket that may open a value; it is not consumed.
    Bracket(char),
    /// The end of a reasoning block that began before the text: all before it is void.
    EndOfReasoning,
}

impl Prose {
    /// Looks for no more values.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Reads on; gives what it came upon and what is left.
    pub(super) fn step<'t>(&mut self, text: &'t str) -> (Sight, &'t str) {
        if !self.tag.is_empty() {
            return self.in_tag(text);
        }
        let bytes = text.as_bytes();
        let found = if self.closed || self.block.is_some() {
            memchr::memchr(b'<', bytes)
        } else {
            memchr::memchr3(b'{', b'[', b'<', bytes)
        };
        let (words, rest) = text.split_at(found.unwrap_or(bytes.len()));
        self.pass(words);
        match rest.as_bytes().first() {
            Some(b'<') => {
                self.tag.push('<');
                (Sight::Words, &rest[1..])
            }
            Some(bracket) => {
                self.mid_line = true;
                (Sight::Bracket(char::from(*bracket)), rest)
            }
            None => (Sight::Words, rest),
        }
    }

    fn pass(&mut self, words: &str) {
        let line = match words.rfind('\n') {
            Some(at) => {
                self.mid_line = false;
                &words[at..]
            }
            None => words,
        };
        self.mid_line |= !line.trim_matches('\u{feff}').trim().is_empty();
    }

    fn in_tag<'t>(&mut self, text: &'t str) -> (Sight, &'t str) {
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'>' => {
                    let tag = std::mem::take(&mut self.tag);
                    return (self.tag_ended(&tag), &text[at + 1..]);
                }
                b'/' | b'a'..=b'z' | b'A'..=b'Z' if self.tag.len() < MAX_TAG => {
                    self.tag.push(char::from(byte));
                }
                _ => {
                    self.tag.clear();
                    self.mid_line = true;
                    return (Sight::Words, &text[at..]);
                }
            }
        }
        (Sight::Words, "")
    }

    fn tag_ended(&mut self, tag: &str) -> Sight {
        let known = |name: &str| {
            REASONING_TAGS
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known))
        };
        if let Some(ended) = tag.strip_prefix("</").and_then(known) {
            match self.block {
                Some(block) if block == ended => self.block = None,
                Some(_) => {}
                None => {
                    self.closed = false;
                    return Sight::EndOfReasoning;
                }
            }
        } else if let Some(begun) = tag.strip_prefix('<').and_then(known)
            && self.block.is_none()
            && !self.closed
            // Elsewhere prose may only mention it; if not, its end voids what stood in it.
            && !self.mid_line
        {
            self.block = Some(begun);
        }
        self.mid_line = true;
        Sight::Words
    }
}
