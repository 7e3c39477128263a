//! The usual answer, read straight into place: a third of the work of building a tree first.
//!
//! Whatever is unusual (a field of another type, an error, no choice) gives `None` here and is left to
//! the lenient reading, which gives the same for what is read here.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use serde_json::Value;

use super::assembly::{Assembly, Tell, finish_reason};
use super::opaque;
use crate::chat::{Response, Usage};

#[derive(Deserialize)]
struct Completion {
    id: Option<String>,
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Spent>,
    system_fingerprint: Option<String>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    // Kept whole by the lenient reading, where they are there.
    reasoning_details: Option<IgnoredAny>,
    extra_content: Option<IgnoredAny>,
    thought_signature: Option<IgnoredAny>,
    thinking_blocks: Option<IgnoredAny>,
    provider_specific_fields: Option<IgnoredAny>,
    reasoning_opaque: Option<IgnoredAny>,
    encrypted_content: Option<IgnoredAny>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

impl Message {
    fn is_plain(&self) -> bool {
        [
            &self.reasoning_details,
            &self.extra_content,
            &self.thought_signature,
            &self.thinking_blocks,
            &self.provider_specific_fields,
            &self.reasoning_opaque,
            &self.encrypted_content,
            &self.tool_calls,
            &self.function_call,
        ]
        .iter()
        .all(|field| field.is_none())
    }
}

#[derive(Deserialize)]
struct Spent {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

/// The response in `body`, if everything in it is as published.
pub(super) fn usual(body: &[u8]) -> Option<Response> {
    let completion: Completion = serde_json::from_slice(body).ok()?;
    let choice = completion.choices.into_iter().next()?;
    if completion.error.is_some() || choice.error.is_some() || !choice.message.is_plain() {
        return None;
    }
    // What goes with tool calls, or says that they failed, is settled by the other reading.
    if matches!(
        choice.finish_reason.as_deref(),
        Some("tool_calls" | "function_call" | "error")
    ) {
        return None;
    }
    let message = choice.message;
    let fingerprint = said(completion.system_fingerprint);
    Some(Response {
        text: message.content.unwrap_or_default(),
        reasoning: said(message.reasoning_content).or_else(|| said(message.reasoning)),
        refusal: said(message.refusal),
        finish_reason: said(choice.finish_reason).as_deref().map(finish_reason),
        usage: completion.usage.map(Spent::usage).unwrap_or_default(),
        model: said(completion.model),
        id: said(completion.id),
        provider_data: fingerprint
            .map(|text| (opaque::FINGERPRINT.to_owned(), Value::String(text)))
            .into_iter()
            .collect(),
        ..Response::default()
    })
}

fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl Spent {
    fn usage(self) -> Usage {
        let cached = self
            .prompt_tokens_details
            .and_then(|part| part.cached_tokens);
        let reasoning = self.completion_tokens_details;
        Usage {
            input_tokens: Some(self.prompt_tokens),
            output_tokens: Some(self.completion_tokens),
            cached_tokens: cached.or(self.prompt_cache_hit_tokens),
            reasoning_tokens: reasoning.and_then(|part| part.reasoning_tokens),
            ..Usage::default()
        }
    }
}

/// One chunk of a stream.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    system_fingerprint: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Vec<ChunkChoice<'a>>,
    usage: Option<Spent>,
    error: Option<IgnoredAny>,
    x_groq: Option<IgnoredAny>,
    object: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ChunkChoice<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    delta: Piece<'a>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    usage: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// A piece of a message. What has no place here is read by the lenient reading.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    reasoning_details: Option<IgnoredAny>,
    extra_content: Option<IgnoredAny>,
    thought_signature: Option<IgnoredAny>,
    thinking_blocks: Option<IgnoredAny>,
    provider_specific_fields: Option<IgnoredAny>,
    reasoning_opaque: Option<IgnoredAny>,
    encrypted_content: Option<IgnoredAny>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

/// A text that is copied only where it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Piece<'_> {
    fn is_plain(&self) -> bool {
        [
            &self.reasoning_details,
            &self.extra_content,
            &self.thought_signature,
            &self.thinking_blocks,
            &self.provider_specific_fields,
            &self.reasoning_opaque,
            &self.encrypted_content,
            &self.tool_calls,
            &self.function_call,
        ]
        .iter()
        .all(|field| field.is_none())
    }
}

impl ChunkChoice<'_> {
    fn is_plain(&self) -> bool {
        self.usage.is_none()
            && self.error.is_none()
            && self.index.is_none_or(|index| index == 0)
            && self.delta.is_plain()
    }
}

/// Adds the chunk in `data` to `assembly` and gives the number of its choices, if everything in it is
/// as published.
pub(super) fn read_usual(data: &str, assembly: &mut Assembly, tell: Tell<'_>) -> Option<usize> {
    let chunk: Chunk<'_> = serde_json::from_str(data).ok()?;
    let is_usual = chunk.error.is_none()
        && chunk.x_groq.is_none()
        && chunk.object.is_none_or(|kind| kind.0 != "error")
        && chunk.choices.len() < 2
        && chunk.choices.iter().all(ChunkChoice::is_plain);
    if !is_usual {
        return None;
    }
    let said = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.to_string());
    if !assembly.is_introduced() {
        let (model, id, print) = (&chunk.model, &chunk.id, &chunk.system_fingerprint);
        assembly.about(
            said(model).as_deref(),
            said(id).as_deref(),
            said(print).as_deref(),
        );
    }
    if let Some(usage) = chunk.usage {
        assembly.spent(usage.usage(), tell);
    }
    let count = chunk.choices.len();
    for choice in chunk.choices {
        if let Some(word) = choice.finish_reason {
            assembly.finished(&word.0);
        }
        let piece = choice.delta;
        match (piece.reasoning_content, piece.reasoning) {
            (Some(text), _) if !text.0.is_empty() => {
                assembly.reasoning(opaque::REASONING, &text.0, tell);
            }
            (_, Some(text)) => assembly.reasoning("reasoning", &text.0, tell),
            _ => {}
        }
        if let Some(text) = piece.content {
            assembly.text(&text.0, tell);
        }
        if let Some(text) = piece.refusal {
            assembly.refusal(&text.0);
        }
    }
    Some(count)
}
