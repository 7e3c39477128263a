//! Running a scheduler: ticks as they come due, callbacks side by side, and an end that waits for them.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use super::timetable::{MAX_MADE_UP, Timetable};
use super::{Callback, EntryReport, MissedTicks, Overlap, Schedule, Scheduler, Tick};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

/// The clock is looked at this often, since the time of day may jump.
const LOOK: Duration = Duration::from_secs(60);

/// What a callback came to: the entry's place, and how it ended.
type Ended = (usize, Result<()>);
type Running = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>;

struct Entry<'a> {
    schedule: &'a Schedule,
    callback: &'a Callback,
    timetable: Timetable,
    report: EntryReport,
    running: usize,
    /// Ticks that wait for the one before them.
    waiting: VecDeque<SystemTime>,
    started: u64,
    /// Left out since the last start.
    missed: u64,
}

impl Scheduler {
    /// Runs until `cancel` is cancelled; then nothing more is started, and what is under way is waited
    /// for. Gives what became of the entries, in their order.
    ///
    /// All callbacks are polled by the task that polls this: one that blocks holds up the others.
    ///
    /// # Cancel safety
    /// Dropped, the callbacks under way are dropped too.
    pub async fn run(&self, cancel: &CancellationToken) -> Vec<EntryReport> {
        let mut entries: Vec<Entry<'_>> = self
            .entries
            .iter()
            .map(|(schedule, callback)| Entry::new(schedule, callback, self))
            .collect();
        let mut running = Running::new();
        while !cancel.is_cancelled() {
            for (place, entry) in entries.iter_mut().enumerate() {
                entry.start_due(place, self, &running);
            }
            let waits = entries
                .iter()
                .filter_map(|entry| entry.timetable.wait(&*self.clock));
            let wait = waits.min().unwrap_or(LOOK).min(LOOK);
            let tick = cancel.run_until_cancelled(clock::sleep(wait));
            if running.is_empty() {
                tick.await;
                continue;
            }
            match select(Box::pin(tick), running.next()).await {
                Either::Right((Some((place, ended)), _)) => {
                    entries[place].end(ended, self);
                    entries[place].start_waiting(place, &running);
                }
                Either::Left(_) | Either::Right((None, _)) => {}
            }
        }
        while let Some((place, ended)) = running.next().await {
            entries[place].end(ended, self);
        }
        entries.into_iter().map(|entry| entry.report).collect()
    }
}

impl<'a> Entry<'a> {
    fn new(schedule: &'a Schedule, callback: &'a Callback, scheduler: &Scheduler) -> Self {
        Self {
            schedule,
            callback,
            timetable: Timetable::new(schedule, &*scheduler.clock),
            report: EntryReport {
                name: schedule.name().to_owned(),
                ..EntryReport::default()
            },
            running: 0,
            waiting: VecDeque::new(),
            started: 0,
            missed: 0,
        }
    }

    fn start_due(&mut self, place: usize, scheduler: &Scheduler, running: &Running) {
        let due = self.timetable.take_due(self.schedule, &*scheduler.clock);
        self.leave_out(due.missed);
        self.report.missed += due.missed;
        for time in due.start {
            if self.schedule.missed == MissedTicks::RunAll {
                self.wait_its_turn(time);
            } else if self.running > 0 && self.schedule.overlap == Overlap::Skip {
                self.report.overlapped += 1;
                self.leave_out(1);
            } else {
                self.start(place, time, running);
            }
        }
        self.start_waiting(place, running);
    }

    fn wait_its_turn(&mut self, time: SystemTime) {
        self.waiting.push_back(time);
        if self.waiting.len() > MAX_MADE_UP {
            self.waiting.pop_front();
            self.report.missed += 1;
            self.leave_out(1);
        }
    }

    fn leave_out(&mut self, ticks: u64) {
        self.missed += ticks;
        if ticks > 0 {
            let name = self.schedule.name();
            tracing::debug!(entry = name, ticks, "ticks were left out");
        }
    }

    fn start_waiting(&mut self, place: usize, running: &Running) {
        if self.running == 0
            && let Some(time) = self.waiting.pop_front()
        {
            self.start(place, time, running);
        }
    }

    fn start(&mut self, place: usize, due: SystemTime, running: &Running) {
        self.started += 1;
        self.running += 1;
        let tick = Tick {
            due,
            number: self.started,
            missed: std::mem::take(&mut self.missed),
        };
        let callback = self.callback.clone();
        // The callback itself may panic before it gives a future.
        let work = AssertUnwindSafe(async move { callback(tick).await }).catch_unwind();
        let name = self.schedule.name().to_owned();
        running.push(Box::pin(async move {
            let panicked = |_| {
                let message = format!("the entry `{name}` panicked");
                Err(Error::new(ErrorKind::Internal, message))
            };
            (place, work.await.unwrap_or_else(panicked))
        }));
    }

    fn end(&mut self, ended: Result<()>, scheduler: &Scheduler) {
        self.running -= 1;
        self.report.ran += 1;
        let Err(error) = ended else { return };
        self.report.failed += 1;
        let name = self.schedule.name();
        tracing::error!(entry = name, %error, "an entry of the scheduler failed");
        self.report.last_error = Some(error.to_string());
        if let Some(on_failure) = &scheduler.on_failure {
            let reported = std::panic::catch_unwind(AssertUnwindSafe(|| on_failure(name, &error)));
            if reported.is_err() {
                tracing::error!(entry = name, "the report of a failure panicked");
            }
        }
    }
}
