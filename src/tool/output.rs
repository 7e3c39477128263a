//! What a tool gives back.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;

use crate::error::with_causes;

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
        match serde_json::to_value(value)? {
            serde_json::Value::String(text) => Ok(Self::text(text)),
            value => Ok(Self::text(value.to_string())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
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
    fatal: bool,
}

impl ToolError {
    /// A failure that the model sees as the result of its call, and may answer to.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fatal: false,
        }
    }

    /// A failure after which going on makes no sense: the run ends with
    /// [`ErrorKind::Tool`](crate::ErrorKind::Tool).
    pub fn fatal(message: impl Into<String>) -> Self {
        Self {
            fatal: true,
            ..Self::new(message)
        }
    }

    /// What went wrong, causes included.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the run ends with it.
    pub fn is_fatal(&self) -> bool {
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
            .field("fatal", &self.fatal)
            .finish()
    }
}
