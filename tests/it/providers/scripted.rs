//! The scripted provider is strict, and its file says what is wrong with it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use duologue::ErrorKind;
use duologue::attempt::{Attempts, WireCapture};
use duologue::chat::{FinishReason, Message, Request, Usage};
use duologue::provider::{CallContext, Provider, Reply, ScriptedProvider};
use futures::FutureExt as _;
use serde_json::json;

use super::{call, kinds};

use crate::support::folder;

/// The text that `agent` gets for `prompt`.
async fn ask(provider: &ScriptedProvider, agent: &str, prompt: &str) -> String {
    let request = Request::new("m", vec![Message::user(prompt)]);
    let answer = provider
        .generate_json(&request, &CallContext::new(agent))
        .await;
    answer.map_or_else(|error| error.to_string(), |answer| answer.text)
}

fn script(text: &str) -> duologue::Result<ScriptedProvider> {
    let folder = folder();
    let path = folder.path().join("replies.yaml");
    std::fs::write(&path, text).unwrap();
    ScriptedProvider::from_file(path)
}

#[tokio::test]
async fn a_surplus_call_fails_and_finish_says_so() {
    let provider = ScriptedProvider::new([Reply::text("{}")]);
    assert_eq!(ask(&provider, "planner", "go").await, "{}");
    provider.finish().unwrap();
    let (result, attempts) = call(&provider).await;
    let error = result.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no scripted reply is left for call 2 (agent `planner`)"
    );
    assert!(!error.is_retryable());
    assert_eq!(kinds(&attempts), [Some(ErrorKind::BadRequest)]);
    assert_eq!(
        provider.finish().unwrap_err().to_string(),
        "no scripted reply was left for call 2 (agent `planner`)"
    );
}

#[tokio::test]
async fn unused_replies_fail_by_name() {
    let provider = ScriptedProvider::new([
        Reply::text("{}"),
        Reply::status(429).repeat(duologue::provider::Repeat::Times(3)),
        Reply::refusal("no").agent("judge"),
        Reply::text("{}").forever(),
    ]);
    ask(&provider, "planner", "go").await;
    ask(&provider, "planner", "go").await;
    let error = provider.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "scripted replies were not used: #2 (HTTP 429, 2 times), #3 (refusal for agent `judge`), #4 (answer)"
    );
}

