//! From those who tell to those who hear: a queue for each of them, so that nobody waits.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::event::LifecycleEvent;
use super::hook::{Hook, Listening, is_hook_thread};
use super::stream::LifecycleEvents;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

/// Events that may wait for one who hears; more of them are missed, and counted.
pub(super) const MAX_WAITING: u64 = 65_536;

/// Where the events of runs come together. A clone shares everything; two that are made by
/// [`new`](Self::new) share nothing.
#[derive(Clone, Default)]
pub struct Lifecycle {
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Whether anybody hears: asked for every call, so no lock is taken for it.
    is_heard: AtomicBool,
    missed: AtomicU64,
    hearers: Mutex<Hearers>,
}

#[derive(Default)]
struct Hearers {
    hooks: Vec<Hook>,
    subscribers: Vec<Subscriber>,
}

pub(super) struct Subscriber {
    pub(super) queue: mpsc::Sender<Arc<LifecycleEvent>>,
    pub(super) missed: Arc<AtomicU64>,
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("is_on", &self.is_on())
            .finish_non_exhaustive()
    }
}

impl Lifecycle {
    /// One that nobody hears yet.
    pub fn new() -> Self {
        Self {
            shared: Some(Arc::default()),
        }
    }

    /// One that nobody can ever hear, and that costs nothing: the default of runners.
    pub fn off() -> Self {
        Self { shared: None }
    }

    /// Whether events are worth making: somebody hears them.
    pub fn is_on(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| shared.is_heard.load(Ordering::Relaxed))
    }

    /// Calls `hook` with every event from now on, one after the other, on a thread of its own: it may
    /// block, run agents and tell events itself, and nobody waits for it. When 65,536 events wait for
    /// it, further ones are [missed](Self::missed), and `tracing` says how many. One that panics is
    /// called again with the next event; `tracing` says so once.
    ///
    /// It is called until the last clone of this is gone and it has heard all that was told; so a hook
    /// that holds a clone itself is never done. A process that ends does not wait for it: see
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] on [`off`](Self::off), [`ErrorKind::Internal`] when no thread can be started.
    pub fn on(&self, hook: impl FnMut(&LifecycleEvent) + Send + 'static) -> Result<()> {
        let shared = self.shared.as_ref().ok_or_else(nobody_hears)?;
        let (queue, events) = channel();
        let (heard, progress) = watch::channel(0);
        let missed = Arc::new(AtomicU64::new(0));
        let listening = Listening {
            events,
            heard,
            missed: missed.clone(),
        };
        Builder::new()
            .name("duologue-hook".to_owned())
            .spawn(move || listening.run(hook))
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "cannot start a thread for a hook")
                    .with_source(error)
            })?;
        let hook = Hook {
            queue,
            told: 0,
            heard: progress,
            missed,
        };
        let mut hearers = lock(&shared.hearers);
        hearers.hooks.push(hook);
        shared.is_heard.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Every event from now on, as a stream. It ends when the last clone of this is gone.
    ///
    /// ```
    /// use duologue::lifecycle::{Lifecycle, LifecycleEvent, Phase, Subject};
    /// use futures::StreamExt;
    ///
    /// let lifecycle = Lifecycle::new();
    /// let events = lifecycle.subscribe();
    /// lifecycle.tell(LifecycleEvent::new(Subject::Run, Phase::Started, "r1"));
    /// drop(lifecycle);
    ///
    /// let heard: Vec<_> = pollster::block_on(events.collect());
    /// assert_eq!((heard.len(), &*heard[0].run_id), (1, "r1"));
    /// ```
    pub fn subscribe(&self) -> LifecycleEvents {
        let (subscriber, events) = LifecycleEvents::new();
        if let Some(shared) = &self.shared {
            let mut hearers = lock(&shared.hearers);
            hearers.subscribers.push(subscriber);
            shared.is_heard.store(true, Ordering::Relaxed);
        }
        events
    }

    /// Tells `event` to all who hear; sets its time where it has none. It waits for nobody.
    pub fn tell(&self, mut event: LifecycleEvent) {
        let Some(shared) = self.shared.as_ref().filter(|_| self.is_on()) else {
            return;
        };
        if event.time.is_empty() {
            event.time = rfc3339(SystemTime::now());
        }
        let missed = shared.tell(&Arc::new(event));
        shared.missed.fetch_add(missed.of_hooks, Ordering::Relaxed);
        // Not under the lock: who hears `tracing` may tell events as well.
        if missed.is_news {
            tracing::warn!("a hook is too slow: it misses lifecycle events");
        }
    }

    /// How many events hooks have missed, since 65,536 of them waited; an event that two hooks missed
    /// counts twice.
    pub fn missed(&self) -> u64 {
        let shared = self.shared.as_ref();
        shared.map_or(0, |shared| shared.missed.load(Ordering::Relaxed))
    }

    /// Waits until the hooks have heard everything told so far: for the end of a program, which does not
    /// wait for them. In a hook it returns at once, since no hook can wait for itself; a hook that never
    /// returns is waited for without end.
    ///
    /// # Cancel safety
    /// It may be dropped at any time, and nothing is lost.
    pub async fn flush(&self) {
        let Some(shared) = self.shared.as_ref().filter(|_| !is_hook_thread()) else {
            return;
        };
        let hooks: Vec<_> = lock(&shared.hearers)
            .hooks
            .iter()
            .map(|hook| (hook.heard.clone(), hook.told))
            .collect();
        for (mut heard, told) in hooks {
            // A hook whose thread is gone has nothing left to hear.
            let _ = heard.wait_for(|heard| *heard >= told).await;
        }
    }

    /// [`flush`](Self::flush) for sync code; it blocks its thread.
    pub fn flush_blocking(&self) {
        pollster::block_on(self.flush());
    }
}

/// What came of telling one event.
struct Missed {
    of_hooks: u64,
    /// Whether a hook missed the first one.
    is_news: bool,
}

impl Shared {
    fn tell(&self, event: &Arc<LifecycleEvent>) -> Missed {
        let mut missed = Missed {
            of_hooks: 0,
            is_news: false,
        };
        let mut hearers = lock(&self.hearers);
        for hook in &mut hearers.hooks {
            if let Some(before) = hook.tell(event) {
                missed.of_hooks += 1;
                missed.is_news |= before == 0;
            }
        }
        hearers
            .subscribers
            .retain(|subscriber| subscriber.tell(event));
        let is_heard = !hearers.hooks.is_empty() || !hearers.subscribers.is_empty();
        self.is_heard.store(is_heard, Ordering::Relaxed);
        missed
    }
}

fn nobody_hears() -> Error {
    Error::new(
        ErrorKind::Config,
        "this `Lifecycle` is off: nothing is told to it",
    )
    .with_hint("make it by `Lifecycle::new()`")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
