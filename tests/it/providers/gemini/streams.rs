//! Streams over real HTTP, through the provider and its retries: one file per case.
//!
//! A file holds one answer per attempt, the last one for all that follow: how the connection ends and
//! the status (`send 200`, `close 200`, `stall 200`), headers, a blank line, the body. `<<cut>>` ends a
//! chunk; `<<cut inside>>` ends it within the character that follows.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::attempt::{Attempts, WireCapture};
use duologue::chat::Delta;
use duologue::provider::{CallContext, GeminiProvider, Provider, RetryPolicy, Retrying};

use super::{check_fixtures, lines_of};
use crate::providers::request;
use crate::providers::server::{Action, Server, Then};

#[test]
fn every_stream_is_understood_as_written_below_it() {
    let runtime = crate::support::current_thread();
    check_fixtures("gemini_streams", 20, |given| {
        runtime.block_on(outcome(given))
    });
}

async fn outcome(given: &str) -> String {
    let answers: Vec<Action> = given.split("\n====\n").map(action).collect();
    let server =
        Server::start(move |number, _| answers.get(number).or(answers.last()).unwrap().clone());
    let provider = GeminiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .idle_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let policy = RetryPolicy::default()
        .with_max_retries(2)
        .with_initial_delay(Duration::from_millis(1));
    let told = Arc::new(Mutex::new(String::new()));
    let listener = Arc::clone(&told);
    let call = CallContext::new("planner")
        .with_attempts(Attempts::new(WireCapture::Off))
        .with_listener(Arc::new(move |delta| {
            note(&mut listener.lock().unwrap(), delta);
        }));

    let result = Retrying::new(provider, policy)
        .generate_json(&request(), &call)
        .await;

    let mut lines = lines_of(&result);
    lines.push_str(&told.lock().unwrap());
    let requests = server.requests();
    assert_eq!(requests.len(), call.attempts().to_vec().len());
    for request in &requests {
        let line = request.lines().next().unwrap();
        let expected = "POST /v1/models/gpt-5-mini:streamGenerateContent?alt=sse HTTP/1.1";
        assert_eq!(line, expected);
    }
    writeln!(lines, "requests: {}", requests.len()).unwrap();
    lines
}

fn note(told: &mut String, delta: &Delta<'_>) {
    match delta {
        Delta::Text(text) => writeln!(told, "told text: {text:?}"),
        Delta::Reasoning(text) => writeln!(told, "told reasoning: {text:?}"),
        Delta::ToolCall(call) => writeln!(
            told,
            "told call {}: {} {} {}",
            call.index,
            call.id.unwrap_or("-"),
            call.name.unwrap_or("-"),
            call.arguments
        ),
        Delta::Usage(usage) => writeln!(told, "told usage: {:?}", usage.total_tokens()),
        Delta::Restarted => writeln!(told, "told restart"),
        _ => Ok(()),
    }
    .unwrap();
}

fn action(answer: &str) -> Action {
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (end, status) = first.split_once(' ').unwrap();
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\n{}\r\ntransfer-encoding: chunked\r\n\r\n",
        headers.replace('\n', "\r\n")
    )
    .into_bytes();
    for chunk in chunks(body) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    let end = match end {
        "send" => Then::Keep,
        "close" => Then::Close,
        "stall" => Then::Stall,
        other => panic!("no such end: {other}"),
    };
    if matches!(end, Then::Keep) {
        bytes.extend(b"0\r\n\r\n");
    }
    Action::Bytes(vec![bytes], end)
}

fn chunks(body: &str) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    for piece in body.split("<<cut>>") {
        let mut open = Vec::new();
        for (index, part) in piece.split("<<cut inside>>").enumerate() {
            let bytes = part.as_bytes();
            let (first, rest) = bytes.split_at(usize::from(index > 0));
            open.extend(first);
            if index > 0 {
                chunks.push(std::mem::take(&mut open));
            }
            open.extend(rest);
        }
        chunks.push(open);
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}
