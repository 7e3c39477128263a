//! What every queue of runs must do, as one suite that each is put through.

use std::time::Duration;

use duologue::error::ErrorKind;
use duologue::flow::control::{
    DeadReason, LeaseStatus, MemoryQueue, QueueJob, RunQueue, Submitted,
};
use duologue::lifecycle::EventError;
use futures::FutureExt;
use serde_json::json;
use tokio::time::{sleep, timeout};

/// The lease of the queues under test.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// What they hold.
pub(crate) const CAPACITY: usize = 4;

fn job(id: &str) -> QueueJob {
    QueueJob::new(id, "runs", json!({"of": id}))
}

fn reason() -> DeadReason {
    let error = EventError {
        kind: ErrorKind::Unavailable,
        message: "closed".to_owned(),
    };
    DeadReason::new(error, 1)
}

async fn is_silent(queue: &dyn RunQueue, topic: &str) -> bool {
    timeout(LEASE / 4, queue.next(topic)).await.is_err()
}

/// Puts empty queues with a lease of [`LEASE`] and room for [`CAPACITY`] through the suite. Time may be
/// paused.
pub(crate) async fn conforms<Q: RunQueue>(empty: impl Fn() -> Q) {
    hands_out_in_order_and_by_topic(&empty()).await;
    refuses_duplicates_and_what_is_too_much(&empty()).await;
    waits_and_wakes(&empty()).await;
    a_lease_runs_out_unless_it_is_extended(&empty()).await;
    settling_is_idempotent(&empty()).await;
    a_retry_keeps_topic_payload_and_count(&empty()).await;
    a_release_is_no_attempt(&empty()).await;
    the_dead_stay_dead(&empty()).await;
    what_is_dropped_while_it_waits_loses_nothing(&empty()).await;
}

async fn hands_out_in_order_and_by_topic(queue: &dyn RunQueue) {
    for id in ["a", "b"] {
        assert_eq!(queue.submit(job(id)).await.unwrap(), Submitted::Accepted);
    }
    let other = QueueJob::new("c", "other", json!(null));
    queue.submit(other).await.unwrap();
    for id in ["a", "b"] {
        let lease = queue.next("runs").await.unwrap();
        assert_eq!((&*lease.job.id, lease.attempt), (id, 1));
        assert_eq!(lease.job.payload, json!({"of": id}));
        queue.ack(&lease).await.unwrap();
    }
    assert!(is_silent(queue, "runs").await);
    assert_eq!(queue.next("other").await.unwrap().job.id, "c");
}

async fn refuses_duplicates_and_what_is_too_much(queue: &dyn RunQueue) {
    queue.submit(job("0")).await.unwrap();
    assert_eq!(queue.submit(job("0")).await.unwrap(), Submitted::Duplicate);
    let lease = queue.next("runs").await.unwrap();
    assert_eq!(queue.submit(job("0")).await.unwrap(), Submitted::Duplicate);
    queue.ack(&lease).await.unwrap();
    assert_eq!(queue.submit(job("0")).await.unwrap(), Submitted::Duplicate);
    for number in 1..=CAPACITY {
        let taken = queue.submit(job(&number.to_string())).await.unwrap();
        assert_eq!(taken, Submitted::Accepted);
    }
    assert_eq!(queue.submit(job("more")).await.unwrap(), Submitted::Full);
    let lease = queue.next("runs").await.unwrap();
    assert_eq!(
        queue.submit(job("more")).await.unwrap(),
        Submitted::Full,
        "leases count"
    );
    queue.ack(&lease).await.unwrap();
    assert_eq!(
        queue.submit(job("more")).await.unwrap(),
        Submitted::Accepted
    );
}

