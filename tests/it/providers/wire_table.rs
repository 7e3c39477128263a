//! What servers send, as files, for any dialect: each is decoded, and each goes over real HTTP.
//!
//! A file holds a status line, headers, a blank line, the body, a line `---` and what becomes of it.
//! In a body `¦` ends a packet, and a last line `<break>` or `<stall>` says that the server hangs up
//! there, or says no more. `UPDATE_FIXTURES=1` writes the outcome anew; review the difference by eye.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::chat::{Delta, Message, Request};
use duologue::provider::{
    CallContext, HttpAnswer, Provider, ProviderError, RetryPolicy, Retrying, Translate,
};

use super::outcome::{error_lines, response_lines};
use super::server::{Action, Server};

const SEPARATOR: &str = "\n---\n";
const BREAK: &str = "<break>";
const STALL: &str = "<stall>";
/// How long an answer may pause in these tests.
pub(super) const IDLE: Duration = Duration::from_millis(60);

/// One dialect under test.
pub(super) struct Dialect {
    /// The folder of its answers; that of its streams ends in `_stream`.
    pub(super) name: &'static str,
    pub(super) model: &'static str,
    pub(super) translator: Box<dyn Translate>,
    /// A provider for the server at this address, with [`IDLE`].
    pub(super) provider: fn(&str) -> Arc<dyn Provider>,
}

/// A file, taken apart.
struct Fixture {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    Broken,
    Stalled,
}

impl Fixture {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap().strip_prefix("HTTP ").unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        let ends = [(BREAK, End::Broken), (STALL, End::Stalled)];
        let end = ends.iter().find(|(mark, _)| body.ends_with(mark));
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: end
                .map_or(body, |(mark, _)| &body[..body.len() - mark.len()])
                .to_owned(),
            end: end.map_or(End::Whole, |(_, end)| *end),
        }
    }

    /// The answer as a server sends it, packet by packet.
    fn action(&self) -> Action {
        let mut text = format!(
            "HTTP/1.1 {} X\r\ntransfer-encoding: chunked\r\n",
            self.status
        );
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("\r\n");
        for packet in self.body.split('¦').filter(|packet| !packet.is_empty()) {
            write!(text, "{:x}\r\n{packet}\r\n", packet.len()).unwrap();
        }
        match self.end {
            End::Whole => Action::Send(text + "0\r\n\r\n"),
            End::Broken => Action::SendAndClose(text),
            End::Stalled => Action::SendAndStall(text),
        }
    }
}

/// Answers that come whole: decoded, and over HTTP with the same outcome.
pub(super) async fn check_answers(dialect: &Dialect, least: usize) {
    check(dialect.name, least, async |fixture| {
        let decoded = HttpAnswer {
            status: fixture.status,
            headers: &fixture.headers,
            body: fixture.body.as_bytes(),
        };
        let decoded = outcome(dialect.translator.decode(&decoded, dialect.model));
        let wire = over_http(dialect, fixture, None).await;
        let (over_http, requests) = wire.rsplit_once("requests: ").unwrap();
        if fixture.end == End::Whole && fixture.status != 429 {
            assert_eq!(decoded, over_http, "decoding and HTTP agree");
        }
        format!("{over_http}requests: {requests}")
    })
    .await;
}

/// Answers that are streamed: what is told on the way, and what comes of it.
pub(super) async fn check_streams(dialect: &Dialect, least: usize) {
    check(
        &format!("{}_stream", dialect.name),
        least,
        async |fixture| {
            let told = Arc::new(Mutex::new(String::new()));
            let outcome = over_http(dialect, fixture, Some(Arc::clone(&told))).await;
            let told = told.lock().unwrap().clone();
            format!("{told}{outcome}")
        },
    )
    .await;
}

/// Every stream, broken into packets at each of its bytes in turn, gives what it gives at once.
pub(super) async fn check_packets(dialect: &Dialect, file: &str) {
    let path = folder(&format!("{}_stream", dialect.name)).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let whole = Fixture::parse(text.split_once(SEPARATOR).unwrap().0);
    let expected = over_http(dialect, &whole, Some(Arc::default())).await;
    let borders = whole.body.char_indices().map(|(at, _)| at).skip(1);
    for at in borders.filter(|at| at % 3 == 0) {
        let (before, after) = whole.body.split_at(at);
        let split = Fixture {
            body: format!("{before}¦{after}"),
            headers: whole.headers.clone(),
            ..whole
        };
        let outcome = over_http(dialect, &split, Some(Arc::default())).await;
        assert_eq!(outcome, expected, "a packet ends at byte {at}");
    }
}

async fn check(name: &str, least: usize, outcome: impl AsyncFn(&Fixture) -> String) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= least, "only {} fixtures found", files.len());
    let mut wrong = String::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (sent, expected) = text.split_once(SEPARATOR).unwrap_or((text.trim_end(), ""));
        let outcome = outcome(&Fixture::parse(sent)).await;
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, format!("{sent}{SEPARATOR}{outcome}")).unwrap();
        } else if outcome != expected {
            let path = path.display();
            writeln!(wrong, "{path}\nexpected:\n{expected}got:\n{outcome}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(name)
}

/// The outcome over HTTP with one retry, and how many requests the server saw.
async fn over_http(
    dialect: &Dialect,
    fixture: &Fixture,
    told: Option<Arc<Mutex<String>>>,
) -> String {
    let action = fixture.action();
    let server = Server::start(move |_, _| action.clone());
    let policy = RetryPolicy::default()
        .with_max_retries(1)
        .with_initial_delay(Duration::from_millis(1))
        .with_max_retry_after(Duration::from_millis(50));
    let address = server.base_url();
    let address = address.trim_end_matches("/v1");
    let provider = Retrying::new((dialect.provider)(address), policy);
    let mut call = CallContext::new("planner");
    if let Some(told) = told {
        call = call.with_listener(Arc::new(move |delta: &Delta<'_>| {
            let mut told = told.lock().unwrap();
            writeln!(told, "told: {}", tell(delta)).unwrap();
        }));
    }
    let request = Request::new(dialect.model, vec![Message::user("answer in JSON")]);
    let result = provider.generate_json(&request, &call).await;
    let result = result.map(|mut response| {
        response.structured_output = None;
        response
    });
    let requests = server.requests().len();
    assert_eq!(call.attempts().len(), requests, "attempts are requests");
    format!("{}requests: {requests}\n", outcome(result))
}

fn outcome(result: Result<duologue::chat::Response, ProviderError>) -> String {
    match result {
        Ok(response) => response_lines(&response),
        Err(error) => error_lines(&error),
    }
}

fn tell(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Text(text) => format!("text {text:?}"),
        Delta::Reasoning(text) => format!("reasoning {text:?}"),
        Delta::ToolCall(call) => format!(
            "call {} id={} name={} {}",
            call.index,
            call.id.unwrap_or("-"),
            call.name.unwrap_or("-"),
            call.arguments
        ),
        Delta::Usage(usage) => format!("usage {}", serde_json::to_string(usage).unwrap()),
        Delta::Restarted => "restarted".to_owned(),
        _ => "something new".to_owned(),
    }
}
