//! Who decides whether a tool may run: rules, the first that fits wins, and somebody to ask.
//!
//! Without a rule that fits, a tool that acts on the world is asked about where there is somebody to
//! ask; all else runs. A rule `ask` where nobody can be asked rejects.

mod ask;
mod rule;

use std::collections::HashSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::Mutex;

pub use ask::{AskPermission, PermissionAnswer, PermissionQuestion};
pub use rule::{PermissionAction, PermissionRule};

/// More than this means runs that ended long ago; start over, and ask once more.
const MAX_REMEMBERED: usize = 10_000;

/// Whether a call of a tool may run, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    rejection: Option<String>,
    decided_by: Option<String>,
}

impl Permission {
    fn allowed(by: Option<String>) -> Self {
        Self {
            rejection: None,
            decided_by: by,
        }
    }

    fn rejected(by: String, message: String) -> Self {
        Self {
            rejection: Some(message),
            decided_by: Some(by),
        }
    }

    /// What the model is told in place of a result; `None` when the call may run.
    pub fn rejection(&self) -> Option<&str> {
        self.rejection.as_deref()
    }

    /// The rule that decided (``allow `files__*` ``), and how the one who was asked answered;
    /// `None` when there was no rule and no question.
    pub fn decided_by(&self) -> Option<&str> {
        self.decided_by.as_deref()
    }
}

/// The rules of a set, and whom to ask.
#[derive(Clone, Default)]
pub(crate) struct Permissions {
    pub(super) rules: Vec<PermissionRule>,
    pub(super) asked: Option<Arc<dyn AskPermission>>,
    /// Asked before all rules about tools that act on the world; no rule overrides its rejection.
    pub(super) gate: Option<Arc<dyn AskPermission>>,
    /// What was allowed for the rest of a run: run and tool. Its lock is held while somebody is
    /// asked, so that one question stands at a time and an answer counts for those that wait.
    always: Arc<Mutex<HashSet<(String, String)>>>,
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions")
            .field("rules", &self.rules)
            .field("asks", &self.asked.is_some())
            .field("is_gated", &self.gate.is_some())
            .finish_non_exhaustive()
    }
}

impl Permissions {
    pub(super) async fn decide(&self, question: &PermissionQuestion<'_>) -> Permission {
        if let Some(gate) = self.gate.as_ref().filter(|_| question.acts_on_world) {
            let answer = AssertUnwindSafe(gate.ask(question)).catch_unwind().await;
            let reason = match answer {
                Ok(PermissionAnswer::Reject(reason)) => Some(reason),
                Ok(_) => None,
                Err(_panic) => Some("asking whether it may run failed".to_owned()),
            };
            if let Some(reason) = reason {
                let message = told(question.tool, &reason);
                return Permission::rejected("delivery gate".to_owned(), message);
            }
        }
        let rule = self.rules.iter().find(|rule| rule.fits(question.tool));
        let Some(rule) = rule else {
            return match &self.asked {
                Some(asked) if question.acts_on_world => {
                    self.ask(asked.as_ref(), question, "no rule").await
                }
                _ => Permission::allowed(None),
            };
        };
        let by = format!("{} `{}`", rule.action.as_str(), rule.tool);
        match (rule.action, &self.asked) {
            (PermissionAction::Allow, _) => Permission::allowed(Some(by)),
            (PermissionAction::Ask, Some(asked)) => self.ask(asked.as_ref(), question, &by).await,
            (PermissionAction::Ask, None) => {
                let message = told(question.tool, "nobody can be asked whether it may run");
                Permission::rejected(format!("{by}: nobody to ask"), message)
            }
            (PermissionAction::Reject, _) => {
                let message = told(question.tool, &format!("the rule {by} forbids it"));
                Permission::rejected(by, message)
            }
        }
    }

    async fn ask(
        &self,
        asked: &dyn AskPermission,
        question: &PermissionQuestion<'_>,
        by: &str,
    ) -> Permission {
        let key = (question.context.run_id.clone(), question.tool.to_owned());
        let mut always = self.always.lock().await;
        if always.contains(&key) {
            return Permission::allowed(Some(format!("{by}: allowed for the run")));
        }
        let answer = AssertUnwindSafe(asked.ask(question)).catch_unwind().await;
        match answer {
            Ok(PermissionAnswer::Allow) => Permission::allowed(Some(format!("{by}: allowed"))),
            Ok(PermissionAnswer::AllowAlways) => {
                if always.len() >= MAX_REMEMBERED {
                    always.clear();
                }
                always.insert(key);
                Permission::allowed(Some(format!("{by}: allowed for the run")))
            }
            Ok(PermissionAnswer::Reject(reason)) => {
                Permission::rejected(format!("{by}: rejected"), told(question.tool, &reason))
            }
            Err(_panic) => {
                let message = told(question.tool, "asking whether it may run failed");
                Permission::rejected(format!("{by}: asking failed"), message)
            }
        }
    }
}

fn told(tool: &str, reason: &str) -> String {
    let reason = if reason.trim().is_empty() {
        "no reason was given"
    } else {
        reason
    };
    format!("the call of `{tool}` was rejected and did not run: {reason}")
}
