//! From the body that came back to a response. Lenient: only one candidate must be there.
//!
//! An answer in one piece and each event of a stream are the same object, so there is one reading.

use serde_json::Value;

use super::failure::{blocked, classify, classify_value};
use super::parts::PartReader;
use crate::chat::{Delta, FinishReason, Response, Usage};
use crate::provider::reading::{Object, count, cut_off, object, take_text};
use crate::provider::{HttpAnswer, Progress, ProviderError, StreamDecoder};

/// Reads `answer`, which came back for a request to `model`.
pub(super) fn decode(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    if !answer.is_success() {
        return Err(classify(answer, model));
    }
    let pieces = match object(answer.body) {
        Some(piece) => vec![piece],
        // What a stream becomes when a proxy drops `alt=sse`.
        None => list(answer.body),
    };
    let mut reading = PieceDecoder::new(model);
    for piece in pieces {
        if says_error(&piece) {
            return Err(classify(answer, model));
        }
        reading.read(piece, &mut |_| {})?;
    }
    if !reading.has_candidate {
        return Err(classify(answer, model));
    }
    Ok(reading.take())
}

fn list(body: &[u8]) -> Vec<Object> {
    serde_json::from_slice(body).unwrap_or_default()
}

fn says_error(piece: &Object) -> bool {
    !matches!(
        piece.get("error"),
        None | Some(Value::Null | Value::Bool(false))
    )
}

/// Puts a response together, piece by piece.
pub(super) struct PieceDecoder {
    model: String,
    response: Response,
    parts: PartReader,
    has_candidate: bool,
}

impl PieceDecoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            response: Response::default(),
            parts: PartReader::default(),
            has_candidate: false,
        }
    }

    fn read(
        &mut self,
        mut piece: Object,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), ProviderError> {
        let response = &mut self.response;
        response.model = take_text(&mut piece, "modelVersion").or(response.model.take());
        response.id = take_text(&mut piece, "responseId").or(response.id.take());
        let candidate = match piece.remove("candidates") {
            Some(Value::Array(candidates)) => candidates.into_iter().next(),
            _ => None,
        };
        match candidate {
            Some(Value::Object(candidate)) => self.read_candidate(candidate, tell),
            _ => {
                if let Some(error) = blocked(&piece) {
                    return Err(error);
                }
            }
        }
        if let Some(usage) = piece.get("usageMetadata").and_then(Value::as_object) {
            self.response.usage = usage_of(usage);
            tell(&Delta::Usage(self.response.usage));
        }
        Ok(())
    }

    fn read_candidate(&mut self, mut candidate: Object, tell: &mut dyn FnMut(&Delta<'_>)) {
        if let Some(word) = take_text(&mut candidate, "finishReason") {
            self.response.finish_reason = finish_reason(word);
            self.has_candidate = true;
        }
        let Some(Value::Object(mut content)) = candidate.remove("content") else {
            return;
        };
        self.has_candidate = true;
        match content.remove("parts") {
            Some(Value::Array(parts)) => {
                for part in parts {
                    self.parts.read(part, &mut self.response, tell);
                }
            }
            Some(part) => self.parts.read(part, &mut self.response, tell),
            None => {}
        }
    }

    fn take(&mut self) -> Response {
        let mut response = std::mem::take(&mut self.response);
        std::mem::take(&mut self.parts).finish(&mut response);
        let called = !response.tool_calls.is_empty();
        if called && matches!(response.finish_reason, None | Some(FinishReason::Stop)) {
            response.finish_reason = Some(FinishReason::ToolCalls);
        }
        response
    }
}

impl StreamDecoder for PieceDecoder {
    fn feed(
        &mut self,
        _name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError> {
        // Gemini has no such mark; some proxies add it.
        if data.trim() == "[DONE]" {
            return Ok(Progress::Done);
        }
        let Some(piece) = object(data.as_bytes()) else {
            return Err(cut_off(200));
        };
        if says_error(&piece) {
            return Err(classify_value(&Value::Object(piece), &self.model));
        }
        self.read(piece, tell)?;
        Ok(Progress::More)
    }

    fn finish(&mut self) -> Result<Response, ProviderError> {
        if self.response.finish_reason.is_none() {
            return Err(cut_off(200));
        }
        Ok(self.take())
    }
}

fn finish_reason(word: String) -> Option<FinishReason> {
    Some(match word.as_str() {
        "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" | "FUNCTION_CALL" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        _ => FinishReason::Other(word),
    })
}

/// Thoughts are output that `candidatesTokenCount` leaves out; so is input of Google's own tools in
/// `promptTokenCount`. A figure of 0 is not sent.
fn usage_of(usage: &Object) -> Usage {
    let figure = |key: &str| count(usage.get(key));
    let sum = |a: &str, b: &str| match (figure(a), figure(b)) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    Usage {
        input_tokens: sum("promptTokenCount", "toolUsePromptTokenCount"),
        output_tokens: sum("candidatesTokenCount", "thoughtsTokenCount"),
        cached_tokens: figure("cachedContentTokenCount"),
        reasoning_tokens: figure("thoughtsTokenCount"),
        ..Usage::default()
    }
}
