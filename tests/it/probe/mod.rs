//! Probing endpoints that behave differently, and what a provider does with what was found.

#[cfg(feature = "cli")]
mod command;
mod endpoints;
mod profiles;

use duologue::ErrorKind;
use duologue::env::Environment;
use duologue::probe::{MOST_REQUESTS, ProbeTarget, probe};
use duologue::provider::{EndpointProfile, Verdict};
use serde_json::{Value, json};

use crate::support::aimock::{Aimock, KEY};
use crate::support::server::{Answer, Server};
use crate::support::{current_thread, nothing_set};
use endpoints::{enforcing, loose};

fn target(server: &Server) -> ProbeTarget {
    ProbeTarget::new(server.base_url(), "llama").environment(nothing_set())
}

fn profile_of(server: &Server) -> EndpointProfile {
    current_thread().block_on(probe(target(server))).unwrap()
}

fn error_of(target: ProbeTarget) -> duologue::Error {
    current_thread().block_on(probe(target)).unwrap_err()
}

/// A line for each finding, and what else was found.
fn lines(profile: &EndpointProfile) -> String {
    let mut lines: Vec<String> = profile
        .findings
        .iter()
        .map(|(name, found)| format!("{name}: {} ({})", found.verdict.as_str(), found.evidence))
        .collect();
    lines.push(format!("errors: {}", json!(profile.errors)));
    lines.push(format!("headers: {:?}", profile.rate_limit_headers));
    lines.push(format!(
        "requests: {}, {}",
        profile.requests,
        json!(profile.usage)
    ));
    lines.join("\n")
}

#[test]
fn an_endpoint_that_enforces_is_found_to() {
    let server = Server::start(enforcing);
    let profile = profile_of(&server);
    assert_eq!(server.requests().len(), profile.requests);
    assert!(profile.requests <= MOST_REQUESTS);
    insta::assert_snapshot!("probe_enforcing", lines(&profile));
}

#[test]
fn an_endpoint_that_passes_over_what_it_does_not_know_is_found_to() {
    let server = Server::start(loose);
    let profile = profile_of(&server);
    assert_eq!(server.requests().len(), profile.requests);
    assert_eq!(profile.requests, MOST_REQUESTS);
    insta::assert_snapshot!("probe_loose", lines(&profile));
}

#[test]
fn every_request_is_tiny() {
    for script in [enforcing, loose] {
        let server = Server::start(script);
        profile_of(&server);
        for request in server.requests() {
            let limit = request
                .body
                .get("max_tokens")
                .or(request.body.get("max_completion_tokens"));
            assert!(
                limit.and_then(Value::as_u64).unwrap() <= 200,
                "{}",
                request.body
            );
            assert!(request.body.to_string().len() < 700, "{}", request.body);
        }
    }
}

#[test]
fn an_endpoint_that_fails_on_its_own_leaves_questions_open() {
    let server = Server::start(|seen| match seen.number {
        1 | 2 => loose(seen),
        number if number % 2 == 0 => Answer::error(503, "overloaded"),
        _ => Answer::Cut("{}".repeat(40)),
    });
    let profile = profile_of(&server);
    let known: Vec<_> = profile
        .findings
        .iter()
        .filter(|(_, found)| found.verdict != Verdict::Unknown)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(known, ["max_completion_tokens", "max_tokens"]);
}

#[test]
fn an_endpoint_that_lets_nobody_in_is_asked_once() {
    let server = Server::start(|_| Answer::error(401, "who are you"));
    let error = error_of(target(&server));
    assert_eq!(error.kind(), ErrorKind::Auth);
    let hint = "give the key's variable with `--api-key-env`, or check what is in it";
    assert_eq!(error.hint(), Some(hint));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_endpoint_that_does_not_know_the_model_says_so() {
    let server = Server::start(|_| Answer::error(404, "model `llama` not found"));
    let error = error_of(target(&server));
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn nobody_at_the_address_is_an_error_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let target =
        ProbeTarget::new(format!("http://{closed}/v1"), "llama").environment(nothing_set());
    assert_eq!(error_of(target).kind(), ErrorKind::Unavailable);
    let target = ProbeTarget::new("127.0.0.1", "llama").environment(nothing_set());
    assert_eq!(error_of(target).kind(), ErrorKind::Config);
    let target = ProbeTarget::new("http://127.0.0.1/v1", "llama")
        .environment(nothing_set())
        .api_key_env("NOT_SET");
    assert_eq!(error_of(target).kind(), ErrorKind::Auth);
}

#[test]
fn offline_nothing_leaves() {
    let server = Server::start(enforcing);
    let offline = Environment::fixed([("DUOLOGUE_OFFLINE", "1")]);
    let error = error_of(target(&server).environment(offline));
    assert_eq!(error.kind(), ErrorKind::Offline);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_key_that_the_endpoint_repeats_is_not_in_the_profile() {
    let key = format!("probe-key-{}", "9f".repeat(12));
    let echo = key.clone();
    let server = Server::start(move |seen| match seen.number {
        1 | 2 => loose(seen),
        _ => Answer::body(
            400,
            &json!({"error": {"message": format!("no, {echo}"), "code": echo}}),
        ),
    });
    let target = target(&server)
        .api_key(key.clone())
        .query("token", "hidden");
    let profile = current_thread().block_on(probe(target)).unwrap();
    let yaml = profile.to_yaml().unwrap();
    assert!(!yaml.contains(&key) && !yaml.contains("hidden"), "{yaml}");
    assert!(server.requests()[3].head.contains(&key));
}

#[test]
fn a_server_that_was_not_written_here_is_probed() {
    let Some(server) = Aimock::start("probe.json") else {
        return;
    };
    let target = ProbeTarget::new(format!("{}/v1", server.url), "probe-model")
        .environment(nothing_set())
        .api_key(KEY);
    let profile = current_thread().block_on(probe(target)).unwrap();
    let verdict = |name: &str| {
        let found = profile.findings.iter().find(|(known, _)| *known == name);
        found.unwrap().1.verdict
    };
    assert_eq!(verdict("json_schema"), Verdict::Yes, "{}", lines(&profile));
    assert_eq!(verdict("streaming"), Verdict::Yes, "{}", lines(&profile));
    assert_eq!(verdict("tools"), Verdict::Yes, "{}", lines(&profile));
    assert_eq!(verdict("tool_schema"), Verdict::No, "{}", lines(&profile));
}
