//! Asking somebody whether a tool may run.

use async_trait::async_trait;
use serde_json::Value;

use crate::tool::ToolContext;

/// A call of a tool that somebody is asked about.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PermissionQuestion<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// What the model wants to call it with. Not sanitized: it is what the tool will get.
    pub arguments: &'a Value,
    /// Whether the tool [acts on the world](crate::tool::Tool::acts_on_world).
    pub acts_on_world: bool,
    /// Who calls: agent, run, deadline.
    pub context: &'a ToolContext,
}

/// The answer to a [`PermissionQuestion`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PermissionAnswer {
    /// This call runs.
    Allow,
    /// This call and all later ones of the same tool in the same run.
    AllowAlways,
    /// It does not run; the model is told why.
    Reject(String),
}

/// Somebody who can be asked whether a tool may run: a person, a policy, a service.
///
/// A set asks one question at a time. A function is one too; it must not block:
///
/// ```
/// use duologue::tool::{PermissionAnswer, PermissionQuestion, ToolSet};
///
/// let tools = ToolSet::builder().ask(|question: &PermissionQuestion<'_>| match question.tool {
///     "mail__send" => PermissionAnswer::Reject("mails are sent by people".to_owned()),
///     _ => PermissionAnswer::Allow,
/// });
/// ```
#[async_trait]
pub trait AskPermission: Send + Sync {
    /// The answer. A panic counts as a rejection.
    ///
    /// # Cancel safety
    /// The future is dropped when the run is cancelled or its deadline passes.
    async fn ask(&self, question: &PermissionQuestion<'_>) -> PermissionAnswer;
}

#[async_trait]
impl<F> AskPermission for F
where
    F: Fn(&PermissionQuestion<'_>) -> PermissionAnswer + Send + Sync,
{
    async fn ask(&self, question: &PermissionQuestion<'_>) -> PermissionAnswer {
        self(question)
    }
}
