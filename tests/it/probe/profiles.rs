//! Profiles: what is refused in them, and what they change in the next request.

use duologue::ErrorKind;
use duologue::chat::{Message, Request, ResponseSchema, Role};
use duologue::provider::openai::{DeveloperRole, TokenLimitField};
use duologue::provider::{
    CallContext, EndpointProfile, OpenAiProvider, Provider, StructuredOutputMode,
};
use serde_json::{Value, json};
use std::sync::Arc;

use super::endpoints::{enforcing, loose};
use super::profile_of;
use crate::support::server::{Answer, Server};
use crate::support::{current_thread, nothing_set};

fn request() -> Request {
    let messages = vec![
        Message::new(Role::Developer, "be brief"),
        Message::user("plan, as JSON"),
    ];
    let mut request = Request::new("llama", messages);
    request.max_output_tokens = Some(50);
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    request.response_schema = Some(ResponseSchema {
        name: "plan".to_owned(),
        schema: schema.into(),
    });
    request
}

/// The next body on the wire, streamed, of a provider with this profile.
fn next_body(profile: Option<EndpointProfile>) -> Value {
    let server = Server::start(|_| Answer::text("{}"));
    let mut builder = OpenAiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .environment(nothing_set());
    if let Some(profile) = profile {
        builder = builder.profile(profile);
    }
    let provider = builder.build().unwrap();
    let call = CallContext::new("planner").with_listener(Arc::new(|_| {}));
    current_thread()
        .block_on(provider.generate_json(&request(), &call))
        .unwrap();
    server.requests().remove(0).body
}

#[test]
fn what_was_found_changes_the_next_request() {
    let body = next_body(None);
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["max_tokens"], 50);
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["stream_options"], json!({"include_usage": true}));

    let body = next_body(Some(profile_of(&Server::start(enforcing))));
    assert_eq!(body["messages"][0]["role"], "developer");
    assert_eq!(body["max_completion_tokens"], 50);
    assert_eq!(body.get("max_tokens"), None);
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));

    let body = next_body(Some(profile_of(&Server::start(loose))));
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["max_tokens"], 50);
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(body.get("stream_options"), None);
}

#[test]
fn what_is_set_by_hand_wins_over_a_profile() {
    let profile = profile_of(&Server::start(enforcing));
    let server = Server::start(|_| Answer::text("{}"));
    let provider = OpenAiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .environment(nothing_set())
        .profile(profile)
        .token_limit_field(TokenLimitField::MaxTokens)
        .developer_role(DeveloperRole::System)
        .structured_output(StructuredOutputMode::Prompted)
        .build()
        .unwrap();
    let call = CallContext::new("planner");
    current_thread()
        .block_on(provider.generate_json(&request(), &call))
        .unwrap();
    let body = server.requests().remove(0).body;
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["max_tokens"], 50);
    assert_eq!(body.get("response_format"), None);
}

#[test]
fn a_profile_is_written_as_it_is_read() {
    let profile = profile_of(&Server::start(loose));
    let yaml = profile.to_yaml().unwrap();
    assert_eq!(
        EndpointProfile::from_yaml(&yaml).unwrap(),
        profile,
        "{yaml}"
    );
}

#[test]
fn what_a_profile_may_not_hold_is_named() {
    let cases = [
        (
            "schema: duologue.profile/2\nsomething: new",
            "the profile, key `schema`: is \"duologue.profile/2\"",
            "this version reads `duologue.profile/1`; update duologue, or probe again",
        ),
        (
            "schema: duologue.call/1",
            "the profile, key `schema`: is \"duologue.call/1\"",
            "allowed: `duologue.profile/1`",
        ),
        (
            "schema: duologue.profile/1\nfindings: {tols: {verdict: yes}}",
            "the profile: unknown key `findings.tols`",
            "",
        ),
    ];
    for (text, message, hint) in cases {
        let error = EndpointProfile::from_yaml(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.to_string(), message);
        assert!(
            error.hint().unwrap_or_default().starts_with(hint),
            "{error:?}"
        );
    }
    for text in [
        "schema: duologue.profile/1\nfindings: {tools: {verdict: maybe}}",
        "findings: {}",
        "schema: [",
    ] {
        let error = EndpointProfile::from_yaml(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}
