//! One error type: a [`kind`](Error::kind) to match on, a sentence to read, a
//! [`hint`](Error::hint) what to do, and the [`ledger`](Error::ledger) of every call made so far.

mod ledger;
mod refusal;

use std::error::Error as StdError;
use std::fmt;

use serde_json::Value;

pub use crate::failure::{ErrorKind, ToolFailure, ToolStatus};
pub use ledger::{CallReport, Ledger, SchemaViolation, ToolReport};
pub(crate) use refusal::{BudgetRefusal, OverBudget};

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, what it cost, and what to do.
///
/// `Display` prints one line of its own and never a prompt, an answer or a key; causes are in
/// [`source`](StdError::source). `{:#}` adds the causes and the hint.
///
/// ```
/// use duologue::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Config, "`concurrency` is 0").with_hint("use 1 or more");
/// assert_eq!(error.to_string(), "`concurrency` is 0");
/// assert_eq!(format!("{error:#}"), "`concurrency` is 0 (hint: use 1 or more)");
/// assert_eq!(error.kind(), ErrorKind::Config);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    ledger: Ledger,
    refusal: Option<BudgetRefusal>,
    answer: Option<Value>,
}

impl Error {
    /// An error of `kind`; `message` is one line, lower case, without prompt, answer or key.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            source: None,
            ledger: Ledger::default(),
            refusal: None,
            answer: None,
        }))
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error, its message led by the place that asked for it.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    pub(crate) fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.0.ledger = ledger;
        self
    }

    pub(crate) fn with_refusal(mut self, refusal: BudgetRefusal) -> Self {
        self.0.refusal = Some(refusal);
        self
    }

    /// The same error with an answer that was paid for, though something failed behind it.
    pub(crate) fn with_answer(mut self, answer: Value) -> Self {
        self.0.answer = Some(answer);
        self
    }

    /// Why a budget refused a call, where one did.
    pub(crate) fn refusal(&self) -> Option<&BudgetRefusal> {
        self.0.refusal.as_ref()
    }

    /// The answer that came all the same.
    pub(crate) fn take_answer(&mut self) -> Option<Value> {
        self.0.answer.take()
    }

    /// What to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same run may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable()
    }

    /// What to do about it, when that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref().or_else(|| self.0.kind.advice())
    }

    /// Every call that the run made before it failed; empty when it made none.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&with_causes(self))?;
            if let Some(hint) = self.hint() {
                write!(f, " (hint: {hint})")?;
            }
            return Ok(());
        }
        f.write_str(&self.0.message)
    }
}

/// What `error` and its causes say, in one line.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("hint", &self.hint())
            .field("source", &self.0.source)
            .field("ledger", &self.0.ledger)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
