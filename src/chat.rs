//! The provider-neutral vocabulary: messages, requests, responses, usage.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Who speaks in a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Instructions of the application's developer.
    Developer,
    /// Instructions of the system.
    System,
    /// The user, or the program that stands in for one.
    User,
    /// The model.
    Assistant,
    /// A tool, with the result of a call that the model asked for.
    Tool,
}

impl Role {
    /// `developer`, `system`, `user`, `assistant` or `tool`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text; empty when an assistant only calls tools.
    pub content: String,
    /// The tools that an assistant calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Whether a tool's message tells of a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// What the provider sent with an assistant's message and wants back as it was: signatures,
    /// encrypted reasoning.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub provider_data: Map<String, Value>,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            is_error: false,
            provider_data: Map::new(),
        }
    }

    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The result of the tool call `tool_call_id`.
    pub fn tool(tool_call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            tool_call_id: Some(tool_call_id.into()),
            ..Self::new(Role::Tool, content)
        }
    }

    /// The answer in `response` as it goes back to the model: text, tool calls, and what only the
    /// provider understands.
    pub fn of_response(response: &Response) -> Self {
        Self {
            tool_calls: response.tool_calls.clone(),
            provider_data: response.provider_data.clone(),
            ..Self::assistant(response.text.clone())
        }
    }
}

/// A tool that the model wants to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolCall {
    /// The provider's id of the call; made up by the reading of the answer where it sends none.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments: an object as a rule. What the model wrote is a string here when it is no JSON.
    pub arguments: Value,
}

impl ToolCall {
    /// A call of `name`.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: Value) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments,
        }
    }
}

/// A tool as the model is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// `[a-zA-Z0-9_-]`, at most 64 characters.
    pub name: String,
    /// What it does and when to use it, for the model to read.
    pub description: String,
    /// The JSON Schema of its arguments, an object; shared, since each request holds it.
    #[serde(serialize_with = "write_shared", deserialize_with = "read_shared")]
    #[schemars(with = "Value")]
    pub parameters: Arc<Value>,
}

impl ToolDefinition {
    /// A tool with this schema of arguments.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: impl Into<Arc<Value>>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters: parameters.into(),
        }
    }
}

/// The JSON Schema that an answer must fit, and the name it is sent under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseSchema {
    /// `[a-zA-Z0-9_-]`, at most 64 characters.
    pub name: String,
    /// The schema itself; shared, since every request of an agent holds the same one.
    #[serde(serialize_with = "write_shared", deserialize_with = "read_shared")]
    pub schema: Arc<Value>,
}

fn write_shared<S: Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

fn read_shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Value>, D::Error> {
    Value::deserialize(deserializer).map(Arc::new)
}

/// One request for an answer, whoever the provider is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// The model asked for.
    pub model: String,
    /// The dialogue so far, oldest first.
    pub messages: Vec<Message>,
    /// Sampling temperature, `0..=2`; absent means the provider's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Most tokens the model may write; absent means the provider's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// What the answer must fit; absent means any JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<ResponseSchema>,
    /// The tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Further parameters, passed to the provider verbatim.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Request {
    /// A request to `model` with these messages, and the provider's defaults for all else.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            ..Self::default()
        }
    }
}

/// Tokens spent. A figure that the provider did not report is `None`: unknown is not zero.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Part of the input that the provider took from its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Part of the input that the provider put into its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Part of the output that was reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// Whether a figure is our estimate, since the stream that would have told it broke.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// Input and output as reported; cached and reasoning tokens unknown.
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens: Some(input_tokens),
            output_tokens: Some(output_tokens),
            ..Self::default()
        }
    }

    /// Input plus output; `None` when both are unknown.
    pub fn total_tokens(&self) -> Option<u64> {
        add(self.input_tokens, self.output_tokens)
    }

    /// The tokens that so many bytes of text take, more or less: one for every four.
    pub(crate) fn estimated_tokens(bytes: usize) -> u64 {
        (bytes as u64).div_ceil(4)
    }

    /// Whether no figure is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The sum of both, figure by figure; an unknown figure adds nothing.
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: add(self.input_tokens, other.input_tokens),
            output_tokens: add(self.output_tokens, other.output_tokens),
            cached_tokens: add(self.cached_tokens, other.cached_tokens),
            cache_write_tokens: add(self.cache_write_tokens, other.cache_write_tokens),
            reasoning_tokens: add(self.reasoning_tokens, other.reasoning_tokens),
            estimated: self.estimated || other.estimated,
        }
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Self::plus)
    }
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// The output limit cut it off.
    Length,
    /// A content filter stopped it.
    ContentFilter,
    /// It wants tools to be called.
    ToolCalls,
    /// A word that this version does not know, as the provider sent it.
    #[serde(untagged)]
    Other(String),
}

impl FinishReason {
    /// The word that stands in records: `stop`, `length`, ….
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
            Self::Other(word) => word,
        }
    }
}

/// How the provider was asked to keep to the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StructuredOutput {
    /// The provider enforces the schema.
    JsonSchema,
    /// The provider enforces JSON, not the schema.
    JsonObject,
    /// Only the prompt asks for JSON.
    Prompted,
}

/// One answer of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Response {
    /// The text of the answer, as the model wrote it.
    pub text: String,
    /// Reasoning that the provider sent apart from the answer.
    pub reasoning: Option<String>,
    /// The refusal that the provider sent in place of an answer.
    pub refusal: Option<String>,
    /// The tools that the model wants to be called, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Why the model stopped; `None` when the provider did not say.
    pub finish_reason: Option<FinishReason>,
    /// Tokens spent.
    pub usage: Usage,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// How the schema was enforced; `None` when the provider does not say.
    pub structured_output: Option<StructuredOutput>,
    /// What only the provider understands and wants back as it was: signatures, encrypted reasoning.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub provider_data: Map<String, Value>,
}

impl Response {
    /// An answer of this text, all else unknown.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// The same answer with this usage.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The same answer with these tool calls, and the finish reason that goes with them.
    pub fn with_tool_calls(mut self, calls: impl IntoIterator<Item = ToolCall>) -> Self {
        self.tool_calls = calls.into_iter().collect();
        self.finish_reason = Some(FinishReason::ToolCalls);
        self
    }

    /// The same answer with this finish reason.
    pub fn with_finish_reason(mut self, reason: FinishReason) -> Self {
        self.finish_reason = Some(reason);
        self
    }
}

/// A piece of an answer that is streamed, as it arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// More text.
    Text(&'a str),
    /// More reasoning.
    Reasoning(&'a str),
    /// More of a tool call.
    ToolCall(ToolCallDelta<'a>),
    /// Tokens spent so far; the last word holds.
    Usage(Usage),
    /// The attempt broke and another one begins: all pieces so far are void.
    Restarted,
}

/// A piece of a tool call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolCallDelta<'a> {
    /// Which tool call of the answer, from 0.
    pub index: usize,
    /// Its id, where this piece brings it.
    pub id: Option<&'a str>,
    /// The tool's name, where this piece brings it.
    pub name: Option<&'a str>,
    /// More of the arguments' JSON text.
    pub arguments: &'a str,
}

impl<'a> ToolCallDelta<'a> {
    /// A piece of the tool call at `index`.
    pub fn new(
        index: usize,
        id: Option<&'a str>,
        name: Option<&'a str>,
        arguments: &'a str,
    ) -> Self {
        Self {
            index,
            id,
            name,
            arguments,
        }
    }
}
