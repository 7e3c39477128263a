//! From a request to the JSON body that goes out.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::decode;
use super::dialect::{DeveloperRole, Dialect, TokenLimitField};
use super::messages::WireMessage;
use super::stream::ChunkDecoder;
use super::structured::{Format, FormatCache};
use super::tools::{Strictness, ToolCache};
use crate::chat::{Message, Request, Response, Role};
use crate::error::ErrorKind;
use crate::provider::answer::HttpAnswer;
use crate::provider::{Delivery, Encoded, ProviderError, StreamDecoder, Translate};

/// Writes requests in one server's dialect. Cheap to share; what it works out for a schema is kept.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::openai::{Dialect, Translator};
///
/// let translator = Translator::new(Dialect::for_host("localhost"));
/// let mut request = Request::new("llama", vec![Message::user("name a tide, as JSON")]);
/// request.max_output_tokens = Some(50);
/// let encoded = translator.encode(&request).unwrap();
/// assert_eq!(
///     String::from_utf8(encoded.body).unwrap(),
///     r#"{"model":"llama","messages":[{"role":"user","content":"name a tide, as JSON"}],"max_tokens":50,"response_format":{"type":"json_object"}}"#
/// );
/// ```
#[derive(Debug, Default)]
pub struct Translator {
    dialect: Dialect,
    model: Option<String>,
    formats: FormatCache,
    tools: ToolCache,
}

/// The published fields that this crate sends; `tools` and `response_format` are appended, already
/// written.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl Translator {
    /// A translator for `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            ..Self::default()
        }
    }

    /// The same translator for a server that knows every model under the name `model`, such as that
    /// of a deployment.
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The dialect it writes.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The body for `request`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `extra` sets a field that the request itself decides, or when there
    /// are tools and the server takes none;
    /// [`ErrorKind::Schema`] when strict output is demanded and the schema does not allow it (the
    /// message holds the JSON path).
    pub fn encode(&self, request: &Request) -> Result<Encoded, ProviderError> {
        self.encode_for(request, Delivery::Whole)
    }

    fn encode_for(&self, request: &Request, delivery: Delivery) -> Result<Encoded, ProviderError> {
        check_extra(request)?;
        self.check_tools(request)?;
        let format = self.formats.get(
            self.dialect.structured_output,
            request.response_schema.as_ref(),
        )?;
        let limit = |field| {
            request
                .max_output_tokens
                .filter(|_| self.dialect.token_limit_field == field)
        };
        let streams = delivery == Delivery::Streamed;
        let body = Body {
            model: self.model.as_deref().unwrap_or(&request.model),
            messages: self.messages(&request.messages, &format),
            temperature: request.temperature,
            max_completion_tokens: limit(TokenLimitField::MaxCompletionTokens),
            max_tokens: limit(TokenLimitField::MaxTokens),
            stream: streams.then_some(true),
            stream_options: (streams && self.dialect.stream_usage).then_some(StreamOptions {
                include_usage: true,
            }),
            extra: &request.extra,
        };
        let tools = (!request.tools.is_empty()).then(|| {
            let strictness = if self.dialect.strict_tools {
                Strictness::WherePossible
            } else {
                Strictness::Never
            };
            self.tools.get(&request.tools, strictness)
        });
        let written = [
            ("tools", tools.as_ref().map(|tools| tools.as_slice())),
            ("response_format", format.wire.as_deref()),
        ];
        Ok(Encoded {
            body: write(&body, &written)?,
            structured_output: format.output,
        })
    }

    fn check_tools(&self, request: &Request) -> Result<(), ProviderError> {
        if self.dialect.tools || request.tools.is_empty() {
            return Ok(());
        }
        let message = "the request has tools, and the server takes none";
        Err(ProviderError::new(ErrorKind::Config, message)
            .with_hint("use a server that takes tools, or take `tools` out of the spec"))
    }

    fn messages<'a>(&self, messages: &'a [Message], format: &Arc<Format>) -> Vec<WireMessage<'a>> {
        let mut wire: Vec<_> = messages
            .iter()
            .map(|message| WireMessage {
                role: self.role(message.role),
                content: Cow::Borrowed(message.content.as_str()),
                message: Some(message),
            })
            .collect();
        if let Some(instruction) = format.instruction_for(messages) {
            instruct(&mut wire, instruction);
        }
        wire
    }

    fn role(&self, role: Role) -> &'static str {
        match (role, self.dialect.developer_role) {
            (Role::Developer, DeveloperRole::System) => Role::System.as_str(),
            (role, _) => role.as_str(),
        }
    }
}

impl Translate for Translator {
    fn encode(&self, request: &Request, delivery: Delivery) -> Result<Encoded, ProviderError> {
        self.encode_for(request, delivery)
    }

    fn decode(&self, answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
        decode(answer, model)
    }

    fn stream_decoder(&self, model: &str) -> Box<dyn StreamDecoder> {
        Box::new(ChunkDecoder::new(model))
    }
}

/// Appends `instruction` to the system message (else the developer message), or puts one in front.
fn instruct(messages: &mut Vec<WireMessage<'_>>, instruction: &str) {
    let place = ["system", "developer"]
        .iter()
        .find_map(|role| messages.iter().position(|message| message.role == *role));
    if let Some(message) = place.and_then(|index| messages.get_mut(index)) {
        let content = message.content.to_mut();
        content.push_str("\n\n");
        content.push_str(instruction);
    } else {
        let message = WireMessage {
            role: Role::System.as_str(),
            content: Cow::Owned(instruction.to_owned()),
            message: None,
        };
        messages.insert(0, message);
    }
}

/// The body with the fields that are `written` already, spliced in at its end.
fn write(body: &Body<'_>, written: &[(&str, Option<&[u8]>)]) -> Result<Vec<u8>, ProviderError> {
    let text: usize = body.messages.iter().map(|m| m.content.len() + 32).sum();
    let fields: usize = written
        .iter()
        .filter_map(|(_, value)| Some(value.as_ref()?.len()))
        .sum();
    let mut bytes = Vec::with_capacity(text + text / 8 + fields + 256);
    serde_json::to_writer(&mut bytes, body).map_err(|error| {
        ProviderError::new(ErrorKind::Internal, "cannot write the request as JSON")
            .with_source(error)
    })?;
    for (name, value) in written {
        let Some(value) = value else { continue };
        bytes.pop();
        bytes.extend_from_slice(b",\"");
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b"\":");
        bytes.extend_from_slice(value);
        bytes.push(b'}');
    }
    Ok(bytes)
}

fn check_extra(request: &Request) -> Result<(), ProviderError> {
    let clash = request.extra.keys().find(|key| match key.as_str() {
        "model" | "messages" | "response_format" | "stream" | "stream_options" | "tools" => true,
        "temperature" => request.temperature.is_some(),
        "max_tokens" | "max_completion_tokens" => request.max_output_tokens.is_some(),
        _ => false,
    });
    match clash {
        None => Ok(()),
        Some(key) => Err(ProviderError::new(
            ErrorKind::Config,
            format!("`extra` must not set `{key}`"),
        )
        .with_hint("this field is decided by the spec and the provider's settings")),
    }
}
