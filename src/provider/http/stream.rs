//! Answers as they come in: whole, or piece by piece.

use std::time::SystemTime;

use super::framing::Framer;
use super::{Incoming, Reading};
use crate::attempt::OpenAttempt;
use crate::chat::{Delta, Response, ToolCallDelta};
use crate::provider::reading::retry_after;
use crate::provider::{CallContext, Delivery, Framing, Progress, ProviderError, StreamDecoder};

/// As much of a body says whether it is a stream.
const TELLING: usize = "event:".len();

/// Reads an answer. Whether it is streamed is seen from it and not from what was asked for: some
/// servers cannot stream, others always do. One that is not streamed is told in one piece.
pub(super) async fn read(
    incoming: &mut Incoming<'_>,
    reading: &Reading<'_>,
) -> Result<Response, ProviderError> {
    incoming.check_announced()?;
    let begun = begin(incoming).await?;
    if incoming.is_success() && is_stream(&begun, incoming, reading) {
        let result = read_stream(incoming, begun, reading).await;
        return result.map_err(|error| with_headers(error, incoming));
    }
    let body = incoming.rest(begun).await?;
    let answer = incoming.answer(&body);
    let response = reading.translator.decode(&answer, reading.model)?;
    if reading.call.streams() {
        tell_whole(&response, incoming.attempt(), reading.call);
    }
    Ok(response)
}

/// The beginning of the body, blank lines aside.
async fn begin(incoming: &mut Incoming<'_>) -> Result<Vec<u8>, ProviderError> {
    let mut begun = Vec::new();
    while begun.trim_ascii_start().len() < TELLING {
        match incoming.chunk().await? {
            Some(chunk) => begun.extend_from_slice(&chunk),
            None => break,
        }
    }
    if begun.starts_with(b"\xef\xbb\xbf") {
        begun.drain(..3);
    }
    Ok(begun)
}

/// Whether a body that begins like this is streamed; its content type often lies.
fn is_stream(begun: &[u8], incoming: &Incoming<'_>, reading: &Reading<'_>) -> bool {
    let begun = begun.trim_ascii_start();
    match reading.translator.framing() {
        Framing::Lines => reading.delivery == Delivery::Streamed && begun.starts_with(b"{"),
        Framing::Events => {
            [&b":"[..], b"data:", b"event:", b"id:", b"retry:"]
                .iter()
                .any(|field| begun.starts_with(field))
                || incoming.says_events()
                    && !matches!(begun.first(), None | Some(b'{' | b'[' | b'<'))
        }
    }
}

async fn read_stream(
    incoming: &mut Incoming<'_>,
    begun: Vec<u8>,
    reading: &Reading<'_>,
) -> Result<Response, ProviderError> {
    let mut decoder = reading.translator.stream_decoder(reading.model);
    let mut framer = Framer::new(reading.translator.framing());
    let mut told = Told {
        attempt: incoming.attempt(),
        call: reading.call,
        anything: false,
    };
    let mut progress = framer.push(&begun, &mut |name, data| {
        told.feed(&mut *decoder, name, data)
    })?;
    incoming.wait_for_content();
    while progress == Progress::More {
        if told.anything {
            incoming.content_begins();
        }
        progress = match incoming.chunk().await {
            Ok(Some(chunk)) => framer.push(&chunk, &mut |name, data| {
                told.feed(&mut *decoder, name, data)
            })?,
            Ok(None) => {
                let last = framer.finish(&mut |name, data| told.feed(&mut *decoder, name, data));
                return decoder
                    .finish()
                    .map_err(|error| last.err().unwrap_or(error));
            }
            // What broke off after the answer was complete took nothing away from it.
            Err(error) => return decoder.finish().map_err(|_| error),
        };
    }
    let response = decoder.finish()?;
    incoming.drain().await;
    Ok(response)
}

/// A failure in a stream with what the headers before it say.
fn with_headers(error: ProviderError, incoming: &Incoming<'_>) -> ProviderError {
    let answer = incoming.answer(&[]);
    let wait = error
        .retry_after()
        .or_else(|| retry_after(answer.headers, SystemTime::now()));
    error.with_status(answer.status).with_retry_after(wait)
}

fn tell_whole(response: &Response, attempt: &OpenAttempt, call: &CallContext) {
    attempt.first_token();
    if let Some(reasoning) = &response.reasoning {
        call.tell(&Delta::Reasoning(reasoning));
    }
    if !response.text.is_empty() {
        call.tell(&Delta::Text(&response.text));
    }
    for (index, tool) in response.tool_calls.iter().enumerate() {
        let (id, name) = (Some(&*tool.id), Some(&*tool.name));
        let arguments = tool.arguments.to_string();
        call.tell(&Delta::ToolCall(ToolCallDelta::new(
            index, id, name, &arguments,
        )));
    }
    if !response.usage.is_unknown() {
        call.tell(&Delta::Usage(response.usage));
    }
}

/// Hands on what events bring, and notes when the first of it came.
struct Told<'a> {
    attempt: &'a OpenAttempt,
    call: &'a CallContext,
    anything: bool,
}

impl Told<'_> {
    fn feed(
        &mut self,
        decoder: &mut dyn StreamDecoder,
        name: Option<&str>,
        data: &str,
    ) -> Result<Progress, ProviderError> {
        decoder.feed(name, data, &mut |delta| {
            if !self.anything && !matches!(delta, Delta::Usage(_)) {
                self.anything = true;
                self.attempt.first_token();
            }
            self.call.tell(delta);
        })
    }
}
