//! How one request's schema is told to Gemini.

use serde_json::{Value, json};

use super::schema::for_gemini;
use crate::chat::{Request, ResponseSchema, StructuredOutput};
use crate::error::ErrorKind;
use crate::provider::told::instruction;
use crate::provider::{ProviderError, StructuredOutputMode};

/// The first generation that calls tools and keeps to a schema in one request.
const THIRD: u32 = 3;

/// What goes out for one request.
#[derive(Debug)]
pub(super) struct Format {
    /// The value of `responseJsonSchema`.
    pub(super) schema: Option<Value>,
    /// What the server is asked to enforce.
    pub(super) output: StructuredOutput,
    /// What has to be said in the system instruction.
    pub(super) instruction: Option<String>,
}

impl Format {
    /// The format of `request` in `mode`.
    pub(super) fn of(mode: StructuredOutputMode, request: &Request) -> Result<Self, ProviderError> {
        use StructuredOutputMode::{Auto, JsonObject, JsonSchema, Prompted};
        let schema = request.response_schema.as_ref();
        let enforceable = request.tools.is_empty() || is_third_or_later(&request.model);
        match (mode, schema) {
            (Prompted, _) => Ok(Self::told(StructuredOutput::Prompted, request)),
            (Auto, _) if !enforceable => Ok(Self::told(StructuredOutput::Prompted, request)),
            (JsonSchema | JsonObject, _) if !enforceable => Err(tools_forbid(&request.model)),
            (Auto, Some(schema)) => Ok(Self::native(schema)
                .unwrap_or_else(|_| Self::told(StructuredOutput::JsonObject, request))),
            (JsonSchema, Some(schema)) => Self::native(schema),
            (JsonObject, _) | (Auto | JsonSchema, None) => {
                Ok(Self::told(StructuredOutput::JsonObject, request))
            }
        }
    }

    fn native(schema: &ResponseSchema) -> Result<Self, ProviderError> {
        let rewritten = for_gemini(&schema.schema).map_err(|reason| {
            ProviderError::new(
                ErrorKind::Schema,
                format!("Gemini cannot enforce the response schema: {reason}"),
            )
            .with_hint("change the schema there, or set `structured_output: auto`")
        })?;
        Ok(Self {
            schema: Some(rewritten),
            output: StructuredOutput::JsonSchema,
            instruction: None,
        })
    }

    fn told(output: StructuredOutput, request: &Request) -> Self {
        Self {
            schema: None,
            output,
            instruction: instruction(request.response_schema.as_ref(), &request.messages),
        }
    }

    /// The value of `responseMimeType`.
    pub(super) fn mime_type(&self) -> Option<Value> {
        (self.output != StructuredOutput::Prompted).then(|| json!("application/json"))
    }
}

/// Whether `model` is `gemini-3…` or later; names that say no generation are taken for older.
pub(super) fn is_third_or_later(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let version = name.strip_prefix("gemini-").unwrap_or_default();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse::<u32>()
        .is_ok_and(|generation| generation >= THIRD)
}

fn tools_forbid(model: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Config,
        format!("model `{model}` cannot call tools and be held to a JSON answer in one request"),
    )
    .with_hint("set `structured_output` to `auto` or `prompted`, or use `gemini-3` or later")
}
