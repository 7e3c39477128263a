//! Strings in any quotes, with the escapes and raw control characters that models write.

use super::Fixup;
use super::lenient::{Evidence, Parser, Stop};

impl Parser<'_> {
    /// The string that `open` begins at the current position.
    pub(super) fn string(&mut self, open: char) -> Result<String, Stop> {
        if open == '\'' {
            self.fixups.insert(Fixup::SingleQuotes);
        } else if open != '"' {
            self.fixups.insert(Fixup::SmartQuotes);
        }
        self.pos += open.len_utf8();
        let mut out = String::new();
        loop {
            match self.bump()? {
                c if closes(open, c) => break,
                '\\' => self.escape(open, &mut out)?,
                c => {
                    if c < ' ' {
                        self.fixups.insert(Fixup::ControlCharacter);
                    }
                    out.push(c);
                }
            }
        }
        self.saw(Evidence::Item);
        Ok(out)
    }

    fn bump(&mut self) -> Result<char, Stop> {
        let c = self.peek().ok_or(Stop::Incomplete)?;
        self.pos += c.len_utf8();
        Ok(c)
    }

    fn escape(&mut self, open: char, out: &mut String) -> Result<(), Stop> {
        match self.bump()? {
            c @ ('"' | '\\' | '/') => out.push(c),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => self.unicode(out)?,
            c if closes(open, c) => out.push(c),
            c => {
                self.fixups.insert(Fixup::InvalidEscape);
                match c {
                    '\'' => out.push(c),
                    // JavaScript and Python continue the line.
                    '\n' => {}
                    _ => out.extend(['\\', c]),
                }
            }
        }
        Ok(())
    }

    /// The character of `\uXXXX`, or of two that are a surrogate pair.
    fn unicode(&mut self, out: &mut String) -> Result<(), Stop> {
        let Some(first) = self.hex()? else {
            self.fixups.insert(Fixup::InvalidEscape);
            out.push_str("\\u");
            return Ok(());
        };
        let code = match first {
            0xD800..=0xDBFF => 0x1_0000 + ((first - 0xD800) << 10) + self.low_surrogate()?,
            _ => first,
        };
        out.push(char::from_u32(code).ok_or_else(|| self.fault("half of a surrogate pair"))?);
        Ok(())
    }

    fn low_surrogate(&mut self) -> Result<u32, Stop> {
        for wanted in ['\\', 'u'] {
            if self.bump()? != wanted {
                return Err(self.fault("half of a surrogate pair"));
            }
        }
        match self.hex()? {
            Some(low @ 0xDC00..=0xDFFF) => Ok(low - 0xDC00),
            _ => Err(self.fault("half of a surrogate pair")),
        }
    }

    /// Four hexadecimal digits, or nothing consumed.
    fn hex(&mut self) -> Result<Option<u32>, Stop> {
        let end = self.pos + 4;
        let bytes = self.text.as_bytes();
        let digits = bytes.get(self.pos..end).ok_or(Stop::Incomplete)?;
        let code = digits.iter().try_fold(0, |code, byte| {
            Some(code * 16 + char::from(*byte).to_digit(16)?)
        });
        if code.is_some() {
            self.pos = end;
        }
        Ok(code)
    }
}

pub(super) fn closes(open: char, c: char) -> bool {
    match open {
        '"' | '\'' => c == open,
        '“' | '”' | '„' | '‟' => matches!(c, '“' | '”' | '‟'),
        _ => matches!(c, '‘' | '’' | '‛'),
    }
}
