//! A string that arrives in pieces: its escapes may be cut anywhere.

use super::super::quoted::closes;

/// Where reading stands inside of a string.
#[derive(Debug)]
pub(super) struct OpenString {
    quote: char,
    escape: Escape,
    /// The first half of a surrogate pair, whose second half must follow.
    high: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Escape {
    None,
    /// Behind a backslash.
    Begun,
    /// Behind `\u` and so many digits.
    Unicode {
        code: u32,
        digits: u8,
    },
}

/// How a step inside of a string ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    GoesOn,
    Ended,
    Broken,
}

impl OpenString {
    pub(super) fn new(quote: char) -> Self {
        Self {
            quote,
            escape: Escape::None,
            high: None,
        }
    }

    /// Reads on into `out`; gives how far it came and what is left.
    pub(super) fn step<'t>(&mut self, text: &'t str, out: &mut String) -> (Progress, &'t str) {
        match self.escape {
            Escape::None => self.plain(text, out),
            Escape::Begun => self.escaped(text, out),
            Escape::Unicode { code, digits } => self.unicode(text, out, code, digits),
        }
    }

    fn plain<'t>(&mut self, text: &'t str, out: &mut String) -> (Progress, &'t str) {
        let end = match self.quote {
            '"' => memchr::memchr2(b'"', b'\\', text.as_bytes()),
            quote => text.find(|c| c == '\\' || closes(quote, c)),
        };
        let (plain, rest) = text.split_at(end.unwrap_or(text.len()));
        let backslash = rest.starts_with('\\');
        if self.high.is_some() && !(plain.is_empty() && backslash) {
            return (Progress::Broken, text);
        }
        out.push_str(plain);
        let Some(next) = rest.chars().next() else {
            return (Progress::GoesOn, "");
        };
        let rest = &rest[next.len_utf8()..];
        if backslash {
            self.escape = Escape::Begun;
            (Progress::GoesOn, rest)
        } else {
            (Progress::Ended, rest)
        }
    }

    fn escaped<'t>(&mut self, text: &'t str, out: &mut String) -> (Progress, &'t str) {
        let Some(c) = text.chars().next() else {
            return (Progress::GoesOn, text);
        };
        let rest = &text[c.len_utf8()..];
        self.escape = Escape::None;
        if c == 'u' {
            self.escape = Escape::Unicode { code: 0, digits: 0 };
            return (Progress::GoesOn, rest);
        }
        if self.high.is_some() {
            return (Progress::Broken, text);
        }
        match c {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            '"' | '\\' | '/' | '\'' => out.push(c),
            c if closes(self.quote, c) => out.push(c),
            '\n' => {}
            c => out.extend(['\\', c]),
        }
        (Progress::GoesOn, rest)
    }

    fn unicode<'t>(
        &mut self,
        text: &'t str,
        out: &mut String,
        code: u32,
        digits: u8,
    ) -> (Progress, &'t str) {
        let Some(digit) = text.chars().next().and_then(|c| c.to_digit(16)) else {
            // `\underline`: the backslash was not meant as one.
            if digits == 0 && self.high.is_none() {
                out.push_str("\\u");
                self.escape = Escape::None;
                return (Progress::GoesOn, text);
            }
            return (Progress::Broken, text);
        };
        let (code, rest) = (code * 16 + digit, &text[1..]);
        if digits < 3 {
            let digits = digits + 1;
            self.escape = Escape::Unicode { code, digits };
            return (Progress::GoesOn, rest);
        }
        self.escape = Escape::None;
        let code = match (self.high.take(), code) {
            (None, 0xD800..=0xDBFF) => {
                self.high = Some(code);
                return (Progress::GoesOn, rest);
            }
            (None, _) => code,
            (Some(high), 0xDC00..=0xDFFF) => 0x1_0000 + ((high - 0xD800) << 10) + (code - 0xDC00),
            (Some(_), _) => return (Progress::Broken, rest),
        };
        match char::from_u32(code) {
            Some(c) => {
                out.push(c);
                (Progress::GoesOn, rest)
            }
            None => (Progress::Broken, rest),
        }
    }
}
