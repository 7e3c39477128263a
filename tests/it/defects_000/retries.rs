//! The retry policy does not recognise the client's own errors: refused, reset and slow connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use duologue::flow::pipeline::{Pipeline, PipelineOptions, PipelineStatus, Stage};
use duologue::provider::OpenAiProvider;
use duologue::{AgentRunner, ErrorKind};

use crate::pipeline::{agent, documents, packs};
use crate::support::{in_time, nothing_set, quick};

const ANSWER: &str = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{\"body\":\"ok\"}"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;

fn runner(port: u16) -> AgentRunner {
    let provider = OpenAiProvider::builder()
        .base_url(format!("http://127.0.0.1:{port}/v1"))
        .no_api_key()
        .environment(nothing_set())
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    AgentRunner::builder(provider, packs())
        .retry(quick())
        .build()
}

fn clean() -> Pipeline {
    Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .build()
        .unwrap()
}

fn hear(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0; 1024];
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut byte).unwrap();
        seen.extend_from_slice(&byte[..count]);
    }
}

#[test]
fn a_connection_that_is_lost_or_says_nothing_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        // The first is closed before an answer, the second never answered, the third served.
        drop(listener.accept().unwrap());
        let silent = listener.accept().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        hear(&mut stream);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
        stream.write_all(answer.as_bytes()).unwrap();
        drop(silent);
    });
    let report = in_time(move || {
        let (pipeline, runner) = (clean(), runner(port));
        pollster::block_on(pipeline.run(&runner, documents(1), PipelineOptions::new())).unwrap()
    });
    assert_eq!(
        report.status,
        PipelineStatus::Succeeded,
        "{:?}",
        report.failures
    );
    assert_eq!(report.calls, 1, "attempts belong to their call");
    server.join().unwrap();
}

#[test]
fn a_connection_that_is_refused_is_tried_again_and_told_of() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let report = in_time(move || {
        let (pipeline, runner) = (clean(), runner(port));
        pollster::block_on(pipeline.run(&runner, documents(1), PipelineOptions::new())).unwrap()
    });
    assert_eq!(report.failures[0].kind, ErrorKind::Unavailable);
    assert_eq!(report.status, PipelineStatus::Failed);
}
