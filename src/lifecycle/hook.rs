//! A hook: its queue, and the thread that calls it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use tokio::sync::watch;

use super::bus::MAX_WAITING;
use super::event::LifecycleEvent;

thread_local! {
    static IS_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread belongs to a hook, and so must not wait for hooks.
pub(super) fn is_hook_thread() -> bool {
    IS_HOOK.try_with(Cell::get).unwrap_or(false)
}

/// The end of a hook that is told.
pub(super) struct Hook {
    pub(super) queue: Sender<Arc<LifecycleEvent>>,
    /// How many events went into its queue.
    pub(super) told: u64,
    /// How many of them it has heard.
    pub(super) heard: watch::Receiver<u64>,
    /// How many it has missed since `tracing` was told last.
    pub(super) missed: Arc<AtomicU64>,
}

impl Hook {
    /// `None` when it will hear the event, else how many it had missed before.
    pub(super) fn tell(&mut self, event: &Arc<LifecycleEvent>) -> Option<u64> {
        if self.told - *self.heard.borrow() >= MAX_WAITING {
            return Some(self.missed.fetch_add(1, Ordering::Relaxed));
        }
        self.told += 1;
        // Its thread ends only with this sender.
        let _ = self.queue.send(event.clone());
        None
    }
}

/// The end that hears.
pub(super) struct Listening {
    pub(super) events: Receiver<Arc<LifecycleEvent>>,
    pub(super) heard: watch::Sender<u64>,
    pub(super) missed: Arc<AtomicU64>,
}

impl Listening {
    /// Calls `hook` until nobody can tell events any more.
    pub(super) fn run(self, mut hook: impl FnMut(&LifecycleEvent)) {
        IS_HOOK.set(true);
        let mut has_panicked = false;
        for event in &self.events {
            let heard = catch_unwind(AssertUnwindSafe(|| hook(&event)));
            if heard.is_err() && !std::mem::replace(&mut has_panicked, true) {
                tracing::error!("a hook of the lifecycle panicked; it hears on");
            }
            self.heard.send_modify(|heard| *heard += 1);
            let missed = self.missed.swap(0, Ordering::Relaxed);
            if missed > 0 {
                tracing::warn!(missed, "a hook was too slow, and missed lifecycle events");
            }
        }
    }
}
