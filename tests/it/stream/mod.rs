//! Streams: what they tell and when, what a broken or dropped one leaves behind.

mod blocking;
mod broken;
mod cancelled;
mod events;
mod replayed;
mod spans;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use duologue::Error;
use duologue::agent::{AgentStream, StreamEvent};
use futures::StreamExt as _;
use futures::stream::Stream;
use serde_json::Value;

/// All that a stream tells, and how it ends.
fn told(stream: AgentStream<'_>) -> Vec<Result<StreamEvent, Error>> {
    pollster::block_on(stream.collect())
}

/// The events in short; texts are put together where nothing stands between.
fn in_short(events: &[Result<StreamEvent, Error>]) -> Vec<String> {
    let mut short: Vec<String> = Vec::new();
    for event in events {
        let word = match event {
            Err(error) => format!("error {}", error.kind()),
            Ok(event) => one(event),
        };
        let (kind, text) = word.split_once(": ").unwrap_or((&word, ""));
        match short.last_mut() {
            Some(last) if last.starts_with(&format!("{kind}: ")) => last.push_str(text),
            _ => short.push(word),
        }
    }
    short
}

fn one(event: &StreamEvent) -> String {
    match event {
        StreamEvent::Started { .. } => "started".to_owned(),
        StreamEvent::CallStarted { attempt, .. } => format!("call {attempt}"),
        StreamEvent::TextDelta(text) => format!("text: {text}"),
        StreamEvent::ReasoningDelta(text) => format!("reasoning: {text}"),
        StreamEvent::PartialJson(value) => format!("value {value}"),
        StreamEvent::ToolCallDelta {
            name, arguments, ..
        } => format!("tool: {}{arguments}", name.clone().unwrap_or_default()),
        StreamEvent::ToolCall(call) => format!("tool call {} {}", call.name, call.arguments),
        StreamEvent::ToolResult { name, text, .. } => format!("tool result {name} {text}"),
        StreamEvent::Usage(usage) => format!("usage {}", usage.total_tokens().unwrap()),
        StreamEvent::Restarted => "restarted".to_owned(),
        StreamEvent::Repaired {
            repair, violations, ..
        } => format!("repair {repair} of {violations}"),
        StreamEvent::Finished(outcome) => format!("finished {}", outcome.data),
        _ => panic!("an event that is not known here"),
    }
}

/// The text that somebody who follows the rules shows at the end.
fn shown(events: &[Result<StreamEvent, Error>]) -> String {
    let mut text = String::new();
    for event in events.iter().flatten() {
        match event {
            StreamEvent::TextDelta(piece) => text.push_str(piece),
            StreamEvent::CallStarted { .. } | StreamEvent::Restarted => text.clear(),
            _ => {}
        }
    }
    text
}

/// Reads the events that come without waiting, until `wanted` has come; gives whether it has.
fn read_until(stream: &mut AgentStream<'_>, wanted: impl Fn(&StreamEvent) -> bool) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        match pin!(&mut *stream).poll_next(&mut context) {
            Poll::Ready(Some(Ok(event))) if wanted(&event) => return true,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
            Poll::Ready(_) => return false,
        }
    }
    false
}

fn is_text(event: &StreamEvent) -> bool {
    matches!(event, StreamEvent::TextDelta(_))
}

/// The values of a stream's snapshots.
fn values(events: &[Result<StreamEvent, Error>]) -> Vec<Value> {
    let values = events.iter().flatten().filter_map(|event| match event {
        StreamEvent::PartialJson(value) => Some(value.clone()),
        _ => None,
    });
    values.collect()
}
