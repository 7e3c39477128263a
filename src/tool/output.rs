//! What a tool gives back.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;

use crate::error::{ErrorKind, with_causes};

/// The result of a tool call, as the model reads it: text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolOutput {
    text: String,
}

impl ToolOutput {
    /// This text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// These bytes as text; what is not UTF-8 is replaced.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::text(String::from_utf8_lossy(bytes))
    }

    /// `value` as compact JSON; a text stays as it is.
    ///
    /// # Errors
    /// [`ToolError`] when it cannot be written as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, ToolError> {
        let json = serde_json::to_string(value)?;
        if json.starts_with('"') {
            return Ok(Self::text(serde_json::from_str::<String>(&json)?));
        }
        Ok(Self::text(json))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, or its beginning and end with a note in the place of what is too much for `max_bytes`.
    pub(crate) fn clipped(self, max_bytes: usize) -> String {
        let text = self.text;
        if text.len() <= max_bytes {
            return text;
        }
        let (mut end, mut start) = (max_bytes - max_bytes / 3, text.len() - max_bytes / 3);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let (head, tail) = (&text[..end], &text[start..]);
        let left_out = text.len() - head.len() - tail.len();
        format!(
            "{head}\n[{left_out} of {} bytes left out here: the result is too long]\n{tail}",
            text.len()
        )
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.text
    }
}

/// Why a tool call gave no result.
///
/// Made of any error by `?`; what it says, and its causes, is what the model sees.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolError {
    message: String,
    /// The kind of the run's error, where the run ends with this one.
    fatal: Option<ErrorKind>,
}

impl ToolError {
    /// A failure that the model sees as the result of its call, and may answer to.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fatal: None,
        }
    }

    /// A failure after which going on makes no sense: the run ends with
    /// [`ErrorKind::Tool`](crate::ErrorKind::Tool).
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::fatal_as(ErrorKind::Tool, message)
    }

    /// A failure that the run ends with, as an error of `kind`.
    pub(crate) fn fatal_as(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            fatal: Some(kind),
            ..Self::new(message)
        }
    }

    /// What went wrong, causes included.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the run ends with it.
    pub fn is_fatal(&self) -> bool {
        self.fatal.is_some()
    }

    pub(crate) fn into_message(self) -> String {
        self.message
    }

    /// The kind of the error that the run ends with.
    pub(crate) fn fatal_kind(&self) -> Option<ErrorKind> {
        self.fatal
    }
}

/// Not `std::error::Error` itself, so that every such error can become one.
impl<E: StdError> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::new(with_causes(&error))
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolError")
            .field("message", &self.message)
            .field("fatal", &self.is_fatal())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_result_is_left_out_between_characters() {
        let clipped = |text: &str, max| ToolOutput::text(text).clipped(max);
        assert_eq!(clipped("tide", 4), "tide");
        assert_eq!(
            clipped("abcdefghi", 6),
            "abcd\n[3 of 9 bytes left out here: the result is too long]\nhi"
        );
        for max in 0..40 {
            let text = "äöü€".repeat(5);
            assert!(clipped(&text, max).len() <= max + 70, "{max}");
        }
    }

    #[test]
    fn a_text_is_given_as_it_is_and_all_else_as_json() {
        let text = |value: serde_json::Value| ToolOutput::json(&value).unwrap().into_string();
        assert_eq!(text("a \"b\"".into()), "a \"b\"");
        assert_eq!(text(serde_json::json!({"a": [1]})), r#"{"a":[1]}"#);
    }
}