async fn waits_and_wakes(queue: &dyn RunQueue) {
    let (lease, _) = futures::join!(queue.next("runs"), async {
        sleep(LEASE).await;
        queue.submit(job("a")).await.unwrap()
    });
    queue.ack(&lease.unwrap()).await.unwrap();
    queue.submit(job("later").after(LEASE)).await.unwrap();
    assert!(is_silent(queue, "runs").await);
    let lease = timeout(LEASE * 2, queue.next("runs"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.job.id, "later");
}

async fn a_lease_runs_out_unless_it_is_extended(queue: &dyn RunQueue) {
    queue.submit(job("a")).await.unwrap();
    let first = queue.next("runs").await.unwrap();
    for _ in 0..4 {
        sleep(LEASE * 3 / 4).await;
        assert_eq!(queue.extend(&first).await.unwrap(), LeaseStatus::Held);
    }
    assert!(
        is_silent(queue, "runs").await,
        "nobody gets a job that is being worked on"
    );
    let second = timeout(LEASE * 2, queue.next("runs"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&*second.job.id, second.attempt), ("a", 2));
    for settled in [
        queue.extend(&first).await,
        queue.ack(&first).await,
        queue.retry(&first, Duration::ZERO).await,
        queue.release(&first, Duration::ZERO).await,
        queue.dead(&first, reason()).await,
    ] {
        assert_eq!(settled.unwrap(), LeaseStatus::Lost);
    }
    assert_eq!(queue.ack(&second).await.unwrap(), LeaseStatus::Held);
}

async fn settling_is_idempotent(queue: &dyn RunQueue) {
    queue.submit(job("a")).await.unwrap();
    let lease = queue.next("runs").await.unwrap();
    assert_eq!(queue.ack(&lease).await.unwrap(), LeaseStatus::Held);
    assert_eq!(queue.ack(&lease).await.unwrap(), LeaseStatus::Lost);
    assert_eq!(
        queue.retry(&lease, Duration::ZERO).await.unwrap(),
        LeaseStatus::Lost
    );
    sleep(LEASE * 2).await;
    assert!(is_silent(queue, "runs").await);
}

async fn a_retry_keeps_topic_payload_and_count(queue: &dyn RunQueue) {
    queue.submit(job("a")).await.unwrap();
    for attempt in 1..=3 {
        let lease = timeout(LEASE * 2, queue.next("runs"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (lease.attempt, &lease.job.topic),
            (attempt, &"runs".to_owned())
        );
        assert_eq!(lease.job.payload, json!({"of": "a"}));
        queue.retry(&lease, LEASE).await.unwrap();
        assert!(is_silent(queue, "runs").await, "not before its time");
    }
}

async fn a_release_is_no_attempt(queue: &dyn RunQueue) {
    queue.submit(job("a")).await.unwrap();
    for after in [Duration::ZERO, LEASE] {
        let lease = queue.next("runs").await.unwrap();
        assert_eq!((&*lease.job.id, lease.attempt), ("a", 1));
        let released = queue.release(&lease, after).await;
        assert_eq!(released.unwrap(), LeaseStatus::Held);
        assert_eq!(queue.ack(&lease).await.unwrap(), LeaseStatus::Lost);
        assert_eq!(queue.submit(job("a")).await.unwrap(), Submitted::Duplicate);
    }
    assert!(is_silent(queue, "runs").await, "not before its time");
    let lease = timeout(LEASE * 2, queue.next("runs"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.attempt, 1);
}

async fn the_dead_stay_dead(queue: &dyn RunQueue) {
    queue.submit(job("a")).await.unwrap();
    let lease = queue.next("runs").await.unwrap();
    assert_eq!(
        queue.dead(&lease, reason()).await.unwrap(),
        LeaseStatus::Held
    );
    sleep(LEASE * 2).await;
    assert!(is_silent(queue, "runs").await);
    assert_eq!(queue.submit(job("a")).await.unwrap(), Submitted::Duplicate);
}

async fn what_is_dropped_while_it_waits_loses_nothing(queue: &dyn RunQueue) {
    assert!(queue.next("runs").now_or_never().is_none());
    queue.submit(job("a")).await.unwrap();
    let lease = timeout(LEASE * 2, queue.next("runs"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.job.id, "a");
}

#[tokio::test(start_paused = true)]
async fn the_queue_in_memory_conforms() {
    conforms(|| MemoryQueue::new().lease(LEASE).capacity(CAPACITY)).await;
}

#[test]
fn the_queue_in_memory_works_outside_of_a_runtime() {
    let queue = MemoryQueue::new();
    pollster::block_on(queue.submit(job("a").after(Duration::from_millis(1)))).unwrap();
    assert_eq!(pollster::block_on(queue.next("runs")).unwrap().job.id, "a");
}
