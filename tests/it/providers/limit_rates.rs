//! Requests and tokens per minute: never more in any window, fair, corrected by the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use duologue::ErrorKind;
use duologue::chat::{Message, Request, Response};
use duologue::provider::{
    CallContext, Limited, Provider, ProviderError, RateLimits, Reply, RetryPolicy, Retrying,
    ScriptedProvider,
};
use futures::FutureExt as _;
use futures::future::join_all;
use proptest::prelude::*;
use tokio::time::Instant;

use super::request;
const MINUTE: Duration = Duration::from_secs(60);

/// Keeps when each request came.
#[derive(Debug)]
struct Stamping {
    inner: ScriptedProvider,
    times: Mutex<Vec<Instant>>,
}

#[async_trait]
impl Provider for Stamping {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        self.times.lock().unwrap().push(Instant::now());
        self.inner.generate_json(request, call).await
    }
}

fn answers() -> ScriptedProvider {
    ScriptedProvider::new([Reply::text("{}").usage(20, 30).forever()])
}

/// A request of 100 tokens: 80 in the prompt, 20 for the answer.
fn hundred() -> Request {
    let mut request = Request::new("gpt-5-mini", vec![Message::user("x".repeat(320))]);
    request.max_output_tokens = Some(20);
    request
}

/// The most that any 60 s of `sent` hold.
fn most_in_a_minute(sent: &[(Instant, u64)]) -> (usize, u64) {
    let spans = sent.iter().map(|(start, _)| {
        let inside = sent
            .iter()
            .filter(|(at, _)| (*start..*start + MINUTE).contains(at));
        inside.fold((0, 0), |(calls, tokens), (_, more)| {
            (calls + 1, tokens + more)
        })
    });
    spans.fold((0, 0), |(calls, tokens), (c, t)| {
        (calls.max(c), tokens.max(t))
    })
}

