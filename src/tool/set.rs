//! The tools that a runner holds: names checked, schemas compiled.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::permission::{
    AskPermission, Permission, PermissionQuestion, PermissionRule, Permissions,
};
use super::select::Selection;
use super::{Tool, ToolContext, ToolDefinition};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::CompiledSchema;

/// Longest name that the providers accept.
const MAX_NAME: usize = 64;

/// Tools by name, ready to be called. Cheap to clone; an agent uses those that its spec names.
#[derive(Clone, Default)]
pub struct ToolSet {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tools: Arc<Vec<Entry>>,
    settings: Settings,
    selections: Selections,
}

type Selections = Mutex<HashMap<Vec<String>, Arc<Selection>>>;

/// One tool of a set.
pub(crate) struct Entry {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) arguments: CompiledSchema,
}

/// How the tools of a set are called.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) ordered: bool,
    pub(crate) timeout: Duration,
    pub(crate) max_result_bytes: usize,
    /// Whether the records of an earlier run answer in place of the tools.
    pub(crate) replayed: bool,
    pub(crate) permissions: Permissions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ordered: false,
            timeout: Duration::from_secs(60),
            max_result_bytes: 64 * 1024,
            replayed: false,
            permissions: Permissions::default(),
        }
    }
}

impl ToolSet {
    /// Starts a set.
    pub fn builder() -> ToolSetBuilder {
        ToolSetBuilder::default()
    }

    /// The tools as the model is told of them, in the order they were given.
    pub fn definitions(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.shared
            .tools
            .iter()
            .map(|entry| entry.tool.definition())
    }

    /// The tool of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        let mut tools = self.shared.tools.iter();
        tools.find(|entry| entry.tool.definition().name == name)
    }

    /// Whether the tool `name` may run with `arguments`, by the set's
    /// [rules](ToolSetBuilder::permissions); this asks whom they say to ask.
    pub async fn permit(&self, name: &str, arguments: &Value, context: &ToolContext) -> Permission {
        let question = PermissionQuestion {
            tool: name,
            arguments,
            // What is not known here is not harmless.
            acts_on_world: self
                .get(name)
                .is_none_or(|entry| entry.tool.acts_on_world()),
            context,
        };
        self.shared.settings.permissions.decide(&question).await
    }

    /// The same tools, where `gate` is asked before all rules about those that act on the world.
    pub(crate) fn gated(&self, gate: Arc<dyn AskPermission>) -> Self {
        let mut settings = self.shared.settings.clone();
        settings.permissions.gate = Some(gate);
        Self {
            shared: Arc::new(Shared {
                tools: self.shared.tools.clone(),
                settings,
                selections: Selections::default(),
            }),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn selections(&self) -> &Selections {
        &self.shared.selections
    }
}

/// Debug shows names.
impl fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.definitions().map(|definition| &definition.name);
        f.debug_list().entries(names).finish()
    }
}

/// Builds a [`ToolSet`].
#[derive(Debug, Default)]
#[must_use]
pub struct ToolSetBuilder {
    tools: Vec<Arc<dyn Tool>>,
    settings: Settings,
}

impl ToolSetBuilder {
    /// One more tool.
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// More tools.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Runs the calls of a turn one after the other, in the model's order. Default: side by side.
    pub fn ordered(mut self) -> Self {
        self.settings.ordered = true;
        self
    }

    /// Longest time of one call. Default: 60 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = limit;
        self
    }

    /// Longest result that the model gets; the middle of a longer one is left out. Default: 64 KiB.
    pub fn max_result_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_result_bytes = bytes;
        self
    }

    /// Marks the tools as ones that answer from records: nothing is done.
    pub(crate) fn replayed(mut self) -> Self {
        self.settings.replayed = true;
        self
    }

    /// Who may run what; the first rule whose pattern fits wins. Where none fits, a tool that
    /// [acts on the world](Tool::acts_on_world) is asked about if there is somebody to
    /// [ask](Self::ask), and all else runs. Default: no rules.
    pub fn permissions(mut self, rules: impl IntoIterator<Item = PermissionRule>) -> Self {
        self.settings.permissions.rules = rules.into_iter().collect();
        self
    }

    /// Who is asked whether a tool may run. Default: nobody, and a rule `ask` rejects.
    pub fn ask(self, asked: impl AskPermission + 'static) -> Self {
        self.asked(Arc::new(asked))
    }

    pub(crate) fn asked(mut self, asked: Arc<dyn AskPermission>) -> Self {
        self.settings.permissions.asked = Some(asked);
        self
    }

    /// The set.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a rule without a pattern, for a name that providers do not accept, or that two tools have;
    /// [`ErrorKind::Schema`] for arguments whose schema is not valid.
    pub fn build(self) -> Result<ToolSet> {
        for (index, rule) in self.settings.permissions.rules.iter().enumerate() {
            rule.check_at(&format!("`tool` of rule {index}"))?;
        }
        let mut tools: Vec<Entry> = Vec::with_capacity(self.tools.len());
        for tool in self.tools {
            let ToolDefinition {
                name, parameters, ..
            } = tool.definition();
            check_name(name)?;
            if tools
                .iter()
                .any(|known| known.tool.definition().name == *name)
            {
                let message = format!("two tools have the name `{name}`");
                return Err(Error::new(ErrorKind::Config, message).with_hint("rename one of them"));
            }
            let whose = format!("the schema of the arguments of tool `{name}`");
            let arguments = CompiledSchema::compile(
                parameters.as_ref().clone(),
                parameters.to_string(),
                &whose,
            )?;
            tools.push(Entry { tool, arguments });
        }
        Ok(ToolSet {
            shared: Arc::new(Shared {
                tools: Arc::new(tools),
                settings: self.settings,
                selections: Selections::default(),
            }),
        })
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether providers accept `name` for a tool.
pub(crate) fn is_accepted(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_allowed)
}

/// `name` as providers accept it, for a tool or a schema.
pub(crate) fn accepted(name: &str) -> String {
    let name: String = name
        .chars()
        .take(MAX_NAME)
        .map(|c| if is_allowed(c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

fn check_name(name: &str) -> Result<()> {
    if is_accepted(name) {
        return Ok(());
    }
    let message = format!("a tool has the name {name:?}, which providers do not accept");
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("allowed: letters, digits, `_` and `-`, at most 64"))
}
