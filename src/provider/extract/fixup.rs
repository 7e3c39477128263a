//! What extraction had to do, as words for records.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that extraction had to do to get the value.
///
/// The order is from the outside of the text to the inside of the value.
///
/// ```
/// use duologue::provider::extract::Fixup;
///
/// assert_eq!(Fixup::TrailingComma.as_str(), "trailing_comma");
/// assert!(Fixup::CodeFence < Fixup::TrailingComma);
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fixup {
    /// Dropped a byte order mark.
    ByteOrderMark,
    /// Dropped reasoning: `<think>…</think>`, or all that stood before a lone `</think>`.
    ThinkBlock,
    /// Took the value out of a Markdown fence.
    CodeFence,
    /// Dropped prose before or after the value.
    SurroundingText,
    /// Chose between several values.
    SeveralValues,
    /// Decoded a string that held the value as JSON.
    DoubleEncoded,
    /// Dropped a comma before a closing bracket.
    TrailingComma,
    /// Dropped a `//`, `/* */` or `#` comment.
    Comment,
    /// Read a string in single quotes.
    SingleQuotes,
    /// Read a string in typographic quotes.
    SmartQuotes,
    /// Read a key without quotes.
    UnquotedKey,
    /// Read `True`, `False` or `None`.
    PythonLiteral,
    /// Kept a raw line break, tab or other control character inside a string.
    ControlCharacter,
    /// Kept a backslash that begins no JSON escape (`\d`), or dropped a needless one (`\'`).
    InvalidEscape,
    /// Skipped a space that JSON does not know, such as a no-break space.
    UnusualSpace,
}

impl Fixup {
    /// The word that stands in records: `code_fence`, `trailing_comma`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::ThinkBlock => "think_block",
            Self::CodeFence => "code_fence",
            Self::SurroundingText => "surrounding_text",
            Self::SeveralValues => "several_values",
            Self::DoubleEncoded => "double_encoded",
            Self::TrailingComma => "trailing_comma",
            Self::Comment => "comment",
            Self::SingleQuotes => "single_quotes",
            Self::SmartQuotes => "smart_quotes",
            Self::UnquotedKey => "unquoted_key",
            Self::PythonLiteral => "python_literal",
            Self::ControlCharacter => "control_character",
            Self::InvalidEscape => "invalid_escape",
            Self::UnusualSpace => "unusual_space",
        }
    }
}

impl fmt::Display for Fixup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