fn on_paused_time<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// Calls that come at `arrivals` (milliseconds) and take `took`, each of 100 estimated tokens.
async fn run(limits: RateLimits, arrivals: &[u64], took: u64) -> Vec<(Instant, u64)> {
    let script = ScriptedProvider::new([Reply::text("{}")
        .usage(70, 30)
        .delay(Duration::from_millis(took))
        .forever()]);
    let stamping = Arc::new(Stamping {
        inner: script,
        times: Mutex::default(),
    });
    let provider = Limited::new(stamping.clone(), limits);
    let request = hundred();
    let calls = arrivals.iter().enumerate().map(|(n, at)| {
        let (provider, request) = (&provider, &request);
        async move {
            tokio::time::sleep(Duration::from_millis(*at)).await;
            let call = CallContext::new(format!("agent {}", n % 3));
            provider.generate_json(request, &call).await.unwrap();
        }
    });
    join_all(calls).await;
    let sent = stamping.times.lock().unwrap().clone();
    sent.into_iter().map(|at| (at, 100)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_minute_holds_more_than_it_may(
        arrivals in prop::collection::vec(0_u64..300_000, 100),
        requests in 1_u32..40,
        tokens in 100_u64..5_000,
        took in 0_u64..90_000,
    ) {
        let limits = RateLimits::new().requests_per_minute(requests).tokens_per_minute(tokens);
        let sent = on_paused_time(run(limits, &arrivals, took));
        prop_assert_eq!(sent.len(), arrivals.len());
        let (calls, spent) = most_in_a_minute(&sent);
        prop_assert!(calls <= requests as usize, "{} of {}", calls, requests);
        prop_assert!(spent <= tokens, "{} of {}", spent, tokens);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_keep_to_both_limits_and_use_them_whole() {
    let limits = RateLimits::new()
        .requests_per_minute(100)
        .tokens_per_minute(8_000);
    let start = Instant::now();
    let sent = run(limits, &[0; 1_000], 500).await;
    assert_eq!(sent.len(), 1_000);
    assert_eq!(most_in_a_minute(&sent), (80, 8_000));
    assert_eq!(start.elapsed().as_secs() / 60, 12);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_used_less_makes_room_and_one_that_used_more_takes_it() {
    for (output, waits) in [(0, 0), (15, 60)] {
        let reply = Reply::text("{}").usage(85, output).forever();
        let limits = RateLimits::new().tokens_per_minute(190);
        let provider = Limited::new(ScriptedProvider::new([reply]), limits);
        let request = hundred();
        provider
            .generate_json(&request, &CallContext::new("a"))
            .await
            .unwrap();
        let start = Instant::now();
        let second = CallContext::new("a");
        provider.generate_json(&request, &second).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), waits, "{output}");
        assert_eq!(second.attempts().limiter_wait().as_secs(), waits);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_teach_how_long_the_next_one_may_be() {
    let limits = RateLimits::new().tokens_per_minute(600);
    let provider = Limited::new(answers(), limits);
    let start = Instant::now();
    // The first guess is 500 tokens; then they are 30.
    for _ in 0..10 {
        let call = CallContext::new("a");
        provider.generate_json(&request(), &call).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_whole_budget_goes_alone() {
    let limits = RateLimits::new().tokens_per_minute(60);
    let provider = Limited::new(answers(), limits);
    let (request, start) = (hundred(), Instant::now());
    for _ in 0..2 {
        let call = CallContext::new("a");
        provider.generate_json(&request, &call).await.unwrap();
    }
    assert_eq!(start.elapsed(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn an_agent_with_few_calls_is_not_behind_one_with_ten_thousand() {
    let limits = RateLimits::new().requests_per_minute(1);
    let provider = Limited::new(answers(), limits);
    let request = request();
    let contexts: Vec<_> = (0..10_000).map(|_| CallContext::new("many")).collect();
    let mut waiting: Vec<_> = contexts
        .iter()
        .map(|call| provider.generate_json(&request, call))
        .collect();
    waiting.retain_mut(|call| call.now_or_never().is_none());
    assert_eq!(waiting.len(), 9_999);
    let start = Instant::now();
    let call = CallContext::new("few");
    let few = provider.generate_json(&request, &call);
    let many = join_all(waiting);
    futures::future::select(std::pin::pin!(few), many).await;
    assert_eq!(start.elapsed(), 2 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn models_do_not_wait_for_each_other() {
    let provider = Limited::new(answers(), RateLimits::new().requests_per_minute(1));
    let start = Instant::now();
    for model in ["a", "b", "c"] {
        let request = Request::new(model, vec![Message::user("go")]);
        let call = CallContext::new("planner");
        provider.generate_json(&request, &call).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn clones_share_their_limits() {
    let provider = Limited::new(answers(), RateLimits::new().requests_per_minute(1));
    let start = Instant::now();
    for provider in [provider.clone(), provider] {
        let call = CallContext::new("planner");
        provider.generate_json(&request(), &call).await.unwrap();
    }
    assert_eq!(start.elapsed(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_pass_the_deadline_fails_at_once() {
    let script = answers();
    let provider = Limited::new(script.clone(), RateLimits::new().requests_per_minute(1));
    let request = request();
    let first = CallContext::new("a");
    provider.generate_json(&request, &first).await.unwrap();
    let start = Instant::now();
    let late = CallContext::new("a").with_deadline(Some(start + Duration::from_secs(59)));
    let error = provider.generate_json(&request, &late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.to_string(),
        "the limits of model `gpt-5-mini` make the call wait 1m or more, beyond the deadline"
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(script.requests().len(), 1);
    let in_time = CallContext::new("a").with_deadline(Some(start + Duration::from_secs(61)));
    provider.generate_json(&request, &in_time).await.unwrap();
    assert_eq!(in_time.attempts().limiter_wait(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_call_behind_a_busy_one_waits_until_its_deadline_and_no_longer() {
    let script = ScriptedProvider::new([Reply::never()]);
    let provider = Limited::new(script, RateLimits::new().max_in_flight(1));
    let (request, busy) = (request(), CallContext::new("busy"));
    let mut running = provider.generate_json(&request, &busy);
    assert!((&mut running).now_or_never().is_none());
    let start = Instant::now();
    let late = CallContext::new("a").with_deadline(Some(start + Duration::from_secs(5)));
    let error = provider.generate_json(&request, &late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_leave_nothing_behind_wherever_they_are() {
    let reply = Reply::text("{}")
        .usage(70, 30)
        .delay(Duration::from_secs(10));
    let script = ScriptedProvider::new([reply.forever()]);
    let limits = RateLimits::new()
        .requests_per_minute(4)
        .tokens_per_minute(400)
        .max_in_flight(2);
    for cancelled_after in [0, 1, 5, 10, 15, 25, 59, 60, 65] {
        let provider = Limited::new(script.clone(), limits);
        let request = hundred();
        let contexts: Vec<_> = (0..12)
            .map(|n| CallContext::new(format!("agent {}", n % 2)))
            .collect();
        let calls = join_all(
            contexts
                .iter()
                .map(|call| provider.generate_json(&request, call)),
        );
        let _ = tokio::time::timeout(Duration::from_secs(cancelled_after), calls).await;
        // What has left counts for its minute; after that all is there again.
        tokio::time::sleep(MINUTE).await;
        let start = Instant::now();
        let after = [0, 1, 2, 3].map(|_| CallContext::new("after"));
        let calls = after
            .iter()
            .map(|call| provider.generate_json(&request, call));
        for result in join_all(calls).await {
            result.unwrap();
        }
        let elapsed = start.elapsed().as_secs();
        assert_eq!(elapsed, 20, "cancelled after {cancelled_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_it_left_takes_no_tokens_along() {
    let provider = Limited::new(
        ScriptedProvider::new([Reply::never(), Reply::text("{}").forever()]),
        RateLimits::new().requests_per_minute(2).max_in_flight(1),
    );
    let request = request();
    let (busy, waiting) = (CallContext::new("a"), CallContext::new("b"));
    let mut running = provider.generate_json(&request, &busy);
    assert!((&mut running).now_or_never().is_none());
    let mut place = provider.generate_json(&request, &waiting);
    assert!((&mut place).now_or_never().is_none());
    // The place has its turn now, and nobody tells it.
    drop(running);
    drop(place);
    let start = Instant::now();
    let third = CallContext::new("c");
    provider.generate_json(&request, &third).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_pauses_every_call_to_the_model() {
    let script = ScriptedProvider::new([
        Reply::status(429).header("retry-after", "10"),
        Reply::text("{}").forever(),
    ]);
    let provider = Limited::new(script.clone(), RateLimits::new());
    let call = CallContext::new("a");
    provider.generate_json(&request(), &call).await.unwrap_err();
    let start = Instant::now();
    let other = CallContext::new("b");
    provider.generate_json(&request(), &other).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(other.attempts().limiter_wait(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_is_left_holds_until_its_reset() {
    let body = r#"{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}"#;
    let tight = Reply::status(200)
        .body(body)
        .header("content-type", "application/json")
        .header("x-ratelimit-remaining-requests", "1")
        .header("x-ratelimit-reset-requests", "7s");
    let script = ScriptedProvider::new([tight, Reply::text("{}").forever()]);
    let provider = Limited::new(script, RateLimits::new().requests_per_minute(100));
    let start = Instant::now();
    let mut went = Vec::new();
    for _ in 0..4 {
        let call = CallContext::new("a");
        provider.generate_json(&request(), &call).await.unwrap();
        went.push(start.elapsed().as_secs());
    }
    assert_eq!(went, [0, 0, 7, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_a_day_is_tried_again_after_two_minutes() {
    let script = ScriptedProvider::new([
        Reply::status(429).header("retry-after", "86400"),
        Reply::text("{}"),
    ]);
    let provider = Limited::new(script, RateLimits::new());
    let call = CallContext::new("a");
    provider.generate_json(&request(), &call).await.unwrap_err();
    let start = Instant::now();
    provider.generate_json(&request(), &call).await.unwrap();
    assert_eq!(start.elapsed(), 2 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_backs_off_holds_nothing() {
    let script = ScriptedProvider::new([
        Reply::status(503).agent("unlucky"),
        Reply::text("{}").forever(),
    ]);
    let limited = Limited::new(script, RateLimits::new().max_in_flight(1));
    let provider = Retrying::new(limited, RetryPolicy::default());
    let request = request();
    let (unlucky, other) = (CallContext::new("unlucky"), CallContext::new("other"));
    let mut backing_off = provider.generate_json(&request, &unlucky);
    assert!((&mut backing_off).now_or_never().is_none());
    let start = Instant::now();
    provider.generate_json(&request, &other).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    backing_off.await.unwrap();
}

#[test]
fn waiting_needs_no_runtime() {
    let script = ScriptedProvider::new([
        Reply::status(429).header("retry-after-ms", "5"),
        Reply::text("{}"),
    ]);
    let provider = Limited::new(script, RateLimits::new());
    let call = CallContext::new("a");
    pollster::block_on(provider.generate_json(&request(), &call)).unwrap_err();
    pollster::block_on(provider.generate_json(&request(), &call)).unwrap();
    assert!(call.attempts().limiter_wait() > Duration::ZERO);
}
