//! The requests of a probe: each is one question, tiny, and with a limit.

use serde_json::{Value, json};

use super::MOST_OUTPUT_TOKENS;

/// A limit that a count to a hundred does not fit into.
pub(super) const SHORT: u32 = 16;
/// What the prompts contradict: the one word, and the type of the number.
pub(super) const WORD: &str = "tide";

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) body: Value,
}

/// The field that limits the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// `max_completion_tokens`.
    Newer,
    /// `max_tokens`.
    Older,
}

impl Limit {
    fn field(self) -> &'static str {
        match self {
            Self::Newer => "max_completion_tokens",
            Self::Older => "max_tokens",
        }
    }
}

fn ask(model: &str, limit: Limit, tokens: u32, prompt: &str, more: Value) -> Question {
    let mut body = json!({
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        limit.field(): tokens,
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Question { body }
}

fn prose(model: &str, limit: Limit, more: Value) -> Question {
    const PROMPT: &str = "Answer with the single word yes, as plain text. Do not write JSON.";
    ask(model, limit, MOST_OUTPUT_TOKENS, PROMPT, more)
}

pub(super) fn count(model: &str, limit: Limit) -> Question {
    const PROMPT: &str = "Count from 1 to 60, with all numbers, one per line.";
    ask(model, limit, SHORT, PROMPT, json!({}))
}

pub(super) fn developer(model: &str, limit: Limit) -> Question {
    let messages = json!([
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Answer with the single word yes."}
    ]);
    prose(model, limit, json!({ "messages": messages }))
}

/// What an answer must fit, whatever the prompt says.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [WORD]}, "number": {"type": "integer"}},
        "required": ["word", "number"],
        "additionalProperties": false
    })
}

pub(super) fn json_schema(model: &str, limit: Limit, strict: Option<bool>) -> Question {
    let mut format = json!({"name": "probe", "schema": schema()});
    if let Some(strict) = strict {
        format["strict"] = json!(strict);
    }
    let format = json!({"type": "json_schema", "json_schema": format});
    prose(model, limit, json!({ "response_format": format }))
}

pub(super) fn json_object(model: &str, limit: Limit) -> Question {
    prose(
        model,
        limit,
        json!({"response_format": {"type": "json_object"}}),
    )
}

pub(super) fn tool(model: &str, limit: Limit, strict: Option<bool>) -> Question {
    const PROMPT: &str =
        "Call the tool `note` with the word \"moon\" and the number \"many\", exactly so.";
    let mut function = json!({
        "name": "note",
        "description": "Notes a word and a number.",
        "parameters": schema()
    });
    if let Some(strict) = strict {
        function["strict"] = json!(strict);
    }
    let tools = json!([{"type": "function", "function": function}]);
    ask(
        model,
        limit,
        MOST_OUTPUT_TOKENS,
        PROMPT,
        json!({ "tools": tools }),
    )
}

pub(super) fn stream(model: &str, limit: Limit, usage: bool) -> Question {
    let mut more = json!({"stream": true});
    if usage {
        more["stream_options"] = json!({"include_usage": true});
    }
    prose(model, limit, more)
}

pub(super) fn unknown_field(model: &str, limit: Limit) -> Question {
    prose(model, limit, json!({"duologue_probe": true}))
}

pub(super) fn bad_model(limit: Limit) -> Question {
    prose("duologue-no-such-model", limit, json!({}))
}

pub(super) fn bad_field(model: &str, limit: Limit) -> Question {
    prose(model, limit, json!({"temperature": "warm"}))
}
