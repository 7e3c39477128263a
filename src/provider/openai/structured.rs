//! How one schema is told to the server: worked out once, then kept.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cache::{Cache, same};
use super::strict::{NotStrict, strict};
use crate::chat::{Message, ResponseSchema, StructuredOutput};
use crate::error::ErrorKind;
use crate::provider::told::{ANY_OBJECT, for_schema, says_json};
use crate::provider::{ProviderError, StructuredOutputMode};

/// Longest name that the API accepts.
const MAX_NAME: usize = 64;

/// What goes out for one schema, or for none.
#[derive(Debug)]
pub(super) struct Format {
    /// The value of `response_format`, written.
    pub(super) wire: Option<Vec<u8>>,
    /// What the server is asked to enforce.
    pub(super) output: StructuredOutput,
    instruction: Option<Instruction>,
}

#[derive(Debug)]
enum Instruction {
    Always(String),
    UnlessTold(&'static str),
}

impl Format {
    /// What has to be said in the system message besides `messages`.
    pub(super) fn instruction_for(&self, messages: &[Message]) -> Option<&str> {
        match self.instruction.as_ref()? {
            Instruction::Always(text) => Some(text),
            Instruction::UnlessTold(text) => {
                let told = messages.iter().any(|message| says_json(&message.content));
                (!told).then_some(*text)
            }
        }
    }
}

/// The formats of the schemas seen last.
#[derive(Debug, Default)]
pub(super) struct FormatCache(Cache<Option<ResponseSchema>, Format>);

impl FormatCache {
    /// The format of `schema`. A cache serves one mode only.
    pub(super) fn get(
        &self,
        mode: StructuredOutputMode,
        schema: Option<&ResponseSchema>,
    ) -> Result<Arc<Format>, ProviderError> {
        let is_it = |known: &Option<ResponseSchema>| match (known, schema) {
            (Some(a), Some(b)) => a.name == b.name && same(&a.schema, &b.schema),
            (a, b) => a.is_none() && b.is_none(),
        };
        self.0
            .get(is_it, || Ok((schema.cloned(), format(mode, schema)?)))
    }
}

fn format(
    mode: StructuredOutputMode,
    schema: Option<&ResponseSchema>,
) -> Result<Format, ProviderError> {
    use StructuredOutputMode::{Auto, JsonObject, JsonSchema, Prompted};
    let instruction = Some(match schema {
        Some(schema) => Instruction::Always(for_schema(schema)),
        None => Instruction::UnlessTold(ANY_OBJECT),
    });
    match (mode, schema) {
        (Auto | JsonSchema, Some(schema)) => native(mode, schema),
        (Prompted, _) => Ok(Format {
            wire: None,
            output: StructuredOutput::Prompted,
            instruction,
        }),
        (JsonObject, _) | (Auto | JsonSchema, None) => Ok(Format {
            wire: Some(br#"{"type":"json_object"}"#.to_vec()),
            output: StructuredOutput::JsonObject,
            instruction,
        }),
    }
}

fn native(mode: StructuredOutputMode, schema: &ResponseSchema) -> Result<Format, ProviderError> {
    let (rewritten, is_strict) = match strict(&schema.schema) {
        Ok(rewritten) => (rewritten, true),
        Err(reason) if mode == StructuredOutputMode::JsonSchema => return Err(not_strict(&reason)),
        Err(_) => (Value::clone(&schema.schema), false),
    };
    let wire = json!({
        "type": "json_schema",
        "json_schema": {"name": name(&schema.name), "schema": rewritten, "strict": is_strict},
    });
    Ok(Format {
        wire: Some(wire.to_string().into_bytes()),
        output: StructuredOutput::JsonSchema,
        instruction: None,
    })
}

fn not_strict(reason: &NotStrict) -> ProviderError {
    ProviderError::new(
        ErrorKind::Schema,
        format!("the response schema does not allow strict output: {reason}"),
    )
    .with_hint("change the schema there, or set `structured_output: auto`")
}

/// `name` with the characters that the API accepts.
fn name(name: &str) -> String {
    let name: String = name
        .chars()
        .take(MAX_NAME)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if name.is_empty() {
        "answer".to_owned()
    } else {
        name
    }
}
