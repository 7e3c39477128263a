//! Events as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;

use super::bus::{MAX_WAITING, Subscriber};
use super::event::LifecycleEvent;

/// Events as a stream, see [`Lifecycle::subscribe`](super::Lifecycle::subscribe).
#[derive(Debug)]
#[must_use = "events that nobody takes are missed"]
pub struct LifecycleEvents {
    events: mpsc::Receiver<Arc<LifecycleEvent>>,
    missed: Arc<AtomicU64>,
}

impl LifecycleEvents {
    /// Both ends of one.
    pub(super) fn new() -> (Subscriber, Self) {
        let (queue, events) = mpsc::channel(usize::try_from(MAX_WAITING).unwrap_or(usize::MAX));
        let missed = Arc::new(AtomicU64::new(0));
        let subscriber = Subscriber {
            queue,
            missed: missed.clone(),
        };
        (subscriber, Self { events, missed })
    }

    /// How many events were missed since 65,536 of them waited.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Subscriber {
    /// Whether it still listens.
    pub(super) fn tell(&self, event: &Arc<LifecycleEvent>) -> bool {
        match self.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

impl Stream for LifecycleEvents {
    type Item = Arc<LifecycleEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(context)
    }
}
