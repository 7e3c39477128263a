//! Fallback over real HTTP: requests are counted on the wire, and records say who answered.

use duologue::call_log::MemoryCallLogger;
use duologue::provider::{Candidate, CircuitBreaker, Fallback, RetryPolicy};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;

use super::plain;
use super::server::{Action, Server, good, http};
use crate::support::prompts;

fn failing(status: u16) -> Server {
    Server::start(move |_, _| Action::Send(http(status, "", "")))
}

fn fallback(first: &Server, second: &Server) -> Fallback {
    let retry = RetryPolicy::default().with_max_retries(0);
    let first = Candidate::new(plain(&first.base_url())).name("first");
    let second = Candidate::new(plain(&second.base_url())).name("second");
    Fallback::new(first.retry(retry))
        .or(second.retry(retry).model("gpt-5"))
        .circuit_breaker(CircuitBreaker::default().failures(2))
}

fn runner(fallback: Fallback) -> (AgentRunner, MemoryCallLogger) {
    let log = MemoryCallLogger::default();
    let runner = AgentRunner::builder(fallback, prompts())
        .logger(log.clone())
        .build();
    (runner, log)
}

fn planner() -> AgentSpec {
    AgentSpec::new("planner", "planner", "gpt-5-mini")
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_until_its_circuit_opens() {
    let down = failing(503);
    let up = Server::start(|_, _| Action::Send(good()));
    let (runner, log) = runner(fallback(&down, &up));
    for _ in 0..5 {
        runner
            .run(&planner(), json!({"topic": "tides"}))
            .await
            .unwrap();
    }
    assert_eq!((down.requests().len(), up.requests().len()), (2, 5));
    assert!(up.requests()[0].contains(r#""model":"gpt-5""#));
    let records = log.records();
    assert_eq!(records[0].provider, "second");
    assert_eq!(records[0].model, "gpt-5-mini");
    let attempts = &records[0].attempts;
    assert_eq!(attempts[0].provider.as_deref(), Some("first"));
    assert_eq!(attempts[0].status, Some(503));
    assert_eq!(attempts[1].provider.as_deref(), Some("second"));
    assert_eq!(attempts[1].model.as_deref(), Some("gpt-5"));
    assert_eq!(records[4].attempts.len(), 1);
}

#[test]
fn the_blocking_runner_falls_back_just_so() {
    let down = failing(401);
    let up = Server::start(|_, _| Action::Send(good()));
    let (runner, log) = runner(fallback(&down, &up));
    let runner = duologue::blocking::AgentRunner::from(runner);
    runner.run(&planner(), json!({"topic": "tides"})).unwrap();
    assert_eq!((down.requests().len(), up.requests().len()), (1, 1));
    assert_eq!(log.records()[0].provider, "second");
}

#[tokio::test]
async fn when_all_are_down_each_is_asked_once() {
    let (down, worse) = (failing(503), failing(500));
    let (runner, log) = runner(fallback(&down, &worse));
    let error = runner
        .run(&planner(), json!({"topic": "tides"}))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((down.requests().len(), worse.requests().len()), (1, 1));
    assert_eq!(log.records()[0].provider, "fallback");
}
