//! From a request to the JSON body that goes out.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::content::{self, Block, Turn};
use super::decode::decode;
use super::schema::{NotEnforced, Rewritten, rewrite};
use super::stream::EventDecoder;
use super::{ApiVersion, DEFAULT_MAX_TOKENS, Dialect};
use crate::chat::{Request, Response, ResponseSchema, StructuredOutput, ToolDefinition};
use crate::error::ErrorKind;
use crate::provider::answer::HttpAnswer;
use crate::provider::told::{PerSchema, instruction};
use crate::provider::{
    Delivery, Encoded, ProviderError, StreamDecoder, StructuredOutputMode, Translate,
};

/// Writes requests to the Messages API and reads its answers. What it works out for a schema is kept.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::anthropic::{Dialect, Translator};
/// use duologue::provider::{Delivery, Translate};
///
/// let translator = Translator::new(Dialect::default());
/// let messages = vec![Message::system("Answer in JSON."), Message::user("name a tide")];
/// let mut request = Request::new("claude-sonnet-5-5", messages);
/// request.max_output_tokens = Some(50);
/// let encoded = translator.encode(&request, Delivery::Whole).unwrap();
/// assert_eq!(
///     String::from_utf8(encoded.body).unwrap(),
///     r#"{"model":"claude-sonnet-5-5","max_tokens":50,"system":[{"type":"text","text":"Answer in JSON."}],"messages":[{"role":"user","content":[{"type":"text","text":"name a tide"}]}]}"#
/// );
/// ```
#[derive(Debug, Default)]
pub struct Translator {
    dialect: Dialect,
    schemas: PerSchema<Result<Rewritten, NotEnforced>>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(flatten)]
    extra: Extra<'a>,
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    format: OutputFormat<'a>,
    #[serde(flatten)]
    rest: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct OutputFormat<'a> {
    r#type: &'static str,
    schema: &'a Value,
}

/// How the schema goes out.
struct Format {
    native: Option<Arc<Result<Rewritten, NotEnforced>>>,
    instruction: Option<String>,
}

impl Translator {
    /// A translator for `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            schemas: PerSchema::default(),
        }
    }

    fn temperature(&self, request: &Request) -> Result<Option<f64>, ProviderError> {
        let Some(temperature) = request.temperature else {
            return Ok(None);
        };
        let version = self.dialect.api_version;
        let refused = |why: &str, hint: &str| {
            let message = format!("`temperature` is {temperature}, and {why}");
            Err(ProviderError::new(ErrorKind::Config, message).with_hint(hint))
        };
        match version {
            ApiVersion::V20261021 => refused(
                "version `2026-10-21` of the Messages API takes none",
                "leave it out, or set `api_version: 2023-06-01` for a model that still takes it",
            ),
            ApiVersion::V20230601 if temperature > 1.0 => {
                refused("the Messages API takes at most 1", "allowed: 0 to 1")
            }
            ApiVersion::V20230601 => Ok(Some(temperature)),
        }
    }

    fn format(&self, request: &Request) -> Result<Format, ProviderError> {
        use StructuredOutputMode::{Auto, JsonSchema};
        let mode = self.dialect.structured_output;
        let schema = request.response_schema.as_ref();
        if let (Auto | JsonSchema, Some(ResponseSchema { schema, .. })) = (mode, schema) {
            let rewritten = self.schemas.get(schema, rewrite);
            let gap = match &*rewritten {
                Ok(rewritten) => rewritten.gap.as_ref(),
                Err(reason) => Some(reason),
            };
            match gap {
                Some(reason) if mode == JsonSchema => return Err(not_enforced(reason)),
                _ if rewritten.is_err() => {}
                _ => {
                    return Ok(Format {
                        native: Some(rewritten),
                        instruction: None,
                    });
                }
            }
        }
        Ok(Format {
            native: None,
            instruction: instruction(schema, &request.messages),
        })
    }
}

