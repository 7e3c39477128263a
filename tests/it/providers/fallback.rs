//! Fallback and its circuit breakers, on paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use duologue::ErrorKind;
use duologue::chat::{Delta, Message, Request, Response};
use duologue::provider::{
    CallContext, Candidate, CircuitBreaker, CircuitState, FailureClass, Fallback, Limited,
    Provider, ProviderError, RateLimits, Reply, RetryPolicy, Retrying, ScriptedProvider,
};
use futures::FutureExt as _;
use serde_json::{Map, Value};

use super::{call, kinds, request};

fn once() -> RetryPolicy {
    RetryPolicy::default().with_max_retries(0)
}

fn script(replies: impl IntoIterator<Item = Reply>) -> ScriptedProvider {
    ScriptedProvider::new(replies)
}

fn good() -> ScriptedProvider {
    script([Reply::text("{}").forever()])
}

fn bad(reply: Reply) -> ScriptedProvider {
    script([reply.forever()])
}

fn two(first: &ScriptedProvider, second: &ScriptedProvider) -> Fallback {
    let first = Candidate::new(first.clone()).name("first").retry(once());
    let second = Candidate::new(second.clone()).name("second").retry(once());
    Fallback::new(first).or(second.model("other-model"))
}

fn states(fallback: &Fallback) -> Vec<CircuitState> {
    let status = fallback.status();
    status.iter().map(|provider| provider.circuit).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_provider_answers_after_a_failure_that_it_may_not_share() {
    for reply in [
        Reply::status(503),
        Reply::status(429),
        Reply::status(429).body(r#"{"error":{"code":"insufficient_quota"}}"#),
        Reply::status(401),
        Reply::status(200).body("<html>"),
        Reply::error(ErrorKind::Timeout),
    ] {
        let (first, second) = (bad(reply), good());
        let fallback = two(&first, &second);
        let context = CallContext::new("planner");
        let answer = fallback.generate_json(&request(), &context).await.unwrap();
        assert_eq!(answer.model.as_deref(), Some("other-model"));
        assert_eq!(context.attempts().provider().as_deref(), Some("second"));
        let attempts = context.attempts().to_vec();
        let asked: Vec<_> = attempts
            .iter()
            .map(|attempt| (attempt.provider.as_deref(), attempt.model.as_deref()))
            .collect();
        assert_eq!(
            asked,
            [(Some("first"), None), (Some("second"), Some("other-model"))]
        );
        assert_eq!(second.requests()[0].model, "other-model");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_another_provider_would_share_are_given_back() {
    for reply in [
        Reply::status(400),
        Reply::error(ErrorKind::ContentFiltered),
        Reply::error(ErrorKind::Refused),
        Reply::error(ErrorKind::ContextOverflow),
        Reply::error(ErrorKind::Cancelled),
        Reply::error(ErrorKind::Offline),
    ] {
        let second = good();
        let (result, attempts) = call(&two(&bad(reply), &second)).await;
        assert!(!result.unwrap_err().is_retryable());
        assert_eq!(attempts.len(), 1);
        assert!(second.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_classes_can_be_chosen() {
    let overflow = bad(Reply::error(ErrorKind::ContextOverflow));
    let fallback = two(&overflow, &good()).on([FailureClass::ContextOverflow]);
    call(&fallback).await.0.unwrap();
    let fallback = two(&bad(Reply::status(503)), &good()).on([FailureClass::ContextOverflow]);
    let error = call(&fallback).await.0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn each_provider_has_its_retries_and_nobody_goes_through_the_list_again() {
    let (first, second) = (bad(Reply::status(503)), bad(Reply::status(529)));
    let retries = RetryPolicy::default().with_max_retries(2);
    let fallback = Fallback::new(Candidate::new(first.clone()).retry(retries))
        .or(Candidate::new(second.clone()).retry(once()));
    let (result, attempts) = call(&Retrying::new(fallback, RetryPolicy::default())).await;
    assert_eq!(result.unwrap_err().status(), Some(529));
    assert_eq!(attempts.len(), 4);
    assert_eq!((first.requests().len(), second.requests().len()), (3, 1));
    let unavailable = Some(ErrorKind::Unavailable);
    assert_eq!(kinds(&attempts), [unavailable; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_list() {
    let slow = bad(Reply::error(ErrorKind::Timeout).delay(Duration::from_secs(10)));
    let second = good();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    let context = CallContext::new("planner").with_deadline(Some(deadline));
    let fallback = two(&slow, &second);
    let error = fallback.generate_json(&request(), &context).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(second.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_limits_would_pass_the_deadline_is_passed_over() {
    let limited = Limited::new(good(), RateLimits::new().requests_per_minute(1));
    let fallback = Fallback::new(Candidate::new(limited)).or(Candidate::new(good()).name("second"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    let mut answered = Vec::new();
    for _ in 0..2 {
        let context = CallContext::new("planner").with_deadline(Some(deadline));
        fallback.generate_json(&request(), &context).await.unwrap();
        answered.push(context.attempts().provider().unwrap());
    }
    assert_eq!(answered, ["scripted", "second"]);
    assert_eq!(fallback.status()[0].failures_in_a_row, 0);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_taken_back_before_the_next_provider() {
    #[derive(Debug)]
    struct Breaks;
    #[async_trait::async_trait]
    impl Provider for Breaks {
        fn name(&self) -> &'static str {
            "breaks"
        }
        async fn generate_json(
            &self,
            _: &Request,
            call: &CallContext,
        ) -> Result<duologue::chat::Response, duologue::provider::ProviderError> {
            call.tell(&Delta::Text("half an ans"));
            let kind = ErrorKind::Unavailable;
            Err(duologue::provider::ProviderError::new(kind, "it broke"))
        }
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = told.clone();
    let context = CallContext::new("planner").with_listener(Arc::new(move |delta| {
        hears.lock().unwrap().push(format!("{delta:?}"));
    }));
    let fallback = Fallback::new(Candidate::new(Breaks).retry(once())).or(Candidate::new(good()));
    fallback.generate_json(&request(), &context).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told[..2], ["Text(\"half an ans\")", "Restarted"]);
    let last = context.attempts().partial().unwrap();
    assert_eq!(last.text, "{}", "nothing of the first provider's is left");
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_is_skipped_and_closes_after_a_trial_that_works() {
    let first = script([
        Reply::status(503).repeat(duologue::provider::Repeat::Times(4)),
        Reply::text("{}").forever(),
    ]);
    let breaker = CircuitBreaker::default()
        .failures(3)
        .pause(Duration::from_secs(30));
    let fallback = two(&first, &good()).circuit_breaker(breaker);
    for asked in [1, 2, 3, 3, 3] {
        call(&fallback).await.0.unwrap();
        assert_eq!(first.requests().len(), asked);
    }
    assert_eq!(
        states(&fallback),
        [CircuitState::Open, CircuitState::Closed]
    );
    let pause = fallback.status()[0].tried_again_in;
    assert_eq!(pause, Some(Duration::from_secs(30)));

    // The first trial fails, and the pause doubles.
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(states(&fallback)[0], CircuitState::HalfOpen);
    call(&fallback).await.0.unwrap();
    assert_eq!(first.requests().len(), 4);
    tokio::time::advance(Duration::from_secs(59)).await;
    call(&fallback).await.0.unwrap();
    assert_eq!(first.requests().len(), 4);

    tokio::time::advance(Duration::from_secs(1)).await;
    call(&fallback).await.0.unwrap();
    assert_eq!(first.requests().len(), 5);
    assert_eq!(states(&fallback)[0], CircuitState::Closed);
    assert_eq!(fallback.status()[0].failures_in_a_row, 0);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_circuit_lets_one_call_through_and_another_when_that_is_dropped() {
    let first = script([Reply::status(503), Reply::never().forever()]);
    let breaker = CircuitBreaker::default().failures(1);
    let second = good();
    let fallback = two(&first, &second).circuit_breaker(breaker);
    call(&fallback).await.0.unwrap();
    tokio::time::advance(Duration::from_secs(30)).await;
    for trials in [2, 3] {
        let trial = call(&fallback);
        let mut trial = std::pin::pin!(trial);
        assert!(trial.as_mut().now_or_never().is_none());
        call(&fallback).await.0.unwrap();
        assert_eq!(first.requests().len(), trials);
    }
    assert_eq!(second.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_far_apart_or_not_the_providers_do_not_open_a_circuit() {
    let mut replies = Vec::new();
    for _ in 0..6 {
        replies.push(Reply::status(503));
    }
    for _ in 0..5 {
        replies.extend([Reply::status(503), Reply::status(400)]);
    }
    let first = script(replies);
    let breaker = CircuitBreaker::default().failures(2);
    let fallback = two(&first, &good()).circuit_breaker(breaker);
    for _ in 0..6 {
        call(&fallback).await.0.unwrap();
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    for _ in 0..10 {
        let _ = call(&fallback).await;
    }
    first.finish().unwrap();
    assert_eq!(states(&fallback)[0], CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn when_all_circuits_are_open_the_one_to_be_tried_next_is_tried() {
    let (first, second) = (bad(Reply::status(503)), bad(Reply::status(500)));
    let breaker = CircuitBreaker::default().failures(1);
    let fallback = two(&first, &second).circuit_breaker(breaker);
    call(&fallback).await.0.unwrap_err();
    assert_eq!(states(&fallback), [CircuitState::Open; 2]);
    let (result, attempts) = call(&fallback).await;
    assert_eq!(result.unwrap_err().status(), Some(503));
    assert_eq!(attempts.len(), 1);
    assert_eq!((first.requests().len(), second.requests().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_off_skips_nobody() {
    let first = bad(Reply::status(503));
    let fallback = two(&first, &good()).circuit_breaker(CircuitBreaker::off());
    for _ in 0..20 {
        call(&fallback).await.0.unwrap();
    }
    assert_eq!(first.requests().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_its_own_model_is_not_changed() {
    let first = good();
    let fallback = Fallback::new(Candidate::new(first.clone()));
    let request = Request::new("m", vec![Message::user("go")]);
    let context = CallContext::new("planner");
    fallback.generate_json(&request, &context).await.unwrap();
    assert_eq!(first.requests(), [request]);
    assert_eq!(context.attempts().to_vec()[0].model, None);
}

/// A provider that gives what it is told, by the number of the call, and keeps what it was asked.
#[derive(Debug, Clone)]
struct Tells {
    answer: fn(usize) -> Result<Response, ProviderError>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Tells {
    fn new(answer: fn(usize) -> Result<Response, ProviderError>) -> Self {
        let asked = Arc::default();
        Self { answer, asked }
    }

    /// What the last message of request `number` bore of signatures.
    fn sealed(&self, number: usize) -> Map<String, Value> {
        let asked = self.asked.lock().unwrap();
        let messages = &asked[number].messages;
        messages.last().unwrap().provider_data.clone()
    }
}

#[async_trait::async_trait]
impl Provider for Tells {
    fn name(&self) -> &'static str {
        "tells"
    }

    async fn generate_json(
        &self,
        request: &Request,
        _: &CallContext,
    ) -> Result<Response, ProviderError> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(request.clone());
        (self.answer)(asked.len() - 1)
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_one_provider_understands_goes_to_no_other() {
    let first = Tells::new(|number| {
        let mut answer = Response::text("{}");
        let signature = ("signature".to_owned(), "c2VhbGVk".into());
        answer.provider_data.extend([signature]);
        match number {
            0 | 1 => Ok(answer),
            _ => Err(ProviderError::new(ErrorKind::Unavailable, "it is down")),
        }
    });
    let second = Tells::new(|_| Ok(Response::text("{}")));
    let fallback = Fallback::new(Candidate::new(first.clone()).retry(once()))
        .or(Candidate::new(second.clone()).retry(once()));
    let context = || CallContext::new("planner");
    let answer = fallback
        .generate_json(&request(), &context())
        .await
        .unwrap();
    let mut next = request();
    next.messages.push(Message::of_response(&answer));

    for _ in 0..2 {
        fallback.generate_json(&next, &context()).await.unwrap();
    }

    assert_eq!(first.sealed(1)["signature"], "c2VhbGVk");
    assert!(second.sealed(0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_dialect_cannot_say_hides_no_failure_and_stops_nobody() {
    let cannot = || {
        let error = |_| Err(ProviderError::new(ErrorKind::Config, "no temperature here"));
        Candidate::new(Tells::new(error)).retry(once())
    };
    let fallback = two(&bad(Reply::status(503)), &bad(Reply::status(503))).or(cannot());
    let error = call(&fallback).await.0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let fallback = Fallback::new(cannot()).or(Candidate::new(good()));
    call(&fallback).await.0.unwrap();
}
