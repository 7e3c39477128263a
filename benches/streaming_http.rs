//! What streaming costs: one answer of 100 KB read at once, and streamed in pieces of several sizes,
//! over a local HTTP server. What the client's thread computes is counted; the server's does not.
//!
//! `streaming_http exactly PIECE CALLS` makes just so many calls, for a profiler; PIECE 0 is at once.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Result;
use common::figures::Times;
use duologue::chat::{Delta, Message, Request};
use duologue::provider::{CallContext, OpenAiProvider, Provider};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// Length of the answer.
const LENGTH: usize = 100_000;
const CALLS: usize = 400;

fn main() -> Result {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    if arguments.next().as_deref() == Some("exactly") {
        let piece = arguments.next().ok_or("which size of pieces?")?.parse()?;
        let calls = arguments.next().ok_or("how many calls?")?.parse()?;
        Caller::new(piece)?.times(calls)?;
        return Ok(());
    }
    let mut at_once = None;
    for piece in [0, 20, 200, 2_000] {
        let caller = Caller::new(piece)?;
        caller.times(CALLS / 4)?;
        let (computed, elapsed) = caller.times(CALLS)?;
        let median = computed.percentile_us(50);
        let share = median / *at_once.get_or_insert(median);
        let name = match piece {
            0 => "at once".to_owned(),
            piece => format!("pieces of {piece}"),
        };
        println!("{name:15} computed: {computed}   {share:5.2} x at once   elapsed: {elapsed}");
    }
    Ok(())
}

/// A provider, and a server that streams to it, or does not.
struct Caller {
    runtime: Runtime,
    provider: OpenAiProvider,
    streams: bool,
}

impl Caller {
    fn new(piece: usize) -> Result<Self> {
        let provider = OpenAiProvider::builder()
            .base_url(serve(answer(piece))?)
            .no_api_key()
            .build()?;
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            provider,
            streams: piece > 0,
        })
    }

    /// What the thread computed for each call, and how long each took.
    fn times(&self, calls: usize) -> Result<(Times, Times)> {
        let request = Request::new("gpt-5-mini", vec![Message::user("JSON")]);
        let (mut computed, mut elapsed) = (Vec::new(), Vec::new());
        for _ in 0..calls {
            let heard = Arc::new(AtomicUsize::new(0));
            let mut call = CallContext::new("planner");
            if self.streams {
                let heard = Arc::clone(&heard);
                call = call.with_listener(Arc::new(move |delta| {
                    if let Delta::Text(text) = delta {
                        heard.fetch_add(text.len(), Ordering::Relaxed);
                    }
                }));
            }
            let (before, begun) = (on_processor()?, Instant::now());
            let response = self
                .runtime
                .block_on(self.provider.generate_json(&request, &call))?;
            elapsed.push(begun.elapsed());
            computed.push(on_processor()?.saturating_sub(before));
            assert_eq!(response.text.len(), LENGTH);
            assert!(!self.streams || heard.load(Ordering::Relaxed) == LENGTH);
        }
        Ok((
            computed.into_iter().collect(),
            elapsed.into_iter().collect(),
        ))
    }
}

/// The time that this thread has had a processor for.
fn on_processor() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().ok_or("no schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// A whole HTTP answer: at once, or in events of `piece` bytes of text, each a chunk of its own.
fn answer(piece: usize) -> Vec<u8> {
    let text: String = "The tide at the pier is \"high\". "
        .chars()
        .cycle()
        .take(LENGTH)
        .collect();
    if piece == 0 {
        let body = json!({
            "id": "chatcmpl-9f86d081884c7d65", "object": "chat.completion", "created": 1_758_612_345,
            "model": "gpt-5-mini-2026-08-07",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 318, "completion_tokens": 172},
        })
        .to_string();
        return format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
    }
    let mut answer =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_owned();
    let mut event = |data: &str| {
        let event = format!("data: {data}\n\n");
        for part in [&format!("{:x}", event.len()), "\r\n", &event, "\r\n"] {
            answer.push_str(part);
        }
    };
    let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
        json!({
            "id": "chatcmpl-9f86d081884c7d65", "object": "chat.completion.chunk", "created": 1_758_612_345,
            "model": "gpt-5-mini-2026-08-07", "system_fingerprint": "fp_44709d6fcb",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
            "usage": null,
        })
        .to_string()
    };
    for part in text.as_bytes().chunks(piece) {
        event(&chunk(
            json!({"content": String::from_utf8_lossy(part)}),
            json!(null),
        ));
    }
    event(&chunk(json!({}), json!("stop")));
    event(
        &json!({"choices": [], "usage": {"prompt_tokens": 318, "completion_tokens": 172}})
            .to_string(),
    );
    event("[DONE]");
    answer.push_str("0\r\n\r\n");
    answer.into_bytes()
}

/// Serves `answer` on a thread of its own, which ends with the process.
fn serve(answer: Vec<u8>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            let _ = talk(stream, &answer);
        }
    });
    Ok(url)
}

fn talk(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        stream.write_all(answer)?;
    }
}
