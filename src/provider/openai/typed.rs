//! The usual answer, read straight into place: a third of the work of building a tree first.
//!
//! Whatever is unusual (a field of another type, an error, no choice) gives `None` here and is left to
//! the lenient reading, which gives the same for what is read here.

use serde::Deserialize;
use serde::de::IgnoredAny;

use serde_json::Value;

use super::decode::finish_reason;
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
    let message = choice.message;
    let fingerprint = said(completion.system_fingerprint);
    Some(Response {
        text: message.content.unwrap_or_default(),
        reasoning: said(message.reasoning_content).or_else(|| said(message.reasoning)),
        refusal: said(message.refusal),
        finish_reason: said(choice.finish_reason).map(finish_reason),
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
