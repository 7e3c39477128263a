//! When something is to be done.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{MissedTicks, Overlap};
use crate::error::{Error, ErrorKind, Result};

/// A name, and when something is to be done under it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Schedule {
    name: String,
    pub(super) times: Times,
    pub(super) missed: MissedTicks,
    pub(super) overlap: Overlap,
}

#[derive(Debug, Clone)]
pub(super) enum Times {
    Every(Duration),
    Cron(Box<Cron>),
}

impl Schedule {
    /// At each interval, for the first time when one has passed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an interval of 0.
    pub fn every(interval: Duration, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if interval.is_zero() {
            let message = format!("the interval of the entry `{name}` is 0");
            return Err(Error::new(ErrorKind::Config, message).with_hint("allowed: more than 0"));
        }
        Ok(Self::new(name, Times::Every(interval)))
    }

    /// At the times of a cron pattern, in UTC, by the time of day: where that goes back by more than a
    /// minute, its ticks come again.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a pattern that is none, or that no time fits.
    pub fn cron(pattern: &str, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let unusable = |error| {
            let message =
                format!("the entry `{name}` has the pattern `{pattern}`, which is no cron pattern");
            Error::new(ErrorKind::Config, message)
                .with_source(error)
                .with_hint("allowed: minute, hour, day of the month, month, day of the week, such as `0 7 * * 1-5`")
        };
        let cron = Cron::from_str(pattern).map_err(unusable)?;
        let first = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        cron.find_next_occurrence(&first, true).map_err(unusable)?;
        Ok(Self::new(name, Times::Cron(Box::new(cron))))
    }

    fn new(name: String, times: Times) -> Self {
        Self {
            name,
            times,
            missed: MissedTicks::default(),
            overlap: Overlap::default(),
        }
    }

    /// What becomes of ticks that are missed. Default: they are left out.
    pub fn missed(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// What becomes of ticks while an earlier one is worked on. Default: they are left out. With
    /// [`MissedTicks::RunAll`] they wait instead.
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The last time of the pattern that is not after `time`.
pub(super) fn last_of(cron: &Cron, time: SystemTime) -> Option<SystemTime> {
    let time = Timestamp::try_from(time).ok()?.to_zoned(TimeZone::UTC);
    let last = cron.find_previous_occurrence(&time, true).ok()?;
    Some(last.timestamp().into())
}

/// The first time of the pattern after `time`; `None` when there is none any more.
pub(super) fn next_of(cron: &Cron, time: SystemTime) -> Option<SystemTime> {
    let time = Timestamp::try_from(time).ok()?.to_zoned(TimeZone::UTC);
    let next = cron.find_next_occurrence(&time, false).ok()?;
    Some(next.timestamp().into())
}