impl Translate for Translator {
    fn encode(&self, request: &Request, delivery: Delivery) -> Result<Encoded, ProviderError> {
        check_extra(request)?;
        let Format {
            native,
            instruction,
        } = self.format(request)?;
        let mut system = content::system(&request.messages);
        system.extend(instruction.and_then(Block::text));
        let schema = native.as_deref().and_then(|native| native.as_ref().ok());
        let extra = Extra::new(&request.extra, schema.is_some());
        let body = Body {
            model: &request.model,
            max_tokens: max_tokens(request),
            system,
            messages: dialogue(request)?,
            temperature: self.temperature(request)?,
            tools: request.tools.iter().map(wire_tool).collect(),
            stream: (delivery == Delivery::Streamed).then_some(true),
            output_config: schema.map(|rewritten| OutputConfig {
                format: OutputFormat {
                    r#type: "json_schema",
                    schema: &rewritten.schema,
                },
                rest: request.extra.get(OUTPUT_CONFIG).and_then(Value::as_object),
            }),
            extra,
        };
        let output = match schema {
            Some(_) => StructuredOutput::JsonSchema,
            None => StructuredOutput::Prompted,
        };
        let body = serde_json::to_vec(&body).map_err(|error| {
            ProviderError::new(ErrorKind::Internal, "cannot write the request as JSON")
                .with_source(error)
        })?;
        Ok(Encoded {
            body,
            structured_output: output,
        })
    }

    fn decode(&self, answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
        decode(answer, model)
    }

    fn stream_decoder(&self, model: &str) -> Box<dyn StreamDecoder> {
        Box::new(EventDecoder::new(model))
    }
}

const OUTPUT_CONFIG: &str = "output_config";

/// The further parameters; `output_config` is written beside the schema where there is one.
#[derive(Serialize)]
#[serde(transparent)]
struct Extra<'a>(std::collections::BTreeMap<&'a str, &'a Value>);

impl<'a> Extra<'a> {
    fn new(extra: &'a Map<String, Value>, has_schema: bool) -> Self {
        let own = |key: &str| has_schema && key == OUTPUT_CONFIG;
        let rest = extra.iter().filter(|(key, _)| !own(key));
        Self(rest.map(|(key, value)| (key.as_str(), value)).collect())
    }
}

fn max_tokens(request: &Request) -> Option<u32> {
    let limit = request.max_output_tokens;
    let in_extra = request.extra.contains_key("max_tokens");
    limit.or((!in_extra).then_some(DEFAULT_MAX_TOKENS))
}

fn dialogue(request: &Request) -> Result<Vec<Turn<'_>>, ProviderError> {
    let turns = content::turns(&request.messages);
    if turns.is_empty() {
        let message = "there is no message of the user, and the Messages API wants one";
        return Err(ProviderError::new(ErrorKind::Config, message)
            .with_hint("give the prompt pack a `user` template that says something"));
    }
    Ok(turns)
}

fn wire_tool(tool: &ToolDefinition) -> WireTool<'_> {
    WireTool {
        name: &tool.name,
        description: &tool.description,
        input_schema: &tool.parameters,
    }
}

fn not_enforced(reason: &NotEnforced) -> ProviderError {
    let message = format!("the Messages API cannot enforce the response schema: {reason}");
    ProviderError::new(ErrorKind::Schema, message)
        .with_hint("change the schema there, or set `structured_output: auto`")
}

fn check_extra(request: &Request) -> Result<(), ProviderError> {
    let clash = request
        .extra
        .iter()
        .find(|(key, value)| match key.as_str() {
            "model" | "messages" | "system" | "tools" | "stream" => true,
            "output_config" => !value.is_object() || value.get("format").is_some(),
            "temperature" => request.temperature.is_some(),
            "max_tokens" => request.max_output_tokens.is_some(),
            _ => false,
        });
    match clash {
        None => Ok(()),
        Some((key, _)) => Err(ProviderError::new(
            ErrorKind::Config,
            format!("`extra` must not set `{key}`"),
        )
        .with_hint("this field is decided by the spec and the provider's settings")),
    }
}
