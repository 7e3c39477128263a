//! The variables of a pack, compared with those that are given, without a request.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// A variable that a template mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptVariable {
    /// Its name.
    pub name: String,
    /// The part: `system`, `developer`, `user` or `user_refinement`.
    pub part: &'static str,
    /// The file that mentions it, which may be one that the part includes.
    pub template: Arc<str>,
    /// The line there, from 1.
    pub line: usize,
    /// Whether rendering the part is certain to fail without it. A variable that is not required
    /// may still be needed in a branch.
    pub required: bool,
}

/// A variable that is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingVariable {
    /// Its name.
    pub name: String,
    /// The file that needs it.
    pub template: Arc<str>,
    /// The line there, from 1.
    pub line: usize,
    /// A given name that may have been meant.
    pub nearest: Option<String>,
}

impl MissingVariable {
    pub(super) fn new<'a>(
        name: &str,
        template: &Arc<str>,
        line: usize,
        given: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            template: Arc::clone(template),
            line,
            nearest: text::nearest(name, given).map(str::to_owned),
        }
    }

    /// The error that rendering without it gives.
    pub(super) fn error<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> Error {
        let Self {
            name,
            template,
            line,
            ..
        } = self;
        let hint = match &self.nearest {
            Some(near) => format!("`{near}` is given; is one of the two names misspelt?"),
            None => format!(
                "given: {}; `{name} | default(value=\"\")` makes it optional",
                text::quoted_list(given.into_iter().take(40)),
            ),
        };
        Error::new(
            ErrorKind::Prompt,
            format!("`{template}` line {line}: variable `{name}` is not defined"),
        )
        .with_hint(hint)
    }
}

/// What [`PromptPack::check`](super::PromptPack::check) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VariableReport {
    /// Rendering is certain to fail without these.
    pub missing: Vec<MissingVariable>,
    /// Rendering fails without these if the branch that needs them is taken.
    pub missing_in_branches: Vec<MissingVariable>,
    /// Given, but mentioned by no template of the pack.
    pub unused: Vec<String>,
    pub(super) given: Vec<String>,
}

impl VariableReport {
    /// Whether nothing is missing for certain.
    pub fn is_ok(&self) -> bool {
        self.missing.is_empty()
    }

    /// The report again, or the error that rendering would give.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] that names the first missing variable with its file and line.
    pub fn into_result(self) -> Result<Self> {
        match self.missing.first() {
            Some(missing) => Err(missing.error(self.given.iter().map(String::as_str))),
            None => Ok(self),
        }
    }
}
