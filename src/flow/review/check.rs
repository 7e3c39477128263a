//! What can be said of a draft without asking a model.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::issue::{Issue, Severity};
use super::problem::Problem;
use super::rule::{CompiledRule, Rule};
use crate::schema::CompiledSchema;

/// More issues of one check than this say nothing new.
const MAX_ISSUES: usize = 100;

type Function = Arc<dyn Fn(&Value) -> Vec<Issue> + Send + Sync>;

/// A check of every draft before the judge sees it: a function, a JSON Schema, or a simple [`Rule`].
///
/// What schemas and rules find is an error, unless [`severity`](Self::severity) says otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct Check {
    name: String,
    severity: Option<Severity>,
    message: Option<String>,
    kind: Kind<Value, Rule>,
}

/// A check that is ready to look at drafts.
#[derive(Debug, Clone)]
pub(super) struct ReadyCheck {
    name: String,
    severity: Option<Severity>,
    message: Option<String>,
    kind: Kind<Arc<CompiledSchema>, Arc<CompiledRule>>,
}

#[derive(Clone)]
enum Kind<S, R> {
    Function(Function),
    Schema(S),
    Rule(R),
}

impl<S: fmt::Debug, R: fmt::Debug> fmt::Debug for Kind<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(_) => f.write_str("Function"),
            Self::Schema(schema) => f.debug_tuple("Schema").field(schema).finish(),
            Self::Rule(rule) => f.debug_tuple("Rule").field(rule).finish(),
        }
    }
}

impl Check {
    /// A function that gives what is wrong with a draft, and nothing when it is fine. It runs on the
    /// loop's thread, so it should be quick; a panic goes through to whoever runs the loop.
    pub fn function(
        name: impl Into<String>,
        check: impl Fn(&Value) -> Vec<Issue> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, Kind::Function(Arc::new(check)))
    }

    /// A JSON Schema that drafts should fit.
    pub fn schema(name: impl Into<String>, schema: Value) -> Self {
        Self::new(name, Kind::Schema(schema))
    }

    /// A rule that should hold for drafts.
    pub fn rule(name: impl Into<String>, rule: Rule) -> Self {
        Self::new(name, Kind::Rule(rule))
    }

    fn new(name: impl Into<String>, kind: Kind<Value, Rule>) -> Self {
        Self {
            name: name.into(),
            severity: None,
            message: None,
            kind,
        }
    }

    /// The same check, all of whose issues are this bad.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The same check, all of whose issues are said in these words.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ready(self) -> Result<ReadyCheck, Problem> {
        let kind = match self.kind {
            Kind::Function(function) => Kind::Function(function),
            Kind::Schema(schema) => {
                let whose = format!("the schema of check `{}`", self.name);
                let text = schema.to_string();
                let schema = CompiledSchema::compile(schema, text, &whose)
                    .map_err(|error| Problem::broken("schema", error))?;
                Kind::Schema(Arc::new(schema))
            }
            Kind::Rule(rule) => {
                let rule = rule.compile().map_err(|problem| problem.below("rule"))?;
                Kind::Rule(Arc::new(rule))
            }
        };
        Ok(ReadyCheck {
            name: self.name,
            severity: self.severity,
            message: self.message,
            kind,
        })
    }
}

impl ReadyCheck {
    pub(super) fn issues(&self, draft: &Value) -> Vec<Issue> {
        let severity = self.severity.unwrap_or_default();
        let mut issues = match &self.kind {
            Kind::Function(check) => check(draft),
            Kind::Rule(rule) => rule.issues(draft, severity),
            Kind::Schema(schema) => {
                let violations = schema.violations(draft).into_iter();
                let issue = |found: crate::error::SchemaViolation| {
                    Issue::new(severity, found.message).at(found.pointer)
                };
                violations.map(issue).collect()
            }
        };
        for issue in &mut issues {
            issue.check = Some(self.name.clone());
            if let Some(severity) = self.severity {
                issue.severity = severity;
            }
            if let Some(message) = &self.message {
                issue.message.clone_from(message);
            }
        }
        // The same words about the same place say nothing new.
        issues.dedup();
        issues.truncate(MAX_ISSUES);
        issues
    }
}
