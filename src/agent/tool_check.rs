//! Whether a tool call can be run: there is such a tool, and the arguments fit.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::execution::Execution;
use super::repair;
use super::tool_call::Ended;
use crate::chat::ToolCall;
use crate::error::ToolFailure;
use crate::text::quoted_list;
use crate::tool::Entry;

/// Most tool calls of one answer that are run.
const MAX_CALLS: usize = 64;
/// Most names of tools that a model is told that asked for another one.
const MAX_NAMES: usize = 100;

impl Execution<'_> {
    /// The tool and its arguments, or what the model is told in place of a result.
    pub(super) fn find_tool(
        &self,
        index: usize,
        call: &ToolCall,
    ) -> std::result::Result<(&Entry, Value), Ended> {
        if index >= MAX_CALLS {
            let text = format!("refused: at most {MAX_CALLS} tool calls in one answer");
            return Err(Ended::failed(ToolFailure::TooManyCalls, text));
        }
        let offered = self.tools.as_ref().filter(|tools| tools.has(&call.name));
        let Some(entry) = offered.and_then(|_| self.around.tools.get(&call.name)) else {
            return Err(self.unknown_tool());
        };
        let arguments = match &call.arguments {
            Value::Null => Value::Object(Map::new()),
            Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
            Value::String(_) => {
                let text = "the arguments are no JSON object: call the tool again with one";
                return Err(Ended::failed(ToolFailure::InvalidArguments, text));
            }
            arguments => arguments.clone(),
        };
        match misfit(entry, &arguments, self.around.tools.settings().replayed) {
            None => Ok((entry, arguments)),
            Some(ended) => Err(ended),
        }
    }

    fn unknown_tool(&self) -> Ended {
        let names = self.tools.as_ref().map(|tools| tools.names.as_slice());
        let names = names.unwrap_or_default();
        let shown = names.iter().take(MAX_NAMES).map(String::as_str);
        let mut text = format!("there is no such tool; there are: {}", quoted_list(shown));
        if names.len() > MAX_NAMES {
            // Writing to a string cannot fail.
            let _ = write!(text, " and {} more", names.len() - MAX_NAMES);
        }
        Ended::failed(ToolFailure::UnknownTool, text)
    }
}

/// What a model is told whose `arguments` do not fit the tool's schema.
pub(super) fn misfit(entry: &Entry, arguments: &Value, replayed: bool) -> Option<Ended> {
    let violations = entry.arguments.violations(arguments);
    // A record's placeholder need not fit; what was judged then is not judged again.
    let is_redacted = || arguments.to_string().contains("<REDACTED:");
    if violations.is_empty() || (replayed && is_redacted()) {
        return None;
    }
    let mut text = "the arguments do not fit the tool's schema:\n".to_owned();
    repair::list(&mut text, "the arguments", &violations);
    text.push_str("Call the tool again with corrected arguments.");
    Some(Ended::failed(ToolFailure::InvalidArguments, text))
}
