//! From a request to the JSON body that goes out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::contents::Dialogue;
use super::decode::{PieceDecoder, decode};
use super::schema::for_gemini;
use super::structured::{Format, is_third_or_later};
use crate::chat::{Request, Response, ToolDefinition};
use crate::error::ErrorKind;
use crate::provider::{
    Delivery, Encoded, HttpAnswer, ProviderError, StreamDecoder, StructuredOutputMode, Translate,
};

/// Writes requests for `generateContent` and reads its answers.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::gemini::Translator;
/// use duologue::provider::{Delivery, StructuredOutputMode, Translate};
///
/// let translator = Translator::new(StructuredOutputMode::Auto);
/// let mut request = Request::new("gemini-2.5-flash", vec![Message::user("a tide, as JSON")]);
/// request.max_output_tokens = Some(50);
/// let encoded = translator.encode(&request, Delivery::Whole).unwrap();
/// assert_eq!(
///     String::from_utf8(encoded.body).unwrap(),
///     r#"{"contents":[{"role":"user","parts":[{"text":"a tide, as JSON"}]}],"generationConfig":{"maxOutputTokens":50,"responseMimeType":"application/json"}}"#
/// );
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Translator {
    mode: StructuredOutputMode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Value>,
    contents: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    generation_config: Map<String, Value>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a Value>,
}

impl Translator {
    /// A translator that asks for schemas in `mode`.
    pub fn new(mode: StructuredOutputMode) -> Self {
        Self { mode }
    }

    /// The settings of one request: ours, and those that `extra` adds to them.
    fn generation_config(
        request: &Request,
        format: &Format,
    ) -> Result<Map<String, Value>, ProviderError> {
        let mut config = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(key.to_owned(), value);
            }
        };
        set("temperature", request.temperature.map(|value| json!(value)));
        set(
            "maxOutputTokens",
            request.max_output_tokens.map(|value| json!(value)),
        );
        set("responseMimeType", format.mime_type());
        set("responseJsonSchema", format.schema.clone());
        let Some(extra) = request.extra.get("generationConfig") else {
            return Ok(config);
        };
        let Some(extra) = extra.as_object() else {
            return Err(must_not("holds no object under", "generationConfig"));
        };
        for (key, value) in extra {
            if config.contains_key(key) || matches!(key.as_str(), "responseSchema") {
                return Err(must_not("must not set", &format!("generationConfig.{key}")));
            }
            config.insert(key.clone(), value.clone());
        }
        Ok(config)
    }
}

impl Translate for Translator {
    fn encode(&self, request: &Request, _: Delivery) -> Result<Encoded, ProviderError> {
        check_extra(request)?;
        let format = Format::of(self.mode, request)?;
        let dialogue = Dialogue::of(
            &request.messages,
            format.instruction.as_deref(),
            is_third_or_later(&request.model),
        );
        let body = Body {
            system_instruction: (!dialogue.instructions.is_empty())
                .then(|| json!({ "parts": dialogue.instructions })),
            contents: dialogue.contents,
            tools: tools(&request.tools),
            generation_config: Self::generation_config(request, &format)?,
            extra: request
                .extra
                .iter()
                .filter(|(key, _)| *key != "generationConfig")
                .map(|(key, value)| (key.as_str(), value))
                .collect(),
        };
        let body = serde_json::to_vec(&body).map_err(|error| {
            ProviderError::new(ErrorKind::Internal, "cannot write the request as JSON")
                .with_source(error)
        })?;
        Ok(Encoded {
            body,
            structured_output: format.output,
        })
    }

    fn decode(&self, answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
        decode(answer, model)
    }

    fn stream_decoder(&self, model: &str) -> Box<dyn StreamDecoder> {
        Box::new(PieceDecoder::new(model))
    }
}

fn tools(tools: &[ToolDefinition]) -> Vec<Value> {
    if tools.is_empty() {
        return Vec::new();
    }
    let declarations: Vec<_> = tools.iter().map(declaration).collect();
    vec![json!({ "functionDeclarations": declarations })]
}

/// A schema with keywords that Gemini does not know goes out as it is: the arguments are checked
/// when they come.
fn declaration(tool: &ToolDefinition) -> Value {
    let mut declaration = json!({"name": tool.name, "description": tool.description});
    let properties = tool.parameters.get("properties").and_then(Value::as_object);
    if properties.is_some_and(|properties| !properties.is_empty()) {
        let rewritten = for_gemini(&tool.parameters);
        declaration["parametersJsonSchema"] =
            rewritten.unwrap_or_else(|_| Value::clone(&tool.parameters));
    }
    declaration
}

fn check_extra(request: &Request) -> Result<(), ProviderError> {
    let clash = request.extra.keys().find(|key| match key.as_str() {
        "model" | "contents" | "systemInstruction" | "system_instruction" | "generation_config" => {
            true
        }
        "tools" => !request.tools.is_empty(),
        _ => false,
    });
    match clash {
        None => Ok(()),
        Some(key) => Err(must_not("must not set", key)),
    }
}

fn must_not(what: &str, key: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Config, format!("`extra` {what} `{key}`")).with_hint(
        "this field is decided by the spec and the provider's settings; \
         others of `generationConfig` go under that key",
    )
}
