//! What servers stream: one file per case, sent over real HTTP, with the outcome below.
//!
//! A file holds one answer or several, parted by lines `===`: one per request, the last one again and
//! again. An answer is a status line, headers, a blank line and a body. In a body `«|»` parts what is
//! sent by itself, `«break»` breaks the connection, `«stall»` sends nothing more, `«cr»` is a carriage
//! return and `«ff»` a byte that is not UTF-8. The first line of a file says `streamed` or `whole`:
//! what was asked for. Below `---` stands what came of it: what was told, the answer or the failure,
//! and the number of requests on the wire. `UPDATE_FIXTURES=1` writes that part anew; review the
//! difference by eye.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::chat::Delta;
use duologue::provider::{CallContext, OpenAiProvider, Provider, RetryPolicy, Retrying};

use super::decode::{error_lines, response_lines};
use super::request;
use super::server::{Action, Server, Then};

const SEPARATOR: &str = "\n---\n";

#[tokio::test]
async fn every_stream_is_understood_as_written_below_it() {
    let mut wrong = String::new();
    let files = fixtures("openai_stream");
    assert!(files.len() > 30, "only {} fixtures found", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (case, expected) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
        let outcome = outcome(case).await;
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, format!("{case}{SEPARATOR}{outcome}")).unwrap();
        } else if outcome != expected {
            writeln!(
                wrong,
                "{}\nexpected:\n{expected}got:\n{outcome}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

async fn outcome(case: &str) -> String {
    let (delivery, answers) = case.split_once('\n').unwrap();
    let answers: Vec<Action> = answers.split("\n===\n").map(answer).collect();
    let server = Server::start(move |number, _| answers[number.min(answers.len() - 1)].clone());
    let provider = OpenAiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .idle_timeout(Duration::from_millis(60))
        .build()
        .unwrap();
    let policy = RetryPolicy::default()
        .with_max_retries(2)
        .with_initial_delay(Duration::from_millis(1))
        .with_max_retry_after(Duration::from_secs(1));
    let provider = Retrying::new(provider, policy);

    let told = Arc::new(Mutex::new(String::new()));
    let mut call = CallContext::new("planner");
    if delivery == "streamed" {
        let told = Arc::clone(&told);
        call = call.with_listener(Arc::new(move |delta| {
            told.lock().unwrap().push_str(&line(delta));
        }));
    }
    let result = provider.generate_json(&request(), &call).await;

    let mut lines = told.lock().unwrap().clone();
    lines.push_str(&match &result {
        Ok(response) => response_lines(response),
        Err(error) => error_lines(error),
    });
    if result.is_err()
        && let Some(partial) = call.attempts().partial()
    {
        writeln!(lines, "partial: {:?}", partial.text).unwrap();
    }
    assert_eq!(server.requests().len(), call.attempts().len(), "{case}");
    writeln!(lines, "requests: {}", server.requests().len()).unwrap();
    lines
}

fn line(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Text(text) => format!("told text {text:?}\n"),
        Delta::Reasoning(text) => format!("told reasoning {text:?}\n"),
        Delta::ToolCall(call) => format!(
            "told call {} {} {} {:?}\n",
            call.index,
            call.id.unwrap_or("-"),
            call.name.unwrap_or("-"),
            call.arguments
        ),
        Delta::Usage(usage) => format!("told usage {}\n", serde_json::to_string(usage).unwrap()),
        other => format!("told {other:?}\n"),
    }
}

/// The bytes of one answer: each piece is a chunk of its own.
fn answer(text: &str) -> Action {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let status = head.lines().next().unwrap().strip_prefix("HTTP ").unwrap();
    let mut start = format!("HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n");
    for header in head.lines().skip(1) {
        write!(start, "{header}\r\n").unwrap();
    }
    start.push_str("\r\n");
    let (body, then) = match body.split_once("«break»") {
        Some((body, _)) => (body, Then::Close),
        None => match body.split_once("«stall»") {
            Some((body, _)) => (body, Then::Stall),
            None => (body, Then::Keep),
        },
    };
    let mut pieces = vec![start.into_bytes()];
    pieces.extend(
        body.split("«|»")
            .map(bytes)
            .filter(|piece| !piece.is_empty())
            .map(chunk),
    );
    if then == Then::Keep {
        pieces.push(b"0\r\n\r\n".to_vec());
    }
    Action::Bytes(pieces, then)
}

fn bytes(text: &str) -> Vec<u8> {
    let text = text.replace("«cr»", "\r");
    text.split("«ff»")
        .map(str::as_bytes)
        .collect::<Vec<_>>()
        .join(&0xff)
}

fn chunk(piece: Vec<u8>) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend(piece);
    chunk.extend(b"\r\n");
    chunk
}

