//! The limit on calls in flight: fair, measured, released by cancelling.

use std::sync::Arc;
use std::time::Duration;

use duologue::provider::{CallContext, Limited, Provider, Reply, ScriptedProvider};
use futures::FutureExt as _;
use futures::future::join_all;

use super::request;

fn limited(max_in_flight: usize, reply: Reply) -> (ScriptedProvider, Limited<ScriptedProvider>) {
    let script = ScriptedProvider::new([reply.forever()]);
    (script.clone(), Limited::in_flight(script, max_in_flight))
}

#[tokio::test(start_paused = true)]
async fn waiting_calls_are_served_in_their_order_and_their_wait_is_noted() {
    let (_, provider) = limited(2, Reply::text("{}").delay(Duration::from_secs(1)));
    let contexts: Vec<_> = (0..6).map(|n| CallContext::new(n.to_string())).collect();
    let request = request();
    let calls = contexts
        .iter()
        .map(|context| provider.generate_json(&request, context));
    join_all(calls).await;
    let waits: Vec<u64> = contexts
        .iter()
        .map(|c| c.attempts().limiter_wait().as_secs())
        .collect();
    assert_eq!(waits, [0, 0, 1, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_gives_its_slot_back() {
    let (script, provider) = limited(1, Reply::never());
    let provider = Arc::new(provider);
    for expected in 1..=3 {
        let context = CallContext::new("planner");
        let request = request();
        let pending = provider.generate_json(&request, &context).now_or_never();
        assert!(pending.is_none());
        assert_eq!(script.requests().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_in_the_queue_gives_its_place_up_and_notes_its_wait() {
    let (script, provider) = limited(1, Reply::text("{}").delay(Duration::from_secs(5)));
    let (request, context) = (request(), CallContext::new("waiting"));
    let holder = CallContext::new("holder");
    let running = provider.generate_json(&request, &holder);
    let waiting = async {
        let call = provider.generate_json(&request, &context);
        tokio::time::timeout(Duration::from_secs(2), call)
            .await
            .unwrap_err();
    };
    let (result, ()) = futures::join!(running, waiting);
    result.unwrap();
    assert_eq!(context.attempts().limiter_wait(), Duration::from_secs(2));
    assert!(context.attempts().is_empty());
    provider.generate_json(&request, &holder).await.unwrap();
    assert_eq!(script.requests().len(), 2);
}
