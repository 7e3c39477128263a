//! What came of a streamed answer, and what that says of its tokens.

use std::fmt;

use crate::chat::{Delta, Usage};

/// What came of an answer that is streamed.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialAnswer {
    /// The text so far.
    pub text: String,
    /// The reasoning so far.
    pub reasoning: String,
    /// The tokens that the server has told of so far.
    pub usage: Usage,
}

/// Debug shows sizes, never the model's text.
impl fmt::Debug for PartialAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialAnswer")
            .field("text_bytes", &self.text.len())
            .field("reasoning_bytes", &self.reasoning.len())
            .field("usage", &self.usage)
            .finish()
    }
}

#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) answer: PartialAnswer,
    tool_call_bytes: usize,
}

impl Received {
    pub(super) fn add(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Text(text) => self.answer.text.push_str(text),
            Delta::Reasoning(text) => self.answer.reasoning.push_str(text),
            Delta::Usage(usage) => self.answer.usage = *usage,
            Delta::ToolCall(piece) => {
                let name = piece.name.unwrap_or_default();
                self.tool_call_bytes += name.len() + piece.arguments.len();
            }
            Delta::Restarted => {}
        }
    }

    /// What is left when nothing more comes.
    pub(super) fn remains(&self, input_estimate: Option<u64>) -> PartialAnswer {
        PartialAnswer {
            usage: self.usage(input_estimate),
            ..self.answer.clone()
        }
    }

    /// As the server told, else as what came lets guess.
    fn usage(&self, input_estimate: Option<u64>) -> Usage {
        let answer = &self.answer;
        let mut usage = answer.usage;
        if usage.input_tokens.is_none() && input_estimate.is_some() {
            usage.input_tokens = input_estimate;
            usage.estimated = true;
        }
        let bytes = answer.text.len() + answer.reasoning.len() + self.tool_call_bytes;
        let written = Some(Usage::estimated_tokens(bytes)).filter(|tokens| *tokens > 0);
        // Servers tell of the first token when they begin, and of the others at the end.
        if usage.output_tokens < written {
            usage.output_tokens = written;
            usage.estimated = true;
        }
        usage
    }
}
