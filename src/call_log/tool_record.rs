//! What a tool call leaves behind, and what the tools were that a model could call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::LogLevel;
use super::content::{MAX_LEVELS, fold_below, redact};
use super::redact::{Redactions, Sanitizer};
use crate::chat::ToolDefinition;
use crate::failure::{ToolFailure, ToolStatus};

/// Why a tool call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ToolCallError {
    /// The failure's kind.
    pub kind: ToolFailure,
    /// What is to be known of it besides what the model was told (levels standard and full; empty at
    /// minimal).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// One tool call, whole: the `tool` of a `tool_finished` journal event.
///
/// A field that is unknown, empty or above the log level is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolRecord {
    /// `duologue.tool/1`: name and version of this format.
    pub schema: String,
    /// The run that the tool call belongs to.
    pub run_id: String,
    /// The execution (one agent answering once) that it belongs to.
    pub execution_id: String,
    /// The LLM call whose answer asked for it.
    pub call_id: String,
    /// Which tool call of that answer, from 0. Together with `call_id` it is unique.
    pub index: u32,
    /// The provider's id of the tool call.
    pub tool_call_id: String,
    /// The agent's name.
    pub agent: String,
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// Whether a call of the tool changes something outside of the process.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acts_on_world: bool,
    /// Whether the record of an earlier run gave the result: nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The permission rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,

    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// From its start to its end, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ToolStatus>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ToolCallError>,
    /// Bytes of the result before anything of it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    /// How often each rule of the sanitizer struck in this record.
    #[serde(skip_serializing_if = "Redactions::is_empty")]
    pub redactions: Redactions,

    /// The arguments, as the model wrote them (levels standard and full).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// What the model was told: the result, or what went wrong (levels standard and full).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl ToolRecord {
    /// Name and version of the format.
    pub const SCHEMA: &str = "duologue.tool/1";

    /// Whether the tool gave a result.
    pub fn is_success(&self) -> bool {
        self.status == Some(ToolStatus::Succeeded)
    }

    /// What no other tool call has.
    pub(crate) fn key(&self) -> (String, u32) {
        (self.call_id.clone(), self.index)
    }

    /// Leaves out what `level` does not hold, and what readers could not read.
    pub(crate) fn strip_to(&mut self, level: LogLevel) {
        if level < LogLevel::Standard {
            self.arguments = None;
            self.result = None;
            if let Some(error) = &mut self.error {
                error.message.clear();
            }
        }
        if let Some(arguments) = &mut self.arguments {
            fold_below(arguments, MAX_LEVELS);
        }
    }

    /// Sanitizes what is known when the tool call begins.
    pub(crate) fn sanitize_start(&mut self, sanitizer: &Sanitizer) {
        let counts = &mut self.redactions;
        for text in [
            &mut self.run_id,
            &mut self.agent,
            &mut self.name,
            &mut self.tool_call_id,
        ] {
            redact(sanitizer, text, counts);
        }
        if let Some(arguments) = &mut self.arguments {
            sanitizer.redact_value(arguments, counts);
        }
    }

    /// Sanitizes what its end adds. Together with [`Self::sanitize_start`] it must reach every field
    /// that can hold text from outside.
    pub(super) fn sanitize_end(&mut self, sanitizer: &Sanitizer) {
        let counts = &mut self.redactions;
        let error = self.error.iter_mut().map(|error| &mut error.message);
        for text in error.chain(&mut self.permission).chain(&mut self.result) {
            redact(sanitizer, text, counts);
        }
    }

    /// Ends a tool call whose process is gone.
    pub(crate) fn interrupt(&mut self) {
        self.status = Some(ToolStatus::Interrupted);
        self.error = Some(ToolCallError {
            kind: ToolFailure::Interrupted,
            message: "the process ended before the tool did".to_owned(),
        });
    }
}

/// The tools that an agent's model could call: the `offer` of a `tools_offered` journal event, written
/// when a run offers them for the first time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolOffer {
    /// `duologue.tool/1`: name and version of this format.
    pub schema: String,
    /// What the records of calls with these tools have in `tools_hash`.
    pub tools_hash: String,
    /// The tools, as the model is told of them.
    pub definitions: Vec<ToolDefinition>,
}

impl ToolOffer {
    /// These tools; known to the log at level `minimal` by their names alone.
    pub(crate) fn new(tools_hash: &str, definitions: &[ToolDefinition]) -> Self {
        Self {
            schema: ToolRecord::SCHEMA.to_owned(),
            tools_hash: tools_hash.to_owned(),
            definitions: definitions.to_vec(),
        }
    }

    pub(crate) fn sanitize(&mut self, sanitizer: &Sanitizer) {
        for definition in &mut self.definitions {
            sanitize_definition(definition, sanitizer);
        }
    }
}

fn sanitize_definition(definition: &mut ToolDefinition, sanitizer: &Sanitizer) {
    let counts = &mut Redactions::default();
    redact(sanitizer, &mut definition.name, counts);
    redact(sanitizer, &mut definition.description, counts);
    let mut parameters = definition.parameters.as_ref().clone();
    sanitizer.redact_value(&mut parameters, counts);
    fold_below(&mut parameters, MAX_LEVELS);
    if parameters != *definition.parameters {
        definition.parameters = parameters.into();
    }
}
