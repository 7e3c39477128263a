//! What leaves with names, remarks and dead letters: clean, and of a bounded length.

use std::sync::{Arc, Mutex};

use duologue::flow::control::{ControlPlane, Event, FlowContext, MemoryQueue, QueueJob, RunQueue};
use duologue::lifecycle::Lifecycle;
use serde_json::{Value, json};

use super::worker::work_off;
use super::{busy, tides};

fn secret() -> String {
    ["ghp_", &"a1B2".repeat(9)].concat()
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_holds_the_last_steps_and_no_secrets() {
    let queue = MemoryQueue::new();
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .max_attempts(1)
        .flow("chatty", |context: FlowContext| async move {
            for number in 0..300 {
                context.note("row", json!([number, secret()])).await;
            }
            Err(busy())
        })
        .build()
        .unwrap();
    let event = Event::new("chatty", Value::Null);
    plane.ingest(event).await.unwrap();
    work_off(&plane).await;
    let trace = &queue.dead_letters()[0].reason.trace;
    let details: Vec<_> = trace.iter().flat_map(|step| &step.detail).collect();
    assert_eq!(details.len(), 256);
    assert_eq!(details[0], &json!([44, "<REDACTED:github-token>"]));
    assert_eq!(details[255][0], 299);
}

#[tokio::test(start_paused = true)]
async fn names_from_outside_are_told_clean_and_short() {
    let lifecycle = Lifecycle::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    lifecycle
        .on(move |event| told.lock().unwrap().push(event.clone()))
        .unwrap();
    let queue = MemoryQueue::new();
    let plane = ControlPlane::builder()
        .queue(queue.clone())
        .lifecycle(lifecycle.clone())
        .flow("steps", |context: FlowContext| async move {
            let name = format!("{} {}", secret(), "x".repeat(9000));
            context.step(&name, async { Ok(()) }).await?;
            Ok(tides())
        })
        .build()
        .unwrap();
    let flow = format!("{} {}", secret(), "y".repeat(9000));
    let job = QueueJob::new("a", "runs", json!({"flow": flow}));
    queue.submit(job).await.unwrap();
    plane
        .ingest(Event::new("steps", Value::Null))
        .await
        .unwrap();
    assert_eq!(work_off(&plane).await.dead, 1);
    lifecycle.flush_blocking();
    for event in heard.lock().unwrap().iter() {
        let text = serde_json::to_string(event).unwrap();
        assert!(!text.contains("a1B2") && text.len() < 1000, "{text}");
    }
    let said = &queue.dead_letters()[0].reason.error.message;
    assert!(said.len() < 400 && !said.contains("a1B2"), "{said}");
}
