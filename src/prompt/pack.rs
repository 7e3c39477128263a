//! A compiled pack, and rendering it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use tera::{Context, Tera};

use super::check::{MissingVariable, PromptVariable, VariableReport};
use super::diagnose;
use super::rendered::{PromptPart, RenderedPrompt};
use super::usage::{Need, Use};
use crate::chat::{Message, Role};
use crate::error::{Error, ErrorKind, Result};

/// Always defined: the number of the iteration, from 0.
const ITERATION: &str = "iteration";

/// Given by the runner to every pack, so no sign of a mistake when unused.
const INJECTED: [&str; 2] = [ITERATION, "response_schema"];

/// The compiled templates of one directory; got from a [`PromptLibrary`](super::PromptLibrary).
pub struct PromptPack {
    pub(super) name: String,
    pub(super) tera: Tera,
    /// In the order of their messages.
    pub(super) parts: Vec<Part>,
    /// The variables that templates mention; `None` when one of them looks at all.
    pub(super) mentioned: Option<HashSet<String>>,
    /// The templates' texts, for errors.
    pub(super) sources: BTreeMap<Arc<str>, String>,
}

pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) template: Arc<str>,
    pub(super) content: Content,
}

pub(super) enum Content {
    Template { role: Role, uses: Vec<Use> },
    Messages(Vec<Message>),
}

impl Part {
    fn uses(&self) -> &[Use] {
        match &self.content {
            Content::Template { uses, .. } => uses,
            Content::Messages(_) => &[],
        }
    }
}

impl PromptPack {
    /// The name it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the pack has a `user_refinement` template.
    pub fn has_refinement(&self) -> bool {
        self.parts.iter().any(|part| part.name == "user_refinement")
    }

    /// The messages for these variables, in the order developer, system, examples, user.
    ///
    /// From `iteration` 1 on, `user_refinement` takes the place of `user` if the pack has one.
    /// Parts that render to white space are left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] with file and line: a variable or field is not defined (with the
    /// nearest known one), a value does not suit its filter, or nothing is left to send. No error
    /// text holds a value.
    pub fn render(&self, variables: &Map<String, Value>, iteration: u32) -> Result<RenderedPrompt> {
        self.require(variables, iteration)?;
        let context = self.context(variables, iteration)?;
        let mut messages = Vec::with_capacity(self.parts.len());
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in self.sent(iteration) {
            let start = messages.len();
            match &part.content {
                Content::Messages(examples) => messages.extend_from_slice(examples),
                Content::Template { role, .. } => {
                    let mut text = self
                        .tera
                        .render(&part.template, &context)
                        .map_err(|error| self.explain(part, &error, variables))?;
                    if !text.trim().is_empty() {
                        // Tera's buffer is up to four times what was written.
                        text.shrink_to_fit();
                        messages.push(Message::new(*role, text));
                    }
                }
            }
            if messages.len() > start {
                parts.push(PromptPart {
                    name: part.name,
                    template: Arc::clone(&part.template),
                    range: start..messages.len(),
                });
            }
        }
        if messages.is_empty() {
            return Err(Error::new(
                ErrorKind::Prompt,
                format!("prompt pack `{}` renders to nothing", self.name),
            ));
        }
        Ok(RenderedPrompt { messages, parts })
    }

    /// The first part alone, as a text.
    pub(super) fn render_first(&self, variables: &Map<String, Value>) -> Result<String> {
        self.require(variables, 0)?;
        let Some(part) = self.parts.first() else {
            return Ok(String::new());
        };
        let context = self.context(variables, 0)?;
        let text = self.tera.render(&part.template, &context);
        text.map_err(|error| self.explain(part, &error, variables))
    }

