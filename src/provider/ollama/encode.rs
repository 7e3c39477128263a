//! From a request to the JSON body that goes out.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{THINKING, decode};
use super::stream::LineDecoder;
use crate::chat::{Message, Request, Response, Role, StructuredOutput, ToolCall, ToolDefinition};
use crate::error::ErrorKind;
use crate::provider::answer::HttpAnswer;
use crate::provider::told::instruction;
use crate::provider::tool_calls::as_object;
use crate::provider::{
    Delivery, Encoded, Framing, ProviderError, StreamDecoder, StructuredOutputMode, Translate,
};

/// Writes requests to `/api/chat` and reads its answers.
///
/// The server enforces the schema under `format` and the model is told of it as well. Under a
/// `format` a model cannot call tools: a request with tools is prompted, unless the mode demands the
/// schema, which is an error then.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::ollama::Translator;
/// use duologue::provider::{Delivery, StructuredOutputMode, Translate};
///
/// let translator = Translator::new(StructuredOutputMode::Auto);
/// let mut request = Request::new("llama3.2", vec![Message::user("name a tide, as JSON")]);
/// request.max_output_tokens = Some(50);
/// let encoded = translator.encode(&request, Delivery::Whole).unwrap();
/// assert_eq!(
///     String::from_utf8(encoded.body).unwrap(),
///     r#"{"model":"llama3.2","messages":[{"role":"user","content":"name a tide, as JSON"}],"stream":false,"format":"json","options":{"num_predict":50}}"#
/// );
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Translator {
    structured_output: StructuredOutputMode,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    // Without it the server streams.
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    options: Map<String, Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What the server enforces.
#[derive(Serialize)]
#[serde(untagged)]
enum Format<'a> {
    Schema(&'a Value),
    Json(&'static str),
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: Cow<'a, Value>,
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: &'a ToolDefinition,
}

impl Translator {
    /// A translator that asks for structured output in this way.
    pub fn new(structured_output: StructuredOutputMode) -> Self {
        Self { structured_output }
    }

    fn format(
        self,
        request: &Request,
    ) -> Result<(Option<Format<'_>>, StructuredOutput), ProviderError> {
        use StructuredOutputMode::{Auto, JsonObject, JsonSchema, Prompted};
        let has_tools = !request.tools.is_empty();
        let json = (Some(Format::Json("json")), StructuredOutput::JsonObject);
        Ok(match (self.structured_output, &request.response_schema) {
            (Prompted, _) => (None, StructuredOutput::Prompted),
            (Auto, _) if has_tools => (None, StructuredOutput::Prompted),
            (JsonSchema | JsonObject, _) if has_tools => return Err(no_tools()),
            (Auto | JsonSchema, Some(schema)) => (
                Some(Format::Schema(&schema.schema)),
                StructuredOutput::JsonSchema,
            ),
            (Auto | JsonSchema, None) | (JsonObject, _) => json,
        })
    }
}

impl Translate for Translator {
    fn encode(&self, request: &Request, delivery: Delivery) -> Result<Encoded, ProviderError> {
        check_extra(request)?;
        let (format, structured_output) = self.format(request)?;
        let mut messages: Vec<_> = wire_messages(&request.messages);
        if let Some(told) = instruction(request.response_schema.as_ref(), &request.messages) {
            instruct(&mut messages, told);
        }
        let mut extra = request.extra.clone();
        let body = Body {
            model: &request.model,
            messages,
            tools: request.tools.iter().map(wire_tool).collect(),
            stream: delivery == Delivery::Streamed,
            format,
            options: options(request, extra.shift_remove(OPTIONS))?,
            extra,
        };
        let body = serde_json::to_vec(&body).map_err(|error| {
            ProviderError::new(ErrorKind::Internal, "cannot write the request as JSON")
                .with_source(error)
        })?;
        Ok(Encoded {
            body,
            structured_output,
        })
    }

    fn decode(&self, answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
        decode(answer, model)
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn stream_decoder(&self, model: &str) -> Box<dyn StreamDecoder> {
        Box::new(LineDecoder::new(model))
    }
}

const OPTIONS: &str = "options";

fn options(request: &Request, given: Option<Value>) -> Result<Map<String, Value>, ProviderError> {
    let mut options = match given {
        None => Map::new(),
        Some(Value::Object(options)) => options,
        Some(_) => return Err(not_extra(OPTIONS, "it must be a mapping")),
    };
    let own = [
        ("temperature", request.temperature.map(Value::from)),
        ("num_predict", request.max_output_tokens.map(Value::from)),
    ];
    for (key, value) in own {
        let Some(value) = value else { continue };
        if options.insert(key.to_owned(), value).is_some() {
            return Err(not_extra(&format!("{OPTIONS}.{key}"), DECIDED));
        }
    }
    Ok(options)
}

/// The messages; a tool's result names its tool, which the call that it answers knows.
fn wire_messages(messages: &[Message]) -> Vec<WireMessage<'_>> {
    let calls = |before: usize| {
        let earlier = messages[..before].iter().rev();
        earlier.flat_map(|message| &message.tool_calls)
    };
    let of_tool = |index: usize, message: &Message| {
        let id = message.tool_call_id.as_deref()?;
        calls(index).find(|call| call.id == id)
    };
    let wire = |(index, message)| wire_message(message, of_tool(index, message));
    messages.iter().enumerate().map(wire).collect()
}

fn wire_message<'a>(message: &'a Message, answered: Option<&'a ToolCall>) -> WireMessage<'a> {
    WireMessage {
        role: match message.role {
            Role::Developer => Role::System.as_str(),
            role => role.as_str(),
        },
        content: Cow::Borrowed(&message.content),
        thinking: message.provider_data.get(THINKING).and_then(Value::as_str),
        tool_calls: message.tool_calls.iter().map(wire_call).collect(),
        tool_name: answered.map(|call| call.name.as_str()),
        tool_call_id: message.tool_call_id.as_deref(),
    }
}

fn wire_call(call: &ToolCall) -> WireCall<'_> {
    WireCall {
        id: &call.id,
        function: WireFunction {
            name: &call.name,
            arguments: as_object(&call.arguments),
        },
    }
}

fn wire_tool(tool: &ToolDefinition) -> WireTool<'_> {
    WireTool {
        r#type: "function",
        function: tool,
    }
}

/// Appends `told` to the system message, or puts one in front.
fn instruct(messages: &mut Vec<WireMessage<'_>>, told: String) {
    let system = Role::System.as_str();
    if let Some(message) = messages.iter_mut().find(|message| message.role == system) {
        let content = message.content.to_mut();
        content.push_str("\n\n");
        content.push_str(&told);
        return;
    }
    let message = WireMessage {
        role: system,
        content: Cow::Owned(told),
        thinking: None,
        tool_calls: Vec::new(),
        tool_name: None,
        tool_call_id: None,
    };
    messages.insert(0, message);
}

fn no_tools() -> ProviderError {
    let message = "Ollama enforces no format while a model may call tools";
    ProviderError::new(ErrorKind::Config, message)
        .with_hint("set `structured_output` to `auto` or `prompted`, or take the tools away")
}

const DECIDED: &str = "this field is decided by the spec and the provider's settings";

fn not_extra(key: &str, hint: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Config, format!("`extra` must not set `{key}`"))
        .with_hint(hint.to_owned())
}

fn check_extra(request: &Request) -> Result<(), ProviderError> {
    let decided = ["model", "messages", "tools", "stream", "format"];
    match decided.iter().find(|key| request.extra.contains_key(**key)) {
        None => Ok(()),
        Some(key) => Err(not_extra(key, DECIDED)),
    }
}
