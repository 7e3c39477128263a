//! Permission rules, as a job file holds them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::tool::pattern;

/// What happens to the calls of the tools that a pattern fits.
///
/// ```
/// use duologue::tool::{PermissionAction, PermissionRule};
///
/// let rule = PermissionRule::new("files__read_*", PermissionAction::Allow);
/// assert_eq!(rule.tool, "files__read_*");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PermissionRule {
    /// Names of tools; `*` stands for any characters.
    pub tool: String,
    /// What happens.
    pub action: PermissionAction,
}

/// What a rule does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PermissionAction {
    /// It runs.
    Allow,
    /// It does not run, and the model is told so.
    Reject,
    /// Somebody is asked; where nobody can be, it does not run.
    Ask,
}

impl PermissionAction {
    /// `allow`, `reject` or `ask`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Reject => "reject",
            Self::Ask => "ask",
        }
    }
}

impl PermissionRule {
    /// `action` for the tools that `tool` fits.
    pub fn new(tool: impl Into<String>, action: PermissionAction) -> Self {
        Self {
            tool: tool.into(),
            action,
        }
    }

    pub(crate) fn fits(&self, tool: &str) -> bool {
        pattern::fits(&self.tool, tool)
    }

    /// `place` is where its `tool` stands.
    pub(crate) fn check_at(&self, place: &str) -> Result<()> {
        if !self.tool.trim().is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Config, format!("{place} is empty"))
            .with_hint("allowed: the name of a tool, or a pattern such as `files__*`"))
    }
}
