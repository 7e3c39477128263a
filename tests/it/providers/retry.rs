//! Retries, on paused time.

use std::time::Duration;

use duologue::ErrorKind;
use duologue::provider::{CallContext, Provider, Reply, RetryPolicy, Retrying, ScriptedProvider};
use tokio::time::Instant;

use super::{call, kinds, request};

fn retrying(
    replies: impl IntoIterator<Item = Reply>,
) -> (ScriptedProvider, Retrying<ScriptedProvider>) {
    let script = ScriptedProvider::new(replies);
    (
        script.clone(),
        Retrying::new(script, RetryPolicy::default()),
    )
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_and_jitter_only_adds() {
    for _ in 0..50 {
        let (script, provider) = retrying([
            Reply::status(503).repeat(duologue::provider::Repeat::Times(3)),
            Reply::text("{}"),
        ]);
        let (result, attempts) = call(&provider).await;
        result.unwrap();
        let delays: Vec<u64> = attempts.iter().map(|attempt| attempt.delay_ms).collect();
        assert_eq!(delays[0], 0);
        for (delay, least) in delays[1..].iter().zip([500, 1_000, 2_000]) {
            assert!((least..2 * least).contains(delay), "{delays:?}");
        }
        script.finish().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor() {
    let (_, provider) = retrying([
        Reply::status(429).header("retry-after", "10"),
        Reply::status(429).header("retry-after", "0"),
        Reply::text("{}"),
    ]);
    let start = Instant::now();
    let (result, attempts) = call(&provider).await;
    result.unwrap();
    assert!(
        (10_000..10_500).contains(&attempts[1].delay_ms),
        "{attempts:?}"
    );
    assert!(
        (1_000..2_000).contains(&attempts[2].delay_ms),
        "{attempts:?}"
    );
    let waited = u128::from(attempts[1].delay_ms + attempts[2].delay_ms);
    assert!(start.elapsed().as_millis() >= waited);
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_comes_back_when_retries_are_used_up() {
    let (script, provider) = retrying([
        Reply::status(500).repeat(duologue::provider::Repeat::Times(3)),
        Reply::status(529),
    ]);
    let (result, attempts) = call(&provider).await;
    assert_eq!(result.unwrap_err().status(), Some(529));
    assert_eq!(attempts.len(), 4);
    script.finish().unwrap();
}

#[tokio::test(start_paused = true)]
async fn final_failures_are_not_retried() {
    for reply in [
        Reply::status(400),
        Reply::status(401),
        Reply::status(429).body(r#"{"error":{"code":"insufficient_quota"}}"#),
        Reply::status(200).body("<html>"),
    ] {
        let (_, provider) = retrying([reply]);
        let (result, attempts) = call(&provider).await;
        assert!(!result.unwrap_err().is_retryable());
        assert_eq!(attempts.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backoff_that_would_pass_the_deadline_is_not_begun() {
    let (_, provider) = retrying([Reply::status(503), Reply::text("{}")]);
    let start = Instant::now();
    let context =
        CallContext::new("planner").with_deadline(Some(start + Duration::from_millis(400)));
    let error = provider
        .generate_json(&request(), &context)
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_cap_is_not_waited_for() {
    let (_, provider) = retrying([Reply::status(429).header("retry-after", "121")]);
    let start = Instant::now();
    let (result, _) = call(&provider).await;
    assert_eq!(
        result.unwrap_err().retry_after(),
        Some(Duration::from_secs(121))
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn cut_bodies_and_timeouts_are_made_again() {
    let (_, provider) = retrying([
        Reply::cut_body("{\"cho"),
        Reply::error(ErrorKind::Timeout),
        Reply::text("{}"),
    ]);
    let (result, attempts) = call(&provider).await;
    result.unwrap();
    assert_eq!(
        kinds(&attempts),
        [Some(ErrorKind::Unavailable), Some(ErrorKind::Timeout), None]
    );
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_attempt() {
    let provider = Retrying::new(
        ScriptedProvider::new([Reply::status(503)]),
        RetryPolicy::default().with_max_retries(0),
    );
    assert_eq!(call(&provider).await.1.len(), 1);
}