    /// Compares the names of the variables given with those that this iteration needs, without
    /// rendering.
    ///
    /// [`render`](Self::render) fails for certain if anything is
    /// [`missing`](VariableReport::missing). What no part of the pack mentions is
    /// [`unused`](VariableReport::unused), but for `response_schema` and `iteration`.
    ///
    /// ```
    /// use duologue::prompt::PromptLibrary;
    ///
    /// let library = PromptLibrary::in_memory([("planner/system.tera", "About {{ topic }}.")]);
    /// let report = library.pack("planner")?.check(["topc"], 0);
    /// assert_eq!(report.missing[0].nearest.as_deref(), Some("topc"));
    /// assert_eq!(report.unused, ["topc"]);
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn check<'a>(
        &self,
        given: impl IntoIterator<Item = &'a str>,
        iteration: u32,
    ) -> VariableReport {
        let given: BTreeSet<&str> = given.into_iter().collect();
        let mut report = VariableReport::default();
        for part in self.sent(iteration) {
            for found in part.uses() {
                if found.name == ITERATION || given.contains(found.name.as_str()) {
                    continue;
                }
                let list = match found.need {
                    Need::Optional => continue,
                    Need::Branch => &mut report.missing_in_branches,
                    Need::Always => &mut report.missing,
                };
                if list.iter().all(|missing| missing.name != found.name) {
                    list.push(missing(found, given.iter().copied()));
                }
            }
        }
        if let Some(mentioned) = &self.mentioned {
            report.unused = given
                .iter()
                .filter(|name| !mentioned.contains(**name) && !INJECTED.contains(name))
                .map(|name| (*name).to_owned())
                .collect();
        }
        report.given = given.into_iter().map(str::to_owned).collect();
        report
    }

    /// The variables that each part mentions, by part in the order of messages, then by name.
    pub fn variables(&self) -> Vec<PromptVariable> {
        let mut variables = Vec::new();
        for part in &self.parts {
            let mut uses: Vec<&Use> = part.uses().iter().collect();
            uses.sort_by(|a, b| a.name.cmp(&b.name));
            variables.extend(uses.into_iter().map(|found| PromptVariable {
                name: found.name.clone(),
                part: part.name,
                template: Arc::clone(&found.template),
                line: found.line,
                required: found.need == Need::Always,
            }));
        }
        variables
    }

    /// Whether some template mentions `variable`, or looks at all variables.
    pub(crate) fn may_use(&self, variable: &str) -> bool {
        self.mentioned
            .as_ref()
            .is_none_or(|names| names.contains(variable))
    }

    /// The parts that this iteration sends.
    fn sent(&self, iteration: u32) -> impl Iterator<Item = &Part> {
        let left_out = if iteration > 0 && self.has_refinement() {
            "user"
        } else {
            "user_refinement"
        };
        self.parts.iter().filter(move |part| part.name != left_out)
    }

    fn require(&self, variables: &Map<String, Value>, iteration: u32) -> Result<()> {
        let undefined = self.sent(iteration).flat_map(Part::uses).find(|found| {
            found.need == Need::Always
                && found.name != ITERATION
                && !variables.contains_key(&found.name)
        });
        match undefined {
            Some(found) => {
                let given = || variables.keys().map(String::as_str);
                Err(missing(found, given()).error(given()))
            }
            None => Ok(()),
        }
    }

    /// Only what templates mention: the rest would be copied for nothing.
    fn context(&self, variables: &Map<String, Value>, iteration: u32) -> Result<Context> {
        let mut context = Context::new();
        let mut insert = |name: &str, value: &Value| {
            let value = tera::Value::try_from_serializable(value).map_err(|error| {
                Error::new(
                    ErrorKind::Prompt,
                    format!("variable `{name}` cannot be given to a template"),
                )
                .with_source(error)
            })?;
            context.insert_value(name.to_owned(), value);
            Ok::<(), Error>(())
        };
        match &self.mentioned {
            Some(mentioned) => {
                for name in mentioned {
                    if let Some(value) = variables.get(name) {
                        insert(name, value)?;
                    }
                }
            }
            None => {
                for (name, value) in variables {
                    insert(name, value)?;
                }
            }
        }
        if !variables.contains_key(ITERATION) {
            insert(ITERATION, &Value::from(iteration))?;
        }
        Ok(context)
    }

    fn explain(&self, part: &Part, error: &tera::Error, variables: &Map<String, Value>) -> Error {
        let mut given: Vec<&str> = variables.keys().map(String::as_str).collect();
        if !variables.contains_key(ITERATION) {
            given.push(ITERATION);
        }
        let source = |name: &str| self.sources.get(name).map(String::as_str);
        let mentioned = |name: &str| self.may_use(name);
        diagnose::rendering(&part.template, error, source, &given, mentioned)
    }
}

fn missing<'a>(found: &Use, given: impl IntoIterator<Item = &'a str>) -> MissingVariable {
    MissingVariable::new(&found.name, &found.template, found.line, given)
}

/// Debug shows names, never a template.
impl fmt::Debug for PromptPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let templates: Vec<&str> = self.parts.iter().map(|part| &*part.template).collect();
        f.debug_struct("PromptPack")
            .field("name", &self.name)
            .field("parts", &templates)
            .finish_non_exhaustive()
    }
}
