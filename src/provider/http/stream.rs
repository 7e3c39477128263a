//! Streamed answers: from the pieces of a body to the events of a dialect.

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use sse_stream::SseByteStream;

use super::{Incoming, Reading};
use crate::attempt::OpenAttempt;
use crate::chat::{Delta, Response};
use crate::error::ErrorKind;
use crate::provider::reading::cut_off;
use crate::provider::{CallContext, Framing, Progress, ProviderError, StreamDecoder};

const END_OF_EVENT: Bytes = Bytes::from_static(b"\n\n");
const END_OF_LINE: Bytes = Bytes::from_static(b"\n");

/// Reads a streamed answer. One that was not streamed, since it is a failure or the server cannot, is
/// read as a whole; its text is then told in one piece.
pub(super) async fn read(
    incoming: &mut Incoming<'_>,
    reading: &Reading<'_>,
) -> Result<Response, ProviderError> {
    let begun = begin(incoming).await?;
    let framing = reading.translator.framing();
    if !incoming.is_success() || !is_stream(&begun, framing) {
        let body = incoming.rest(begun).await?;
        let answer = incoming.answer(&body);
        let response = reading.translator.decode(&answer, reading.model)?;
        tell_whole(&response, reading);
        return Ok(response);
    }
    let mut decoder = reading.translator.stream_decoder(reading.model);
    match framing {
        Framing::Events => events(incoming, begun, &mut *decoder, reading).await?,
        Framing::Lines => lines(incoming, begun, &mut *decoder, reading).await?,
    }
    incoming.drain();
    decoder.finish()
}

/// The body up to its first byte that says something.
async fn begin(incoming: &mut Incoming<'_>) -> Result<Vec<u8>, ProviderError> {
    let mut begun = Vec::new();
    while begun.trim_ascii().is_empty() {
        match incoming.chunk().await? {
            Some(chunk) => begun.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(begun)
}

/// Whether a body that begins like this is streamed; its content type often lies.
fn is_stream(begun: &[u8], framing: Framing) -> bool {
    let begun = begun.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begun);
    match framing {
        Framing::Events => !matches!(
            begun.trim_ascii_start().first(),
            None | Some(b'{' | b'[' | b'<')
        ),
        Framing::Lines => begun.trim_ascii_start().first() == Some(&b'{'),
    }
}

fn tell_whole(response: &Response, reading: &Reading<'_>) {
    if let Some(reasoning) = &response.reasoning {
        reading.call.tell(&Delta::Reasoning(reasoning));
    }
    if !response.text.is_empty() {
        reading.call.tell(&Delta::Text(&response.text));
    }
    reading.call.tell(&Delta::Usage(response.usage));
}

async fn events(
    incoming: &mut Incoming<'_>,
    begun: Vec<u8>,
    decoder: &mut dyn StreamDecoder,
    reading: &Reading<'_>,
) -> Result<(), ProviderError> {
    let mut told = Told::new(incoming.attempt(), reading);
    // A last event without the blank line that ends it counts.
    let body = body(incoming, begun).chain(stream::once(async { Ok(END_OF_EVENT) }));
    let mut events = std::pin::pin!(SseByteStream::new(body));
    while let Some(event) = events.next().await {
        let event = event.map_err(broken)?;
        let Some(data) = &event.data else { continue };
        if told.feed(decoder, event.event.as_deref(), data)? == Progress::Done {
            break;
        }
    }
    Ok(())
}

async fn lines(
    incoming: &mut Incoming<'_>,
    begun: Vec<u8>,
    decoder: &mut dyn StreamDecoder,
    reading: &Reading<'_>,
) -> Result<(), ProviderError> {
    let mut told = Told::new(incoming.attempt(), reading);
    let body = body(incoming, begun).chain(stream::once(async { Ok(END_OF_LINE) }));
    let mut body = std::pin::pin!(body);
    let mut line = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        let mut rest = chunk.as_ref();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() && told.feed(decoder, None, text.trim())? == Progress::Done {
                return Ok(());
            }
            line.clear();
        }
        line.extend_from_slice(rest);
    }
    Ok(())
}

/// The body, whose beginning was read already.
fn body(
    incoming: &mut Incoming<'_>,
    begun: Vec<u8>,
) -> impl Stream<Item = Result<Bytes, ProviderError>> + Send {
    let begun = stream::once(async { Ok(Bytes::from(begun)) });
    let rest = stream::try_unfold(incoming, |incoming| async move {
        let chunk = incoming.chunk().await?;
        Ok(chunk.map(|chunk| (chunk, incoming)))
    });
    begun.chain(rest)
}

/// Hands on what events bring, and notes when the first of it came.
struct Told<'a> {
    attempt: &'a OpenAttempt,
    call: &'a CallContext,
    anything: bool,
}

impl<'a> Told<'a> {
    fn new(attempt: &'a OpenAttempt, reading: &Reading<'a>) -> Self {
        Self {
            attempt,
            call: reading.call,
            anything: false,
        }
    }

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

fn broken(error: sse_stream::Error) -> ProviderError {
    match error {
        sse_stream::Error::Body(error) => match error.downcast::<ProviderError>() {
            Ok(error) => *error,
            Err(error) => cut_off(200).with_source(error),
        },
        error => {
            ProviderError::new(ErrorKind::Protocol, "the stream is not text").with_source(error)
        }
    }
}