/// A stream with everything in it.
const WHOLE: &str = ": hello\n\ndata: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"tide 🌊\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

fn streamed(pieces: impl IntoIterator<Item = Vec<u8>>) -> Action {
    let head = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunks = pieces.into_iter().filter(|piece| !piece.is_empty());
    let all = [head].into_iter().chain(chunks.map(|piece| match piece {
        end if end == b"0\r\n\r\n" => end,
        piece => chunk(piece),
    }));
    Action::Bytes(all.collect(), Then::Keep)
}

const END: &[u8] = b"0\r\n\r\n";

fn listening() -> CallContext {
    CallContext::new("planner").with_listener(Arc::new(|_| {}))
}

#[tokio::test]
async fn a_stream_may_be_cut_anywhere() {
    let server = Server::start(|number, _| {
        let (before, after) = WHOLE.as_bytes().split_at(number % WHOLE.len());
        streamed([before.to_vec(), after.to_vec(), END.to_vec()])
    });
    let provider = super::plain(&server.base_url());
    let mut answers = Vec::new();
    for _ in 0..WHOLE.len() {
        let call = listening();
        answers.push(provider.generate_json(&request(), &call).await.unwrap());
    }
    assert_eq!(answers[0].text, "tide 🌊");
    assert_eq!(answers[0].tool_calls.len(), 1);
    assert_eq!(answers[0].usage.total_tokens(), Some(5));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn a_stream_that_came_byte_by_byte_is_the_same() {
    let server = Server::start(|_, _| {
        let bytes = WHOLE.bytes().map(|byte| vec![byte]);
        streamed(bytes.chain([END.to_vec()]))
    });
    let call = listening();
    let answer = super::plain(&server.base_url())
        .generate_json(&request(), &call)
        .await
        .unwrap();
    assert_eq!(answer.text, "tide 🌊");
    assert_eq!(answer.tool_calls[0].id, "t1");
}

#[tokio::test]
async fn a_stream_that_came_to_its_end_leaves_its_connection_for_the_next() {
    let connections = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&connections);
    let server = Server::start(move |_, on_connection| {
        seen.lock().unwrap().push(on_connection);
        streamed([WHOLE.as_bytes().to_vec(), END.to_vec()])
    });
    let provider = super::plain(&server.base_url());
    for _ in 0..3 {
        provider
            .generate_json(&request(), &listening())
            .await
            .unwrap();
    }
    assert_eq!(*connections.lock().unwrap(), [0, 1, 2]);
}

#[tokio::test]
async fn a_dropped_stream_hangs_up_and_leaves_what_came() {
    let server = Server::start(|_, _| {
        let Action::Bytes(pieces, _) = streamed([WHOLE.as_bytes()[..400].to_vec()]) else {
            unreachable!()
        };
        Action::Bytes(pieces, Then::Stall)
    });
    let provider = super::plain(&server.base_url());
    let (call, request) = (listening(), request());
    let mut future = provider.generate_json(&request, &call);
    while call.attempts().partial().is_none() {
        assert!(futures::poll!(&mut future).is_pending());
        tokio::task::yield_now().await;
    }
    drop(future);
    while server.hung_up() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(call.attempts().partial().unwrap().reasoning, "hm");
    assert_eq!(call.attempts().len(), 1);
}

#[tokio::test]
async fn a_stream_beyond_the_cap_is_refused() {
    let server = Server::start(|_, _| {
        let text = "tide".repeat(1 << 18);
        let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
        let events = std::iter::repeat_n(event.into_bytes(), 70);
        streamed(events.chain([END.to_vec()]))
    });
    let call = listening();
    let error = super::plain(&server.base_url())
        .generate_json(&request(), &call)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer is larger than 64 MiB (HTTP 200)"
    );
    assert_eq!(call.attempts().len(), 1);
}
