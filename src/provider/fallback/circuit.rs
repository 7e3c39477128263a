//! A circuit breaker: a provider that keeps failing is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// No pause grows beyond this, unless it begins above it.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// When a provider that keeps failing is skipped, and for how long.
///
/// Defaults: 5 failures in a row within 60 s open the circuit for 30 s; then one call tries again, and
/// each trial that fails doubles the next pause, up to 10 min.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct CircuitBreaker {
    failures: u32,
    window: Duration,
    pause: Duration,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            pause: Duration::from_secs(30),
        }
    }
}

impl CircuitBreaker {
    /// No breaker: no provider is skipped.
    pub fn off() -> Self {
        Self::default().failures(0)
    }

    /// The same breaker that opens after so many failures in a row; 0 turns it off.
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// The same breaker for failures within this time.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The same breaker with this first pause.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

/// Whether calls go to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// They do.
    Closed,
    /// It is skipped.
    Open,
    /// It may be tried once, or is being tried.
    HalfOpen,
}

/// Why a call goes to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Closed,
    Trial,
    /// It is open like all others, and the next to be tried.
    Forced,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    first_failure: Option<Instant>,
    /// While it is open or half-open: its end, and how long this pause was.
    pause: Option<(Instant, Duration)>,
    on_trial: bool,
}

#[derive(Debug)]
pub(super) struct Circuit {
    breaker: CircuitBreaker,
    state: Mutex<State>,
}

impl Circuit {
    pub(super) fn new(breaker: CircuitBreaker) -> Self {
        Self {
            breaker,
            state: Mutex::default(),
        }
    }

    /// A pass for one call, unless the circuit is open.
    pub(super) fn enter(&self, now: Instant) -> Option<Pass<'_>> {
        let mut state = self.lock();
        let admission = match state.pause {
            None => Admission::Closed,
            Some((end, _)) if end > now || state.on_trial => return None,
            Some(_) => {
                state.on_trial = true;
                Admission::Trial
            }
        };
        Some(self.pass(admission))
    }

    /// A pass whatever the circuit says.
    pub(super) fn force(&self) -> Pass<'_> {
        self.pass(Admission::Forced)
    }

    fn pass(&self, admission: Admission) -> Pass<'_> {
        Pass {
            circuit: self,
            admission,
        }
    }

    pub(super) fn state(&self, now: Instant) -> CircuitState {
        match self.lock().pause {
            None => CircuitState::Closed,
            Some((end, _)) if end > now => CircuitState::Open,
            Some(_) => CircuitState::HalfOpen,
        }
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.lock().failures
    }

    /// When it may be tried again, if it is open.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        self.lock().pause.map(|(end, _)| end)
    }

    /// Counts a failure; gives the pause when the circuit opens by it.
    fn failed(&self, admission: Admission, now: Instant) -> Option<Duration> {
        let mut state = self.lock();
        let begun = state.first_failure.filter(|first| {
            state.pause.is_some() || now.duration_since(*first) <= self.breaker.window
        });
        if begun.is_none() {
            state.failures = 0;
        }
        state.first_failure = Some(begun.unwrap_or(now));
        state.failures = state.failures.saturating_add(1);
        let pause = match (admission, state.pause) {
            (Admission::Trial, Some((_, last))) => {
                state.on_trial = false;
                last.saturating_mul(2).min(LONGEST_PAUSE.max(last))
            }
            (_, None) if self.breaker.failures > 0 && state.failures >= self.breaker.failures => {
                self.breaker.pause
            }
            _ => return None,
        };
        // A pause too long to be added is one for ever, as far as a program runs.
        let end = now.checked_add(pause).unwrap_or(now + LONGEST_PAUSE);
        state.pause = Some((end, pause));
        Some(pause)
    }

    /// Closes the circuit; whether it was open.
    fn worked(&self) -> bool {
        std::mem::take(&mut *self.lock()).pause.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call on its way. One that is dropped says nothing of the provider.
#[derive(Debug)]
#[must_use]
pub(super) struct Pass<'a> {
    circuit: &'a Circuit,
    admission: Admission,
}

impl Pass<'_> {
    /// The provider failed; gives the pause when the circuit opens by it.
    pub(super) fn failed(self, now: Instant) -> Option<Duration> {
        self.circuit.failed(self.admission, now)
    }

    /// The provider answered, be it a refusal; whether the circuit closes by it.
    pub(super) fn worked(self) -> bool {
        self.circuit.worked()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.admission == Admission::Trial {
            self.circuit.lock().on_trial = false;
        }
    }
}
