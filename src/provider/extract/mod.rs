//! JSON out of a model's text: [`extract_json`].
//!
//! Text that is plain JSON is parsed once and not looked at again. Anything else is read by a
//! scanner that skips reasoning blocks, fences and prose, and by a lenient parser that mends what
//! models get wrong. What had to be done is in [`Extracted::fixups`].
//!
//! # Which value is the answer
//!
//! 1. A value inside another value is part of it, and never an answer of its own.
//! 2. A value that `fits` beats one that does not, an object beats an array, an array beats a
//!    scalar, and content beats emptiness.
//! 3. Among equals that fit, the last one wins: models restate the example first and answer last.
//!    Among equals that do not fit, the largest one wins, so that a validator can explain it.
//! 4. A scalar counts only as the whole text or the whole of a fence; `42` in a sentence is prose.
//! 5. When the text ends inside a value, that is the result, whatever came before it.
//!    So is a broken object with quoted keys after the best value: an example that fits must not
//!    stand in for an answer that does not parse.
//!
//! # What is not mended
//!
//! A cut value is never completed. Missing commas, unescaped quotes inside strings, `NaN` and
//! `Infinity` are syntax errors, because each guess about them can be wrong without a trace. The
//! inside of a broken value is not searched for smaller values.
//!
//! # Limits
//!
//! [`MAX_BYTES`] and [`MAX_DEPTH`]. The lenient parser keeps its own stack, and time grows with
//! the length of the text: reading never goes back into a value that failed.

mod candidate;
mod fixup;
mod lenient;
mod partial;
mod quoted;
mod scan;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

pub use fixup::Fixup;
pub use partial::PartialJson;

/// The longest text that is looked at: 16 MiB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The deepest nesting of objects and arrays, the same as `serde_json`'s.
pub const MAX_DEPTH: usize = 127;

/// A value, and what it took to get it.
#[derive(Debug, Clone, PartialEq)]
pub struct Extracted {
    /// The answer.
    pub value: Value,
    /// What had to be done, sorted and without repetition; empty when the text was plain JSON.
    pub fixups: Vec<Fixup>,
}

/// Why there is no value. Offsets are bytes from 0; lines and columns (in characters) start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtractError {
    /// The text holds no JSON value.
    NoJson,
    /// The text ends inside a value, or inside a reasoning block that never closed.
    Incomplete {
        /// Where the unfinished value or block begins.
        offset: usize,
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// The value is broken in a way that is not mended.
    Syntax {
        /// Where reading stopped.
        offset: usize,
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
        /// What is wrong there.
        message: &'static str,
    },
    /// The text is longer than [`MAX_BYTES`].
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The value is nested deeper than [`MAX_DEPTH`].
    TooDeep {
        /// Where the limit was passed.
        offset: usize,
    },
}

/// The JSON value in a model's text.
///
/// `fits` says whether a value is of the wanted kind, usually whether it fits the schema. It
/// decides between values and is not a filter: when nothing fits, the best value is returned all
/// the same, for a validator to complain about. It is asked about each value in the text. Plain
/// JSON is returned without asking, except for a string: one that does not fit and holds an
/// encoded object is decoded, once.
///
/// Repeated keys: the last one wins. Numbers are what `serde_json` makes of them. A list with one
/// object in it stays a list.
///
/// # Errors
/// [`ExtractError`], which never quotes the text.
///
/// # Take the answer out of a chatty reply
///
/// ```
/// use duologue::provider::extract::{ExtractError, Fixup, extract_json};
/// use serde_json::json;
///
/// let reply = "<think>maybe {}?</think>Here you are:\n```json\n{\"city\": \"Oslo\",}\n```";
/// let found = extract_json(reply, &|value| value.get("city").is_some())?;
///
/// assert_eq!(found.value, json!({"city": "Oslo"}));
/// assert_eq!(
///     found.fixups,
///     [
///         Fixup::ThinkBlock,
///         Fixup::CodeFence,
///         Fixup::SurroundingText,
///         Fixup::TrailingComma,
///     ]
/// );
/// # Ok::<(), ExtractError>(())
/// ```
///
/// # A cut answer is an error
///
/// ```
/// use duologue::provider::extract::{ExtractError, extract_json};
///
/// let cut = extract_json(r#"{"city": {"name": "Oslo"}, "count"#, &|_| true);
/// assert!(matches!(cut, Err(ExtractError::Incomplete { offset: 0, .. })));
/// ```
pub fn extract_json(text: &str, fits: &dyn Fn(&Value) -> bool) -> Result<Extracted, ExtractError> {
    if text.len() > MAX_BYTES {
        return Err(ExtractError::TooLarge { bytes: text.len() });
    }
    let mut found = find(text, fits)?;
    if let Some(inner) = decoded(&found.value, fits) {
        found.value = inner.value;
        found.fixups.extend(inner.fixups);
        found.fixups.insert(Fixup::DoubleEncoded);
    }
    Ok(Extracted {
        value: found.value,
        fixups: found.fixups.into_iter().collect(),
    })
}