#[tokio::test]
async fn replies_are_bound_to_agents_and_prompts() {
    let provider = ScriptedProvider::new([
        Reply::text("judged").agent("judge"),
        Reply::text("moon").when("tides"),
        Reply::text("first"),
        Reply::text("other").forever(),
    ]);
    assert_eq!(ask(&provider, "planner", "go").await, "first");
    assert_eq!(ask(&provider, "planner", "on tides").await, "moon");
    assert_eq!(ask(&provider, "judge", "go").await, "judged");
    assert_eq!(ask(&provider, "judge", "go").await, "other");
    provider.finish().unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_reply_does_what_its_name_says() {
    let provider = ScriptedProvider::new([
        Reply::json(json!({"a": 1}))
            .usage(10, 5)
            .fenced()
            .thinking("hm"),
        Reply::truncated("{\"a\""),
        Reply::content_filtered(""),
        Reply::refusal("no"),
        Reply::text("late").delay(Duration::from_secs(3)),
        Reply::status(200).body(r#"{"choices":[{"message":{"content":"over the wire"}}]}"#),
    ]);
    let first = call(&provider).await.0.unwrap();
    assert_eq!(
        first.text,
        "<think>\nhm\n</think>\n\n```json\n{\"a\":1}\n```"
    );
    assert_eq!(first.usage, Usage::new(10, 5));
    assert_eq!(first.model.as_deref(), Some("gpt-5-mini"));
    assert_eq!(
        call(&provider).await.0.unwrap().finish_reason,
        Some(FinishReason::Length)
    );
    assert_eq!(
        call(&provider).await.0.unwrap().finish_reason,
        Some(FinishReason::ContentFilter)
    );
    assert_eq!(
        call(&provider).await.0.unwrap().refusal.as_deref(),
        Some("no")
    );
    let start = tokio::time::Instant::now();
    assert_eq!(call(&provider).await.0.unwrap().text, "late");
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!(call(&provider).await.0.unwrap().text, "over the wire");
    provider.finish().unwrap();
}

#[tokio::test]
async fn a_panic_and_a_silence_leave_cancelled_attempts() {
    let provider = ScriptedProvider::new([Reply::panic("boom"), Reply::never(), Reply::text("{}")]);
    let context = CallContext::new("planner");
    let request = super::request();
    let panicked = AssertUnwindSafe(provider.generate_json(&request, &context))
        .catch_unwind()
        .await;
    assert_eq!(
        panicked.unwrap_err().downcast_ref::<String>().unwrap(),
        "boom"
    );
    assert!(
        provider
            .generate_json(&request, &context)
            .now_or_never()
            .is_none()
    );
    provider.generate_json(&request, &context).await.unwrap();
    let cancelled = Some(ErrorKind::Cancelled);
    assert_eq!(
        kinds(&context.attempts().to_vec()),
        [cancelled, cancelled, None]
    );
}

#[tokio::test]
async fn the_wire_is_kept_when_it_is_captured() {
    let attempts = Attempts::new(WireCapture::On);
    let context = CallContext::new("planner").with_attempts(attempts.clone());
    let provider = ScriptedProvider::new([Reply::text("{}")]);
    provider
        .generate_json(&super::request(), &context)
        .await
        .unwrap();
    assert_eq!(attempts.exchanges()[0].response_body, "{}");
}

#[tokio::test(start_paused = true)]
async fn a_file_holds_the_same_replies() {
    let provider = script(
        r#"
replies:
  - json: {title: Tides}
    usage: {input_tokens: 10, output_tokens: 5}
    agent: planner
    delay: 50ms
  - {text: '{"verdict":"yes"}', fence: true, think: "is it?", when: tides}
  - {text: '{"a', finish_reason: length}
  - {refusal: "no"}
  - {status: 429, headers: {retry-after: 2}, body: {error: {message: slow down}}}
  - {cut_body: '{"cho'}
  - {error: timeout}
  - {json: {}, repeat: forever}
"#,
    )
    .unwrap();
    assert_eq!(ask(&provider, "planner", "x").await, r#"{"title":"Tides"}"#);
    assert!(
        ask(&provider, "planner", "on tides")
            .await
            .starts_with("<think>\nis it?\n</think>")
    );
    assert_eq!(
        call(&provider).await.0.unwrap().finish_reason,
        Some(FinishReason::Length)
    );
    assert_eq!(
        call(&provider).await.0.unwrap().refusal.as_deref(),
        Some("no")
    );
    let limited = call(&provider).await.0.unwrap_err();
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(2)));
    assert_eq!(
        call(&provider).await.0.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(
        call(&provider).await.0.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    assert_eq!(ask(&provider, "any", "x").await, "{}");
    provider.finish().unwrap();
}

#[test]
fn a_broken_file_is_told_with_its_key() {
    let cases = [
        (
            "replies: [{text: a, agnt: b}]",
            "unknown key `replies[0].agnt`",
        ),
        (
            "replies: [{text: a}, {text: a, json: {}}]",
            "replies[1]`: more than one kind of reply",
        ),
        ("replies: [{agent: a}]", "replies[0]`: no kind of reply"),
        (
            "replies: [{status: 500, usage: {input_tokens: 1}}]",
            "replies[0]`: `usage` goes with an answer alone",
        ),
        (
            "replies: [{text: a, body: b}]",
            "replies[0]`: `headers` and `body` go with `status` alone",
        ),
        ("replies: [{text: a, delay: soon}]", "replies[0].delay`"),
        (
            "replies: [{text: a, repeat: 0}]",
            "replies[0].repeat`: expected a count of 1 or more",
        ),
        ("{}", "key `replies` is missing"),
    ];
    for (text, expected) in cases {
        let error = script(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("replies.yaml"), "{error}");
    }
}

#[test]
fn the_files_schema_knows_its_keys() {
    let schema =
        serde_json::to_value(schemars::schema_for!(duologue::provider::ReplyFile)).unwrap();
    let reply = &schema["$defs"]["FileReply"];
    assert_eq!(reply["additionalProperties"], false);
    assert!(reply["properties"]["cut_body"]["description"].is_string());
}
