//! What is wrong with a draft: found by a check, or by the judge.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How bad an [`Issue`] is.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The judge is told of it, and decides.
    Warning,
    /// The draft goes back to the planner; found by a check, it saves the judge's call.
    #[default]
    Error,
}

impl Severity {
    /// The word for it: `warning`, `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong; the planner and the judge read it.
    pub message: String,
    /// Where: a JSON pointer into the draft (RFC 6901); absent for the whole draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The check that found it; absent when the judge did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl Issue {
    /// An issue that sends the draft back.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// An issue for the judge to weigh.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    pub(super) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            path: None,
            check: None,
        }
    }

    /// The same issue at this place of the draft, a JSON pointer such as `/steps/0`.
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// One line: ``error at `/steps`: has 1 item, at least 3 are needed``.
impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.severity)?;
        if let Some(path) = self.path.as_deref().filter(|path| !path.is_empty()) {
            write!(f, " at `{path}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A severity in words of the judge's own (`critical`) is none.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Severity>, D::Error> {
    let written = serde_json::Value::deserialize(deserializer)?;
    Ok(Severity::deserialize(written).ok())
}

/// As a judge writes it: a text, or an object of which only `message` must be there.
impl<'de> Deserialize<'de> for Issue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an issue: a text, or an object with `message`")]
        enum Written {
            Text(String),
            Object {
                message: String,
                #[serde(default, deserialize_with = "known")]
                severity: Option<Severity>,
                #[serde(default)]
                path: Option<String>,
            },
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(message) => Self::error(message),
            Written::Object {
                message,
                severity,
                path,
            } => Self {
                path,
                ..Self::new(severity.unwrap_or_default(), message)
            },
        })
    }
}
