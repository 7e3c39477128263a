//! An answer that is there as a whole, told as a stream would bring it.

use std::future::poll_fn;
use std::task::Poll;

use super::CallContext;
use crate::chat::{Delta, Response, ToolCall, ToolCallDelta};

/// Into how many pieces a text goes where nobody says how long they are.
const PIECES: usize = 4;

/// Tells all of `response`, each text in pieces of `chars` characters; without that, in a few.
pub(crate) async fn tell_whole(call: &CallContext, response: &Response, chars: Option<usize>) {
    if let Some(reasoning) = &response.reasoning {
        tell_text(call, reasoning, chars, |piece| Delta::Reasoning(piece)).await;
    }
    tell_text(call, &response.text, chars, |piece| Delta::Text(piece)).await;
    for (index, tool_call) in response.tool_calls.iter().enumerate() {
        tell_tool_call(call, index, tool_call, chars).await;
    }
    if !response.usage.is_unknown() {
        call.tell(&Delta::Usage(response.usage));
    }
}

async fn tell_text(
    call: &CallContext,
    text: &str,
    chars: Option<usize>,
    delta: impl Fn(&str) -> Delta<'_>,
) {
    let chars = chars.unwrap_or_else(|| text.chars().count().div_ceil(PIECES));
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(chars.max(1))
            .map_or(rest.len(), |(at, _)| at);
        let (piece, later) = rest.split_at(end);
        call.tell(&delta(piece));
        rest = later;
        pause().await;
    }
}

async fn tell_tool_call(
    call: &CallContext,
    index: usize,
    tool_call: &ToolCall,
    chars: Option<usize>,
) {
    let ToolCall { id, name, .. } = tool_call;
    let begin = ToolCallDelta::new(index, Some(id), Some(name), "");
    call.tell(&Delta::ToolCall(begin));
    let arguments = tool_call.arguments.to_string();
    tell_text(call, &arguments, chars, |piece| {
        Delta::ToolCall(ToolCallDelta::new(index, None, None, piece))
    })
    .await;
}

/// Lets whoever listens look at the piece. Not tokio's `yield_now`: where a blocking call polls on a
/// worker's thread, that one waits for the worker.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
