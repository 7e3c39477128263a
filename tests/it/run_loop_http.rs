//! The run loop over real HTTP: the attempts in the records are the requests that the server saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duologue::agent::RunOptions;
use duologue::call_log::{CallStatus, LlmLogging, RunLog};
use duologue::chat::{Request, Response};
use duologue::provider::{CallContext, OpenAiProvider, Provider, ProviderError, RetryPolicy};
use duologue::{AgentRunner, ErrorKind};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::server::{Answer, Server};
use crate::support::{
    current_thread, file_log, folder, nothing_set, over_http, plan, planner, prompts, quick,
    statuses, topic,
};

/// For the cases that wait for it: longer than any request takes to reach the server.
const LIMIT: Duration = Duration::from_secs(1);

enum Ending {
    /// `None`: an answer.
    Itself(Option<ErrorKind>),
    Dropped,
    Token,
    Panic,
}

struct Path {
    name: &'static str,
    answer: fn(usize) -> Answer,
    retries: u32,
    timeout: Duration,
    deadline: Option<Duration>,
    ending: Ending,
    /// Status and requests on the wire of each record.
    records: &'static [(CallStatus, usize)],
}

fn invalid(number: usize) -> Answer {
    Answer::text(json!({"title": number}).to_string())
}

fn valid() -> Answer {
    Answer::text(plan().to_string())
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn paths() -> Vec<Path> {
    use CallStatus::{Cancelled, Failed, Invalid, Refused, Succeeded, TimedOut, Truncated};
    let path = |name, answer: fn(usize) -> Answer, ending, records| Path {
        name,
        answer,
        retries: 2,
        timeout: Duration::from_secs(120),
        deadline: None,
        ending,
        records,
    };
    let fails = |kind| Ending::Itself(Some(kind));
    vec![
        path(
            "success",
            |_| valid(),
            Ending::Itself(None),
            &[(Succeeded, 1)],
        ),
        path(
            "success after retries",
            |n| {
                if n < 3 {
                    Answer::error(503, "busy")
                } else {
                    valid()
                }
            },
            Ending::Itself(None),
            &[(Succeeded, 3)],
        ),
        path(
            "HTTP error",
            |_| Answer::error(400, "no"),
            fails(ErrorKind::BadRequest),
            &[(Failed, 1)],
        ),
        path(
            "retries used up",
            |_| Answer::error(500, "no"),
            fails(ErrorKind::Unavailable),
            &[(Failed, 3)],
        ),
        path(
            "malformed body",
            |_| Answer::body(200, &json!({"choices": []})),
            fails(ErrorKind::Protocol),
            &[(Failed, 1)],
        ),
        path(
            "cut body",
            |_| Answer::Cut(plan().to_string()),
            fails(ErrorKind::Unavailable),
            &[(Failed, 3)],
        ),
        path(
            "invalid, then repaired",
            |n| if n == 1 { invalid(n) } else { valid() },
            Ending::Itself(None),
            &[(Invalid, 1), (Succeeded, 1)],
        ),
        path(
            "exhausted",
            invalid,
            fails(ErrorKind::InvalidAnswer),
            &[(Invalid, 1), (Invalid, 1), (Invalid, 1)],
        ),
        path(
            "repair fails after a retry",
            |n| match n {
                1 => invalid(n),
                2 => Answer::error(429, "slow down"),
                _ => Answer::error(401, "no"),
            },
            fails(ErrorKind::Auth),
            &[(Invalid, 1), (Failed, 2)],
        ),
        path(
            "truncation",
            |_| Answer::finished("{\"ti", "length"),
            fails(ErrorKind::Truncated),
            &[(Truncated, 1)],
        ),
        path(
            "refusal",
            |_| Answer::refusal("no"),
            fails(ErrorKind::Refused),
            &[(Refused, 1)],
        ),
        Path {
            retries: 1,
            timeout: LIMIT,
            ..path(
                "timeout",
                |_| Answer::Never,
                fails(ErrorKind::Timeout),
                &[(TimedOut, 2)],
            )
        },
        Path {
            deadline: Some(LIMIT),
            ..path(
                "deadline",
                |_| Answer::Never,
                fails(ErrorKind::DeadlineExceeded),
                &[(TimedOut, 1)],
            )
        },
        path(
            "dropped",
            |_| Answer::Never,
            Ending::Dropped,
            &[(Cancelled, 1)],
        ),
        path(
            "dropped in a repair",
            |n| if n == 1 { invalid(n) } else { Answer::Never },
            Ending::Dropped,
            &[(Invalid, 1), (Cancelled, 1)],
        ),
        path("token", |_| Answer::Never, Ending::Token, &[(Cancelled, 1)]),
        path("panic", |_| valid(), Ending::Panic, &[(Failed, 1)]),
    ]
}

/// Panics once it has its answer, if it is told to.
#[derive(Debug)]
struct Fragile {
    inner: OpenAiProvider,
    panics: bool,
}

#[async_trait]
impl Provider for Fragile {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let answer = self.inner.generate_json(request, call).await;
        assert!(!self.panics, "told to");
        answer
    }
}

#[test]
fn attempts_in_the_records_are_requests_on_the_wire() {
    for path in paths() {
        check(&path);
    }
}

