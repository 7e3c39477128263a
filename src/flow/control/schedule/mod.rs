//! Doing something again and again: at an interval, or by cron.
//!
//! ```
//! use duologue::flow::control::Scheduler;
//! use std::time::Duration;
//! use tokio_util::sync::CancellationToken;
//!
//! let stop = CancellationToken::new();
//! let stopping = stop.clone();
//! let scheduler = Scheduler::builder()
//!     .cron("0 7 * * *", "digest", |_| async { Ok(()) })
//!     .every(Duration::from_millis(1), "poll", move |tick| {
//!         let stop = stopping.clone();
//!         async move {
//!             if tick.number == 3 {
//!                 stop.cancel();
//!             }
//!             Ok(())
//!         }
//!     })
//!     .build()?;
//! let reports = pollster::block_on(scheduler.run(&stop));
//! assert_eq!((reports[0].ran, reports[1].ran), (0, 3));
//! # Ok::<(), duologue::Error>(())
//! ```

mod entry;
mod run;
mod timetable;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use entry::Schedule;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};

/// What becomes of ticks that nobody could start: the process was suspended, or busy, for too long.
/// Ticks are missed when further ones have come due, or when they are more than a minute late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissedTicks {
    /// They are left out; what comes next is the next tick on time.
    #[default]
    Skip,
    /// The last of them is run, however late it is.
    RunOnce,
    /// All of them are run, one after the other, at most a thousand.
    RunAll,
}

/// What becomes of a tick while an earlier one of the same entry is still being worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It is worked on beside the earlier one.
    Allow,
}

/// One time that something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// When it was due.
    pub due: SystemTime,
    /// The how-manieth start of its entry this is, from 1.
    pub number: u64,
    /// How many ticks of the entry were left out since the last start.
    pub missed: u64,
}

/// What became of one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryReport {
    /// The entry.
    pub name: String,
    /// Starts that have ended, those that failed included.
    pub ran: u64,
    /// Starts that failed or panicked.
    pub failed: u64,
    /// Ticks that were left out since the one before was still being worked on.
    pub overlapped: u64,
    /// Ticks that were left out since they could not be started on time; at least so many, where the time
    /// of day jumped over more than a thousand.
    pub missed: u64,
    /// What the last failure said.
    pub last_error: Option<String>,
}

pub(super) type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
pub(super) type Callback = Arc<dyn Fn(Tick) -> Work + Send + Sync>;
pub(super) type OnFailure = Arc<dyn Fn(&str, &Error) + Send + Sync>;

/// Entries, each with its times and what is done then. A failure of one, or a panic, is reported, and
/// ends nothing.
pub struct Scheduler {
    entries: Vec<(Schedule, Callback)>,
    clock: Arc<dyn Clock>,
    on_failure: Option<OnFailure>,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter().map(|(schedule, _)| schedule);
        f.debug_list().entries(entries).finish()
    }
}

impl Scheduler {
    /// Starts one.
    pub fn builder() -> SchedulerBuilder {
        SchedulerBuilder {
            entries: Vec::new(),
            problem: None,
            clock: Arc::new(SystemClock),
            on_failure: None,
        }
    }
}

/// Builds a [`Scheduler`].
#[must_use]
pub struct SchedulerBuilder {
    entries: Vec<(Schedule, Callback)>,
    /// The first entry that is not usable.
    problem: Option<Error>,
    clock: Arc<dyn Clock>,
    on_failure: Option<OnFailure>,
}

impl fmt::Debug for SchedulerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter().map(|(schedule, _)| schedule);
        f.debug_list().entries(entries).finish()
    }
}

impl SchedulerBuilder {
    /// Does `work` at each interval, for the first time when one has passed.
    pub fn every<F, W>(self, interval: Duration, name: impl Into<String>, work: F) -> Self
    where
        F: Fn(Tick) -> W + Send + Sync + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        self.add(Schedule::every(interval, name), work)
    }

    /// Does `work` at the times of a cron pattern, in UTC: minute, hour, day of the month, month, day of
    /// the week (`0 7 * * *` is 07:00 each day); with a sixth field before them, seconds.
    pub fn cron<F, W>(self, pattern: &str, name: impl Into<String>, work: F) -> Self
    where
        F: Fn(Tick) -> W + Send + Sync + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        self.add(Schedule::cron(pattern, name), work)
    }

    /// Does `work` by a schedule with its own rules for ticks that are missed or overlap.
    pub fn entry<F, W>(self, schedule: Schedule, work: F) -> Self
    where
        F: Fn(Tick) -> W + Send + Sync + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        self.add(Ok(schedule), work)
    }

    fn add<F, W>(mut self, schedule: Result<Schedule>, work: F) -> Self
    where
        F: Fn(Tick) -> W + Send + Sync + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        let work: Callback = Arc::new(move |tick| Box::pin(work(tick)));
        match schedule {
            Ok(schedule) => self.entries.push((schedule, work)),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// Calls `report` with the entry and the error of each failure, beside `tracing`. It must not block.
    pub fn on_failure(mut self, report: impl Fn(&str, &Error) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(report));
        self
    }

    /// Where the time comes from. Default: the system. Waits are those of tokio all the same.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The scheduler; [`run`](Scheduler::run) starts it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a pattern that is none, an interval of 0, and a name that two entries have.
    pub fn build(self) -> Result<Scheduler> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        for (index, (schedule, _)) in self.entries.iter().enumerate() {
            let earlier = &self.entries[..index];
            if earlier
                .iter()
                .any(|(known, _)| known.name() == schedule.name())
            {
                let message = format!("two entries have the name `{}`", schedule.name());
                return Err(Error::new(ErrorKind::Config, message).with_hint("rename one of them"));
            }
        }
        Ok(Scheduler {
            entries: self.entries,
            clock: self.clock,
            on_failure: self.on_failure,
        })
    }
}
