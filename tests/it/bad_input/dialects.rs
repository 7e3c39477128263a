//! Whatever a server sends, in any dialect: an answer or a failure with a class, never a panic.

use duologue::chat::{Message, Request, ResponseSchema, Role, ToolCall, ToolDefinition};
use duologue::provider::{
    Delivery, HttpAnswer, Progress, StructuredOutputMode, Translate, anthropic, ollama, openai,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::never_panics::{anything, collect};

struct Spoken {
    translator: Box<dyn Translate>,
    /// An answer with everything in it.
    answer: Value,
    /// The events of a stream with everything in it.
    events: Vec<(Option<&'static str>, Value)>,
}

fn openai() -> Spoken {
    let call = json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": "tides", "arguments": "{\"at\": 3}"}}]);
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}});
    Spoken {
        translator: Box::new(openai::Translator::new(openai::Dialect::default())),
        answer: json!({"id": "a", "model": "m", "usage": usage, "choices": [{"index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": [{"type": "text", "text": "{}"}], "reasoning": "r", "tool_calls": call}}]}),
        events: vec![
            (
                None,
                json!({"id": "a", "model": "m", "choices": [{"delta": {"role": "assistant", "content": "{"}}]}),
            ),
            (
                None,
                json!({"choices": [{"delta": {"content": "}", "reasoning_content": "r", "tool_calls": call}}]}),
            ),
            (
                None,
                json!({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}),
            ),
        ],
    }
}

fn anthropic() -> Spoken {
    let usage = json!({"input_tokens": 5, "cache_read_input_tokens": 1, "output_tokens": 3});
    let blocks = json!([{"type": "thinking", "thinking": "r", "signature": "s"}, {"type": "text", "text": "{}"},
        {"type": "tool_use", "id": "c1", "name": "tides", "input": {"at": 3}}]);
    let event = |value: Value| (None, value);
    Spoken {
        translator: Box::new(anthropic::Translator::default()),
        answer: json!({"id": "a", "model": "m", "content": blocks, "stop_reason": "tool_use", "usage": usage}),
        events: vec![
            event(
                json!({"type": "message_start", "message": {"id": "a", "model": "m", "content": [], "usage": usage}}),
            ),
            event(
                json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "tides"}}),
            ),
            event(
                json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            ),
            event(
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "{}"}}),
            ),
            event(
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
            ),
            (Some("message_stop"), json!({"type": "message_stop"})),
        ],
    }
}

fn ollama() -> Spoken {
    let call = json!([{"id": "c1", "function": {"name": "tides", "arguments": {"at": 3}}}]);
    let last = json!({"model": "m", "message": {"content": "}", "tool_calls": call}, "done": true, "done_reason": "stop",
        "prompt_eval_count": 5, "eval_count": 3});
    Spoken {
        translator: Box::new(ollama::Translator::new(StructuredOutputMode::Auto)),
        answer: last.clone(),
        events: vec![
            (
                None,
                json!({"model": "m", "message": {"content": "{", "thinking": "r"}, "done": false}),
            ),
            (None, last),
        ],
    }
}

fn all() -> Vec<Spoken> {
    vec![openai(), anthropic(), ollama()]
}

/// `value` with one of its parts replaced.
fn mutated(value: &Value, place: prop::sample::Index, replacement: &Value) -> Value {
    let mut pointers = vec![String::new()];
    collect(value, "", &mut pointers);
    let mut value = value.clone();
    *value
        .pointer_mut(&pointers[place.index(pointers.len())])
        .unwrap() = replacement.clone();
    value
}

/// What goes out for any dialogue is JSON, or refused with a reason.
fn message() -> impl Strategy<Value = Message> {
    let roles = prop_oneof![
        Just(Role::Developer),
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Tool),
    ];
    (
        roles,
        ".{0,20}",
        proptest::collection::vec(anything(), 0..3),
        ".{0,5}",
    )
        .prop_map(|(role, text, arguments, id)| {
            let mut message = Message::new(role, text);
            if role == Role::Tool {
                message.tool_call_id = Some(id);
            } else if role == Role::Assistant {
                let calls = arguments.into_iter().enumerate();
                message.tool_calls = calls
                    .map(|(index, arguments)| {
                        ToolCall::new(format!("{id}{index}"), "tides", arguments)
                    })
                    .collect();
            }
            message
        })
}

proptest! {
    #[test]
    fn an_answer_of_any_shape_is_read_or_refused(
        place: prop::sample::Index,
        replacement in anything(),
        status in prop_oneof![4 => Just(200_u16), 1 => 300..599_u16],
        cut: prop::sample::Index,
    ) {
        for spoken in all() {
            let body = mutated(&spoken.answer, place, &replacement).to_string().into_bytes();
            for body in [&body[..], &body[..cut.index(body.len() + 1)]] {
                let answer = HttpAnswer { status, headers: &(), body };
                if let Err(error) = spoken.translator.decode(&answer, "m") {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn a_stream_of_any_events_is_read_or_refused(
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        place: prop::sample::Index,
        replacement in anything(),
        noise in ".{0,30}",
    ) {
        for spoken in all() {
            let mut decoder = spoken.translator.stream_decoder("m");
            let mut told = 0;
            for (number, pick) in order.iter().enumerate() {
                let (name, event) = &spoken.events[pick.index(spoken.events.len())];
                let data = match number % 4 {
                    3 => noise.clone(),
                    2 => mutated(event, place, &replacement).to_string(),
                    _ => event.to_string(),
                };
                match decoder.feed(*name, &data, &mut |_| told += 1) {
                    Ok(Progress::More) => {}
                    Ok(_) | Err(_) => break,
                }
            }
            let _ = decoder.finish();
        }
    }

    #[test]
    fn any_dialogue_goes_out_as_json_or_not_at_all(
        messages in proptest::collection::vec(message(), 0..6),
        schema in anything(),
    ) {
        let mut request = Request::new("m", messages);
        request.tools = vec![ToolDefinition::new("tides", "Says when.", json!({"type": "object"}))];
        for schema in [None, Some(json!({"type": "object"})), Some(schema)] {
            request.response_schema = schema.map(|schema| {
                serde_json::from_value::<ResponseSchema>(json!({"name": "answer", "schema": schema})).unwrap()
            });
            for spoken in all() {
                for delivery in [Delivery::Whole, Delivery::Streamed] {
                    if let Ok(encoded) = spoken.translator.encode(&request, delivery) {
                        serde_json::from_slice::<Value>(&encoded.body).unwrap();
                    }
                }
            }
        }
    }
}
