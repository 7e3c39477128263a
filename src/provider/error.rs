//! Why a provider gave no answer.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// A call without an answer: the failure's kind, and what the provider said about it.
///
/// ```
/// use duologue::ErrorKind;
/// use duologue::provider::ProviderError;
///
/// let error = ProviderError::new(ErrorKind::RateLimited, "too many requests").with_status(429);
/// assert!(error.is_retryable());
/// assert_eq!(error.to_string(), "too many requests (HTTP 429)");
/// ```
#[derive(Debug)]
pub struct ProviderError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    retries_exhausted: bool,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ProviderError {
    /// A failure of `kind`; `message` is one line without prompt, answer or key.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            retry_after: None,
            retries_exhausted: false,
            hint: None,
            source: None,
        }))
    }

    /// The same failure with the HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The same failure with the least time to wait before another attempt.
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// The same failure after the last attempt that is worth making: nobody tries again, whatever
    /// its kind says.
    pub fn with_retries_exhausted(mut self) -> Self {
        self.0.retries_exhausted = true;
        self
    }

    /// The same failure with its cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same failure with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// HTTP status, when an answer came.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The least time to wait before another attempt, as the provider asked.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What to do about it, when the provider knows.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same request may succeed when it is sent again: its kind says so, and its
    /// retries are not exhausted.
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable() && !self.0.retries_exhausted
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => Ok(()),
        }
    }
}

impl StdError for ProviderError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        let hint = error.0.hint.clone();
        let outer = Error::new(error.kind(), "the model call failed").with_source(error);
        match hint {
            Some(hint) => outer.with_hint(hint),
            None => outer,
        }
    }
}