/// A value on its way out.
struct Found {
    value: Value,
    fixups: BTreeSet<Fixup>,
}

fn find(text: &str, fits: &dyn Fn(&Value) -> bool) -> Result<Found, ExtractError> {
    let trimmed = text.trim();
    match serde_json::from_str(trimmed) {
        Ok(value) => Ok(Found {
            value,
            fixups: BTreeSet::new(),
        }),
        Err(error) if error.is_eof() && trimmed.starts_with(['{', '[', '"']) => {
            let start = text.len() - text.trim_start().len();
            Err(ExtractError::incomplete(text, start))
        }
        Err(_) => scan::Scan::new(text, fits).run(),
    }
}

/// What a string holds, when it is not the answer but an encoded one.
fn decoded(value: &Value, fits: &dyn Fn(&Value) -> bool) -> Option<Found> {
    let text = value.as_str().filter(|_| !fits(value))?;
    let inner = find(text, fits).ok()?;
    let encoded_object = inner.value.is_object() && text.trim_start().starts_with('{');
    (encoded_object || (!inner.value.is_string() && fits(&inner.value))).then_some(inner)
}

impl ExtractError {
    fn incomplete(text: &str, offset: usize) -> Self {
        let (line, column) = position(text, offset);
        Self::Incomplete {
            offset,
            line,
            column,
        }
    }

    fn syntax(text: &str, offset: usize, message: &'static str) -> Self {
        let (line, column) = position(text, offset);
        Self::Syntax {
            offset,
            line,
            column,
            message,
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJson => f.write_str("the text holds no JSON value"),
            Self::Incomplete { line, column, .. } => write!(
                f,
                "the text ends inside what begins at line {line}, column {column}"
            ),
            Self::Syntax {
                line,
                column,
                message,
                ..
            } => write!(f, "{message} at line {line}, column {column}"),
            Self::TooLarge { bytes } => {
                write!(f, "the text has {bytes} bytes, more than {MAX_BYTES}")
            }
            Self::TooDeep { offset } => write!(
                f,
                "the value is nested more than {MAX_DEPTH} levels deep at byte {offset}"
            ),
        }
    }
}

impl std::error::Error for ExtractError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_limit_is_that_of_serde_json() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let plain = |depth| serde_json::from_str::<Value>(&nested(depth)).is_ok();
        let lenient = |depth| lenient::parse(&nested(depth), 0).is_ok();
        assert!(plain(MAX_DEPTH) && lenient(MAX_DEPTH));
        assert!(!plain(MAX_DEPTH + 1) && !lenient(MAX_DEPTH + 1));
    }

    #[test]
    fn a_position_counts_characters_from_one() {
        assert_eq!(position("ab", 0), (1, 1));
        assert_eq!(position("a\näöx", 6), (2, 3));
    }
}
