//! From those who tell to those who hear: a queue for each of them, so that nobody waits.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures::Stream;
use tokio::sync::mpsc;

use super::event::LifecycleEvent;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

/// Events that may wait for one who hears; more of them are missed, and counted.
const MAX_WAITING: usize = 65_536;

/// Where the events of runs come together. A clone shares everything; two that are made by
/// [`new`](Self::new) share nothing.
#[derive(Clone, Default)]
pub struct Lifecycle {
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    hooks: Mutex<Vec<Hook>>,
    subscribers: Mutex<Vec<Subscriber>>,
}

struct Hook {
    queue: SyncSender<Heard>,
    missed: Arc<AtomicU64>,
}

struct Subscriber {
    queue: mpsc::Sender<Arc<LifecycleEvent>>,
    missed: Arc<AtomicU64>,
}

enum Heard {
    Event(Arc<LifecycleEvent>),
    /// Tells that everything before it was heard.
    Flush(SyncSender<()>),
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
        let Some(shared) = &self.shared else {
            return false;
        };
        !lock(&shared.hooks).is_empty() || !lock(&shared.subscribers).is_empty()
    }

    /// Calls `hook` with every event from now on, one after the other, on a thread of its own: it may
    /// block, and nobody waits for it. When 65,536 events wait for it, further ones are missed, and
    /// `tracing` says how many.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] on [`off`](Self::off), [`ErrorKind::Internal`] when no thread can be started.
    pub fn on(&self, hook: impl FnMut(&LifecycleEvent) + Send + 'static) -> Result<()> {
        let shared = self.shared.as_ref().ok_or_else(nobody_hears)?;
        let (queue, events) = sync_channel(MAX_WAITING);
        std::thread::Builder::new()
            .name("duologue-hook".to_owned())
            .spawn(move || hear(&events, hook))
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "cannot start a thread for a hook")
                    .with_source(error)
            })?;
        lock(&shared.hooks).push(Hook {
            queue,
            missed: Arc::default(),
        });
        Ok(())
    }

    /// Every event from now on, as a stream. It ends when the last clone of this is gone.
    pub fn subscribe(&self) -> LifecycleEvents {
        let (queue, events) = mpsc::channel(MAX_WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        if let Some(shared) = &self.shared {
            lock(&shared.subscribers).push(Subscriber {
                queue,
                missed: missed.clone(),
            });
        }
        LifecycleEvents { events, missed }
    }

    /// Tells `event` to all who hear; sets its time where it has none.
    pub fn tell(&self, mut event: LifecycleEvent) {
        let Some(shared) = &self.shared else { return };
        if event.time.is_empty() {
            event.time = rfc3339(SystemTime::now());
        }
        let event = Arc::new(event);
        lock(&shared.hooks).retain(|hook| hook.tell(&event));
        lock(&shared.subscribers).retain(|subscriber| subscriber.tell(&event));
    }

    /// Waits until the hooks have heard everything told so far. It blocks its thread.
    pub fn flush_blocking(&self) {
        let Some(shared) = &self.shared else { return };
        let queues: Vec<_> = lock(&shared.hooks)
            .iter()
            .map(|hook| hook.queue.clone())
            .collect();
        for queue in queues {
            let (done, heard) = sync_channel(1);
            if queue.send(Heard::Flush(done)).is_ok() {
                // A hook that has ended has nothing left to hear.
                let _ = heard.recv();
            }
        }
    }
}

impl Hook {
    fn tell(&self, event: &Arc<LifecycleEvent>) -> bool {
        match self.queue.try_send(Heard::Event(event.clone())) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                if self.missed.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!("a hook is too slow: it misses lifecycle events");
                }
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Subscriber {
    fn tell(&self, event: &Arc<LifecycleEvent>) -> bool {
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

fn hear(events: &Receiver<Heard>, mut hook: impl FnMut(&LifecycleEvent)) {
    while let Ok(heard) = events.recv() {
        match heard {
            Heard::Event(event) => hook(&event),
            // Who asked may have gone.
            Heard::Flush(done) => drop(done.send(())),
        }
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

/// Events as a stream, see [`Lifecycle::subscribe`].
#[derive(Debug)]
#[must_use = "events that nobody takes are missed"]
pub struct LifecycleEvents {
    events: mpsc::Receiver<Arc<LifecycleEvent>>,
    missed: Arc<AtomicU64>,
}

impl LifecycleEvents {
    /// How many events were missed since 65,536 of them waited.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Stream for LifecycleEvents {
    type Item = Arc<LifecycleEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(context)
    }
}
