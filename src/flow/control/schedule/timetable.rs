//! Which ticks of an entry are due: only arithmetic, so that it can be looked at without waiting.

use std::time::{Duration, SystemTime};

use super::entry::{Times, last_of, next_of};
use super::{MissedTicks, Schedule};
use crate::clock::Clock;

/// A tick later than this is missed, where missed ones are left out.
const TOO_LATE: Duration = Duration::from_secs(60);

/// Most ticks that are made up for at once.
pub(super) const MAX_MADE_UP: usize = 1000;

/// When the next tick of an entry is due.
pub(super) struct Timetable {
    next: Option<Next>,
    /// The time of day when it was looked at last, and the clock's time that never goes back.
    looked: (SystemTime, Duration),
}

enum Next {
    /// By the clock's time that never goes back.
    Elapsed(Duration),
    /// By the time of day.
    Wall(SystemTime),
}

/// Ticks that have come due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// To be started, oldest first.
    pub(super) start: Vec<SystemTime>,
    /// Left out.
    pub(super) missed: u64,
}

impl Timetable {
    pub(super) fn new(schedule: &Schedule, clock: &dyn Clock) -> Self {
        let next = match &schedule.times {
            Times::Every(interval) => clock.elapsed().checked_add(*interval).map(Next::Elapsed),
            Times::Cron(cron) => next_of(cron, clock.now()).map(Next::Wall),
        };
        Self {
            next,
            looked: (clock.now(), clock.elapsed()),
        }
    }

    /// Whether the time of day went back since this was asked last, by more than clocks are corrected by.
    fn went_back(&mut self, now: SystemTime, elapsed: Duration) -> bool {
        let (then, begun) = std::mem::replace(&mut self.looked, (now, elapsed));
        let expected = then.checked_add(elapsed.saturating_sub(begun));
        let back = expected.and_then(|expected| expected.duration_since(now).ok());
        back.is_some_and(|back| back > TOO_LATE)
    }

    /// How long until the next tick; `None` when there is none any more.
    pub(super) fn wait(&self, clock: &dyn Clock) -> Option<Duration> {
        Some(match self.next.as_ref()? {
            Next::Elapsed(due) => due.saturating_sub(clock.elapsed()),
            Next::Wall(due) => due.duration_since(clock.now()).unwrap_or_default(),
        })
    }

    /// Takes the ticks that are due, each with how late it is.
    pub(super) fn take_due(&mut self, schedule: &Schedule, clock: &dyn Clock) -> Due {
        let (now, elapsed) = (clock.now(), clock.elapsed());
        let mut due = Due::default();
        let mut late = Duration::ZERO;
        if self.went_back(now, elapsed)
            && let Times::Cron(cron) = &schedule.times
        {
            self.next = next_of(cron, now).map(Next::Wall);
        }
        while let Some(next) = &self.next {
            let (time, following) = match (next, &schedule.times) {
                (Next::Elapsed(at), Times::Every(interval)) if *at <= elapsed => {
                    late = elapsed.saturating_sub(*at);
                    let more = skipped(late, *interval, due.start.len());
                    due.missed += u64::from(more);
                    late = late.saturating_sub(*interval * more);
                    let at = *at + *interval * more;
                    (
                        now.checked_sub(late).unwrap_or(now),
                        at.checked_add(*interval).map(Next::Elapsed),
                    )
                }
                (Next::Wall(at), Times::Cron(cron)) if *at <= now => {
                    let at = match due.start.len() {
                        // The clock was far behind: what lies between is not gone through.
                        MAX_MADE_UP => last_of(cron, now).unwrap_or(*at),
                        _ => *at,
                    };
                    late = now.duration_since(at).unwrap_or_default();
                    (at, next_of(cron, at).map(Next::Wall))
                }
                _ => break,
            };
            self.next = following;
            due.start.push(time);
            if due.start.len() > MAX_MADE_UP {
                due.start.remove(0);
                due.missed += 1;
            }
        }
        let keep = match schedule.missed {
            MissedTicks::Skip if late > TOO_LATE => 0,
            MissedTicks::Skip | MissedTicks::RunOnce => 1,
            MissedTicks::RunAll => MAX_MADE_UP,
        };
        let left_out = due.start.len().saturating_sub(keep);
        due.start.drain(..left_out);
        due.missed += left_out as u64;
        due
    }
}

/// How many ticks of an interval to pass over at once: after a long sleep there may be millions.
fn skipped(late: Duration, interval: Duration, taken: usize) -> u32 {
    if taken > 0 {
        return 0;
    }
    let behind = late.as_nanos() / interval.as_nanos();
    let more = behind.saturating_sub(MAX_MADE_UP as u128);
    u32::try_from(more).unwrap_or(u32::MAX)
}
