//! What an answer turned out to be.

use serde_json::Value;

use crate::call_log::{CallEnd, CallError};
use crate::chat::{FinishReason, Response};
use crate::error::{ErrorKind, SchemaViolation, with_causes};
use crate::provider::ProviderError;
use crate::provider::extract::extract_json;
use crate::schema::CompiledSchema;
use crate::text::counted;

const CUT: &str = "the answer was cut at the output limit";

/// Takes a valid answer into the form that the caller wants, or says why it cannot.
pub(super) type Decode<'d> = dyn FnMut(&Value) -> std::result::Result<Decoded, String> + Send + 'd;

/// What the caller made of a valid answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Nothing: it wants the JSON itself.
    AsIs,
    /// A typed value: the JSON may go to the record, and need not be copied.
    Typed,
}

/// Whether the model was offered tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tools {
    Offered,
    None,
}

/// Classifies, extracts, validates and decodes, in that order.
pub(super) fn judge(
    response: &Response,
    schema: &CompiledSchema,
    tools: Tools,
    decode: &mut Decode<'_>,
) -> Verdict {
    if response.refusal.is_some() {
        return Verdict::failed(ErrorKind::Refused, "the model refused to answer");
    }
    if response.finish_reason == Some(FinishReason::ContentFilter) {
        return Verdict::failed(
            ErrorKind::ContentFiltered,
            "a content filter stopped the answer",
        );
    }
    let cut = response.finish_reason == Some(FinishReason::Length);
    if !response.tool_calls.is_empty() {
        return match tools {
            // The arguments of the last one may be cut as well.
            _ if cut => Verdict::failed(ErrorKind::Truncated, CUT),
            Tools::Offered => Verdict::AsksForTools,
            Tools::None => Verdict::invalid("it calls tools, and there are none", Vec::new()),
        };
    }
    let extracted = match extract_json(&response.text, &|value| schema.fits(value)) {
        // A cut answer counts only if it is plain, complete and right: nothing may be guessed there.
        Ok(whole) if cut && whole.fixups.is_empty() && schema.fits(&whole.value) => whole,
        Ok(_) | Err(_) if cut => {
            return Verdict::failed(ErrorKind::Truncated, CUT);
        }
        Ok(extracted) => extracted,
        Err(error) => {
            return Verdict::invalid(error.to_string(), Vec::new());
        }
    };
    let fixups = extracted.fixups.iter().map(ToString::to_string).collect();
    let violations = schema.violations(&extracted.value);
    if !violations.is_empty() {
        return Verdict::Invalid { violations, fixups };
    }
    match decode(&extracted.value) {
        Ok(decoded) => Verdict::Valid {
            answer: extracted.value,
            fixups,
            decoded,
        },
        Err(message) => Verdict::invalid(message, fixups),
    }
}

/// One answer, judged.
pub(super) enum Verdict {
    Valid {
        answer: Value,
        fixups: Vec<String>,
        decoded: Decoded,
    },
    Invalid {
        violations: Vec<SchemaViolation>,
        fixups: Vec<String>,
    },
    /// It is no answer yet: tools are to be called first.
    AsksForTools,
    Failed(Failure),
}

pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    pub(super) source: Option<ProviderError>,
}

impl Failure {
    pub(super) fn of(error: ProviderError) -> Self {
        Self {
            kind: error.kind(),
            message: with_causes(&error),
            source: Some(error),
        }
    }
}

impl Verdict {
    pub(super) fn failed(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Failed(Failure {
            kind,
            message: message.into(),
            source: None,
        })
    }

    /// An answer that is wrong as a whole.
    fn invalid(message: impl Into<String>, fixups: Vec<String>) -> Self {
        let violation = SchemaViolation {
            pointer: String::new(),
            message: message.into(),
        };
        Self::Invalid {
            violations: vec![violation],
            fixups,
        }
    }

    pub(super) fn violations(&self) -> &[SchemaViolation] {
        match self {
            Self::Invalid { violations, .. } => violations,
            _ => &[],
        }
    }

    pub(super) fn error_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Valid { .. } | Self::AsksForTools => None,
            Self::Invalid { .. } => Some(ErrorKind::InvalidAnswer),
            Self::Failed(failure) => Some(failure.kind),
        }
    }

    /// How the call ended, for its record. An answer that has been decoded is given away.
    pub(super) fn take_end(&mut self, response: Option<Response>, goes_on: bool) -> CallEnd {
        let mut end = CallEnd {
            response,
            goes_on,
            ..CallEnd::default()
        };
        match self {
            Self::Valid {
                answer,
                fixups,
                decoded,
            } => {
                end.answer = Some(match decoded {
                    Decoded::AsIs => answer.clone(),
                    Decoded::Typed => answer.take(),
                });
                end.fixups.clone_from(fixups);
            }
            Self::Invalid { violations, fixups } => {
                end.violations.clone_from(violations);
                end.fixups.clone_from(fixups);
                end.error = Some(CallError {
                    kind: ErrorKind::InvalidAnswer,
                    message: format!(
                        "the answer does not fit its schema: {}",
                        counted(violations.len(), "error")
                    ),
                    hint: None,
                });
            }
            Self::AsksForTools => {}
            Self::Failed(failure) => {
                end.error = Some(CallError {
                    kind: failure.kind,
                    message: failure.message.clone(),
                    hint: failure
                        .source
                        .as_ref()
                        .and_then(|error| error.hint().map(str::to_owned)),
                });
            }
        }
        end
    }
}
