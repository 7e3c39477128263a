//! A tool of a server.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::connection::{Connection, in_background};
use super::names;
use crate::chat::ToolDefinition;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::CompiledSchema;
use crate::text;
use crate::tool::{Tool, ToolContext, ToolError, ToolOutput, pattern};

/// Longest description, in characters; each request carries it.
const MAX_DESCRIPTION: usize = 4_000;
/// Names that an error lists.
const MAX_NAMED: usize = 10;

#[derive(Debug)]
pub(super) struct McpTool {
    definition: ToolDefinition,
    /// What the server calls it.
    name: String,
    acts_on_world: bool,
    connection: Arc<Connection>,
}

#[async_trait]
impl Tool for McpTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn acts_on_world(&self) -> bool {
        self.acts_on_world
    }

    async fn call(
        &self,
        arguments: Value,
        _context: &ToolContext,
    ) -> std::result::Result<ToolOutput, ToolError> {
        let arguments = match arguments {
            Value::Object(arguments) => Some(arguments),
            _ => None,
        };
        let (connection, name, acts) = (
            self.connection.clone(),
            self.name.clone(),
            self.acts_on_world,
        );
        let calling = async move { connection.call(&name, arguments, acts).await };
        in_background(calling).await.map_err(ToolError::new)?
    }
}

/// The tools of a server that its configuration wants; what cannot be used is left out with a
/// warning.
pub(super) fn usable(
    connection: &Arc<Connection>,
    offered: Vec<rmcp::model::Tool>,
    taken: &mut HashSet<String>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Arc<dyn Tool>>> {
    let server = &connection.settings.name;
    check_patterns(connection, &offered)?;
    if offered.is_empty() {
        warnings.push(format!("MCP server `{server}` has no tools"));
    }
    let mut seen = HashSet::new();
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    for tool in offered {
        if !is_wanted(connection, &tool.name) {
            continue;
        }
        if !seen.insert(tool.name.clone()) {
            let name = text::clip(&tool.name, 100);
            warnings.push(format!(
                "MCP server `{server}` names the tool `{name}` twice"
            ));
            continue;
        }
        match prepared(connection, tool, taken) {
            Ok(tool) => {
                taken.insert(tool.definition.name.clone());
                tools.push(Arc::new(tool));
            }
            Err(error) => warnings.push(format!("{error}; the tool is left out")),
        }
    }
    Ok(tools)
}

fn prepared(
    connection: &Arc<Connection>,
    tool: rmcp::model::Tool,
    taken: &HashSet<String>,
) -> Result<McpTool> {
    let server = &connection.settings.name;
    let parameters = Value::Object(tool.input_schema.as_ref().clone());
    let whose = format!(
        "the schema of tool `{}` of MCP server `{server}`",
        text::clip(&tool.name, 100)
    );
    CompiledSchema::compile(parameters.clone(), parameters.to_string(), &whose)?;
    let reads_only = tool
        .annotations
        .and_then(|annotations| annotations.read_only_hint)
        .unwrap_or(false);
    let description = tool
        .description
        .or(tool.title.map(Into::into))
        .unwrap_or_default();
    Ok(McpTool {
        definition: ToolDefinition::new(
            names::provider_safe(server, &tool.name, taken),
            text::clip(&description, MAX_DESCRIPTION),
            parameters,
        ),
        name: tool.name.into_owned(),
        acts_on_world: connection.settings.acts_on_world.unwrap_or(!reads_only),
        connection: connection.clone(),
    })
}

fn is_wanted(connection: &Connection, name: &str) -> bool {
    let patterns = &connection.settings.tools;
    patterns.is_empty() || patterns.iter().any(|pattern| pattern::fits(pattern, name))
}

/// A pattern that fits no tool is a slip of the pen, or a server that has changed.
fn check_patterns(connection: &Connection, offered: &[rmcp::model::Tool]) -> Result<()> {
    let settings = &connection.settings;
    let fits_one = |pattern: &&String| {
        offered
            .iter()
            .any(|tool| pattern::fits(pattern, &tool.name))
    };
    let Some(unfit) = settings.tools.iter().find(|pattern| !fits_one(pattern)) else {
        return Ok(());
    };
    let known = offered.iter().map(|tool| tool.name.as_ref());
    let hint = match text::nearest(unfit, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", text::quoted_list(known.take(MAX_NAMED))),
    };
    let message = format!(
        "MCP server `{}` has no tool that fits `{unfit}`",
        settings.name
    );
    Err(Error::new(ErrorKind::Config, message).with_hint(hint))
}
