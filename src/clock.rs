//! Time and ids. Both come from a [`Clock`], so that a run can be reproduced.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use jiff::Timestamp;

use crate::background;

/// Where a run takes the time and its ids from. The default is [`SystemClock`].
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall-clock time.
    fn now(&self) -> SystemTime;
    /// Time since an arbitrary start; never goes back.
    fn elapsed(&self) -> Duration;
    /// Sixteen lowercase hexadecimal digits, different at each call.
    fn id(&self) -> String;
}

/// The machine's clock, and random ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        START.elapsed()
    }

    fn id(&self) -> String {
        format!("{:016x}", fastrand::u64(..))
    }
}

/// A clock for tests: it starts at a given second, moves one millisecond at each look,
/// and counts its ids.
#[derive(Debug, Clone)]
pub struct SteppingClock {
    start: SystemTime,
    looks: Arc<AtomicU64>,
    ids: Arc<AtomicU64>,
}

impl SteppingClock {
    /// A clock that starts at `seconds` since the Unix epoch.
    pub fn starting_at(seconds: u64) -> Self {
        Self {
            start: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            looks: Arc::default(),
            ids: Arc::default(),
        }
    }

    fn look(&self) -> Duration {
        Duration::from_millis(self.looks.fetch_add(1, Ordering::Relaxed))
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> SystemTime {
        self.start + self.look()
    }

    fn elapsed(&self) -> Duration {
        self.look()
    }

    fn id(&self) -> String {
        format!("{:016x}", self.ids.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// `2026-01-28T12:34:56.123456Z`: RFC 3339, UTC, microseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let timestamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{timestamp:.6}")
}

/// A run id of the form `run_YYYYmmdd_HHMMSS_xxxxxx` (UTC, six random hexadecimal digits).
///
/// ```
/// use duologue::clock::{new_run_id, SteppingClock};
///
/// let id = new_run_id(&SteppingClock::starting_at(1_769_603_696));
/// assert_eq!(id, "run_20260128_123456_000001");
/// ```
pub fn new_run_id(clock: &dyn Clock) -> String {
    let timestamp = Timestamp::try_from(clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
    let id = clock.id();
    let tail = &id[id.len().saturating_sub(6)..];
    format!("{}_{tail}", timestamp.strftime("run_%Y%m%d_%H%M%S"))
}

/// Sleeps on the caller's runtime, or on the background one where there is none.
pub(crate) async fn sleep(duration: Duration) {
    let sleep = {
        let _context = background::enter_if_outside();
        tokio::time::sleep(duration)
    };
    sleep.await;
}

/// Runs `future` until `deadline`; `None` means that the deadline came first.
pub(crate) async fn until<F: Future>(
    deadline: Option<tokio::time::Instant>,
    future: F,
) -> Option<F::Output> {
    let Some(deadline) = deadline else {
        return Some(future.await);
    };
    let timeout = {
        let _context = background::enter_if_outside();
        tokio::time::timeout_at(deadline, future)
    };
    timeout.await.ok()
}

/// The end of `future`. When it has not come after `limit`, `slow` is told once how long it has taken,
/// and it goes on. A future that is ready at once needs no timer.
pub(crate) async fn noting_slow<F: Future>(
    limit: Duration,
    future: F,
    slow: impl FnOnce(Duration),
) -> F::Output {
    let timer = async {
        let started = Instant::now();
        // Always the background runtime's: the caller's may have no timers, and nothing tells.
        let (Some(_), Ok(background)) = (started.checked_add(limit), background::handle()) else {
            return pending().await;
        };
        let sleep = {
            let _context = background.enter();
            tokio::time::sleep(limit)
        };
        sleep.await;
        started.elapsed()
    };
    let (mut future, mut timer) = (pin!(future), pin!(timer.fuse()));
    let mut slow = Some(slow);
    // The future is polled once for each time that it is woken, lest one that yields goes on at once.
    poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        if polled.is_pending()
            && let Poll::Ready(elapsed) = timer.as_mut().poll(context)
            && let Some(slow) = slow.take()
        {
            slow(elapsed);
        }
        polled
    })
    .await
}
