//! `DUOLOGUE_OFFLINE`: no request leaves, on either face, and a replay goes on as if nothing were.

use std::path::Path;

use duologue::env::Environment;
use duologue::provider::OpenAiProvider;
use duologue::replay::ReplayProvider;
use duologue::{AgentRunner, ErrorKind, blocking};
use serde_json::{Value, json};

use super::{agent, answer, prompts, recorded, topic};
use crate::log_support::{child as start, report_of, tell};
use crate::support::over_http;
use crate::support::server::{Answer, Server};

fn provider(server: &Server, environment: Environment) -> OpenAiProvider {
    OpenAiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .environment(environment)
        .build()
        .unwrap()
}

#[tokio::test]
async fn no_request_leaves_and_none_is_made_again() {
    let server = Server::start(|_| Answer::text("{}"));
    for value in ["1", "TRUE", "Yes", "on"] {
        let environment = Environment::fixed([("DUOLOGUE_OFFLINE", value)]);
        let runner = AgentRunner::new(provider(&server, environment), prompts());
        let error = runner
            .run(&agent("planner"), topic("tides"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Offline, "{value}: {error:#}");
        assert!(!error.is_retryable() && error.hint().unwrap().contains("DUOLOGUE_OFFLINE"));
        assert_eq!(error.ledger().attempts(), 0);
    }
    let environment = Environment::fixed([("DUOLOGUE_OFFLINE", "perhaps")]);
    let runner = AgentRunner::new(provider(&server, environment), prompts());
    let error = runner
        .run(&agent("planner"), topic("tides"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let said = format!("{error:#}");
    assert!(
        said.contains("`DUOLOGUE_OFFLINE` is `perhaps`") && said.contains("`off`"),
        "{said}"
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn the_process_is_heard_whatever_environment_a_provider_was_given() {
    let folder = crate::support::folder();
    recorded(&folder, &[("tides", answer("Tides"))]);
    let mut child = start("offline", folder.path());
    child.env("DUOLOGUE_OFFLINE", "1");
    assert_eq!(
        report_of(child),
        json!({"real": "offline", "requests": 0, "replayed": {"title": "Tides"}})
    );
}

/// In a process whose environment says that it is offline.
pub(crate) fn child(directory: &Path) {
    let server = Server::start(|_| Answer::text("{}"));
    let real = blocking::AgentRunner::new(over_http(&server), prompts());
    let error = real.run(&agent("planner"), topic("tides")).unwrap_err();
    let replay = ReplayProvider::from_run(directory.join("first")).unwrap();
    let replayed =
        blocking::AgentRunner::new(replay, prompts()).run(&agent("planner"), topic("tides"));
    let report = json!({
        "real": error.kind(),
        "requests": server.requests().len(),
        "replayed": replayed.map_or(Value::Null, |plan| plan.data),
    });
    tell(&report.to_string());
}