fn check(path: &Path) {
    let name = path.name;
    let hangs = Arc::new(Notify::new());
    let (seen, answer) = (hangs.clone(), path.answer);
    let server = Server::start(move |request| {
        let answer = answer(request.number);
        if matches!(answer, Answer::Never) {
            seen.notify_one();
        }
        answer
    });
    let folder = folder();
    let provider = Fragile {
        inner: OpenAiProvider::builder()
            .base_url(server.base_url())
            .no_api_key()
            .environment(nothing_set())
            .timeout(path.timeout)
            .build()
            .unwrap(),
        panics: matches!(path.ending, Ending::Panic),
    };
    let policy = RetryPolicy::default()
        .with_max_retries(path.retries)
        .with_initial_delay(Duration::from_millis(1));
    let runner = AgentRunner::builder(provider, prompts())
        .logger(file_log(&folder, LlmLogging::default()))
        .retry(policy)
        .build();
    current_thread().block_on(end(path, &runner, &hangs));
    drop(runner);

    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert!(run.problems().is_empty(), "{name}: {:?}", run.problems());
    let records = run.records();
    let found: Vec<_> = statuses(records)
        .into_iter()
        .zip(records.iter().map(|record| record.attempts.len()))
        .collect();
    assert_eq!(found, path.records, "{name}");
    let attempts: usize = path.records.iter().map(|(_, attempts)| attempts).sum();
    assert_eq!(server.requests().len(), attempts, "{name}");
    assert_eq!(run.summary().transport_attempts, attempts as u64, "{name}");
    for record in records {
        assert!(run.call_file(&record.call_id).unwrap().is_file(), "{name}");
    }
}

async fn end(path: &Path, runner: &AgentRunner, hangs: &Notify) {
    let (name, spec, token) = (path.name, planner(), CancellationToken::new());
    let mut options = RunOptions::new().cancel_on(token.clone());
    if let Some(deadline) = path.deadline {
        options = options.deadline(deadline);
    }
    let run = runner.run_with(&spec, topic(), options);
    match &path.ending {
        Ending::Itself(kind) => {
            let result = run.await;
            assert_eq!(result.err().map(|error| error.kind()), *kind, "{name}");
        }
        Ending::Dropped => tokio::select! {
            _ = run => panic!("{name}: there is no answer"),
            () = hangs.notified() => {}
        },
        Ending::Token => {
            let cancel = async {
                hangs.notified().await;
                token.cancel();
            };
            let (result, ()) = tokio::join!(run, cancel);
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled, "{name}");
        }
        Ending::Panic => {
            let run = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(run));
            assert!(run.await.is_err(), "{name}");
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_one_failed_record_with_its_attempts() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let provider = OpenAiProvider::builder()
        .base_url(format!("http://{address}/v1"))
        .no_api_key()
        .environment(nothing_set())
        .build()
        .unwrap();
    let runner = AgentRunner::builder(provider, prompts())
        .retry(quick())
        .build();
    let error = pollster::block_on(runner.run(&planner(), topic())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.ledger().calls.len(), 1);
    assert_eq!(error.ledger().attempts(), 3);
    assert!(
        format!("{error:#}").contains(&address.to_string()),
        "{error:#}"
    );
}

#[test]
fn the_bad_answer_and_its_errors_reach_the_server() {
    let server = Server::start(|seen| {
        if seen.number == 1 {
            invalid(7)
        } else {
            valid()
        }
    });
    let runner = AgentRunner::new(over_http(&server), prompts());
    pollster::block_on(runner.run(&planner(), topic())).unwrap();
    let requests = server.requests();
    let messages = requests[1].body["messages"].as_array().unwrap();
    assert_eq!(
        messages[2],
        json!({"role": "assistant", "content": "{\"title\":7}"})
    );
    assert!(messages[3]["content"].as_str().unwrap().contains("/title"));
}

#[test]
fn the_key_reaches_the_server_and_no_error() {
    let key = format!("sk-{}", "proj-0123456789abcdef");
    let echo = format!("bad key {key}");
    let server = Server::start(move |_| Answer::error(401, &echo));
    let provider = OpenAiProvider::builder()
        .base_url(server.base_url())
        .api_key(key.clone())
        .environment(nothing_set())
        .build()
        .unwrap();
    let runner = AgentRunner::new(provider, prompts());
    let error = pollster::block_on(runner.run(&planner(), topic())).unwrap_err();
    assert!(
        server.requests()[0].head.contains(&key),
        "the header holds it"
    );
    for printed in [
        format!("{error}"),
        format!("{error:#}"),
        format!("{error:?}"),
        format!("{runner:?}"),
    ] {
        assert!(!printed.contains(&key), "{printed}");
    }
    assert_eq!(error.kind(), ErrorKind::Auth);
}

#[test]
fn no_more_requests_are_on_the_wire_than_the_runner_allows() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let server = Server::start(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        now.fetch_sub(1, Ordering::SeqCst);
        valid()
    });
    let runner = AgentRunner::builder(over_http(&server), prompts())
        .max_in_flight(2)
        .build();
    let spec = planner();
    let results = pollster::block_on(runner.run_all((0..20).map(|_| (&spec, topic())), 20));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(server.requests().len(), 20);
    assert!(most.load(Ordering::SeqCst) <= 2);
}
