//! A text as a reader sees it, without invisible characters and JSON escapes, and the way back.

use std::ops::Range;

/// The text that the rules look at in place of the original.
#[derive(Debug)]
pub(super) struct View {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

/// A stretch that was copied, or one character that was written as an escape.
#[derive(Debug)]
struct Piece {
    seen: usize,
    original: Range<usize>,
    copied: bool,
}

impl View {
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self {
            text: String::with_capacity(text.len()),
            pieces: Vec::new(),
        };
        let mut copied = 0;
        let mut at = 0;
        while at < text.len() {
            let Some((length, letter)) = hidden(&text[at..]) else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            view.copy(text, copied..at);
            if let Some(letter) = letter {
                view.pieces.push(Piece {
                    seen: view.text.len(),
                    original: at..at + length,
                    copied: false,
                });
                view.text.push(letter);
            }
            at += length;
            copied = at;
        }
        view.copy(text, copied..text.len());
        view
    }

    fn copy(&mut self, text: &str, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.pieces.push(Piece {
            seen: self.text.len(),
            original: range.clone(),
            copied: true,
        });
        self.text.push_str(&text[range]);
    }

    /// Where `seen` stands in the original, with everything hidden inside of it.
    pub(super) fn original(&self, seen: &Range<usize>) -> Range<usize> {
        if seen.is_empty() {
            return 0..0;
        }
        let first = self.piece(seen.start);
        let last = self.piece(seen.end - 1);
        let (Some(first), Some(last)) = (first, last) else {
            return 0..0;
        };
        let start = first.original.start
            + if first.copied {
                seen.start - first.seen
            } else {
                0
            };
        let end = if last.copied {
            last.original.start + seen.end - last.seen
        } else {
            last.original.end
        };
        start..end
    }

    fn piece(&self, seen: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.seen <= seen);
        self.pieces.get(after.checked_sub(1)?)
    }
}

/// How long the invisible character or the escape at the beginning is, and what it stands for.
fn hidden(text: &str) -> Option<(usize, Option<char>)> {
    let bytes = text.as_bytes();
    match bytes {
        [b'\\', b'u', b'0', b'0', high, low, ..] => {
            let code = (char::from(*high).to_digit(16)? << 4) + char::from(*low).to_digit(16)?;
            let letter = char::from_u32(code)?;
            // Quotes and backslashes stay escaped: they would change where a string ends.
            (letter.is_ascii_graphic() && !matches!(letter, '"' | '\\'))
                .then_some((6, Some(letter)))
        }
        [b'\\', b'/', ..] => Some((2, Some('/'))),
        [b'\\', b'u', b'2', b'0', b'0', b'b'..=b'f' | b'B'..=b'F', ..] => Some((6, None)),
        _ => {
            let letter = text.chars().next()?;
            matches!(letter,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
                | '\u{feff}' | '\u{ad}' | '\u{180e}')
            .then(|| (letter.len_utf8(), None))
        }
    }
}

/// The bytes that make a view worth its price, as the scanner looks for them.
pub(super) const HIDDEN: &[&[u8]] = &[
    b"\\u00",
    b"\\u200",
    b"\\/",
    b"\xe2\x80\x8b",
    b"\xe2\x80\x8c",
    b"\xe2\x80\x8d",
    b"\xe2\x80\x8e",
    b"\xe2\x80\x8f",
    b"\xe2\x81\xa0",
    b"\xef\xbb\xbf",
    b"\xc2\xad",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_view_lead_back_to_the_original() {
        let original = "ab\u{200b}c\\u0064e";
        let view = View::of(original);
        assert_eq!(view.text, "abcde");
        assert_eq!(&original[view.original(&(1..4))], "b\u{200b}c\\u0064");
        assert_eq!(&original[view.original(&(4..5))], "e");
    }
}
