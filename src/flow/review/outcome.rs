//! What a review loop gives back: the best draft, why it ended, and every round.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::issue::{Issue, Severity};
use super::verdict::{Thresholds, Verdict, VerdictStatus};
use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::{Error, ErrorKind, Ledger, Result};

/// Why a review loop ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The judge approved the draft.
    Approved,
    /// There were as many drafts as `max_iterations` allows.
    MaxIterations,
    /// The planner gave a draft that was there before: nothing would change any more.
    NoProgress,
    /// The judge gave a hard fail, and the loop stops at one.
    HardFail,
    /// A budget (tokens or dollars) did not cover the next call.
    BudgetExhausted,
    /// The loop's deadline passed.
    DeadlineExceeded,
    /// It was cancelled.
    Cancelled,
    /// The planner failed.
    PlannerFailed,
    /// The judge failed.
    JudgeFailed,
}

impl StopReason {
    /// The word for it: `approved`, `max_iterations`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::MaxIterations => "max_iterations",
            Self::NoProgress => "no_progress",
            Self::HardFail => "hard_fail",
            Self::BudgetExhausted => "budget_exhausted",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::PlannerFailed => "planner_failed",
            Self::JudgeFailed => "judge_failed",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One draft, and what was said of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Round {
    /// Which round, from 0; the records of its calls bear it.
    pub iteration: u32,
    /// What the planner gave.
    pub draft: Value,
    /// What the checks found. For a draft that was there before: what they found then.
    pub issues: Vec<Issue>,
    /// What the judge said; absent when it was not asked, or failed. For a draft that was there before:
    /// what it said then.
    pub verdict: Option<Verdict>,
    /// The ids of the round's calls, the planner's first.
    pub call_ids: Vec<String>,
    /// Tokens of the round.
    pub usage: Usage,
    /// What they cost, as far as it is known.
    pub cost: Option<Cost>,
}

impl Round {
    /// Whether a check found an error.
    pub fn has_errors(&self) -> bool {
        let mut issues = self.issues.iter();
        issues.any(|issue| issue.severity == Severity::Error)
    }

    /// Judged drafts come before others, and those without errors before those with; then the score
    /// decides.
    fn rank(&self, other: &Self, thresholds: Thresholds) -> Ordering {
        let class = |round: &Self| (round.verdict.is_some(), !round.has_errors());
        let worth = |round: &Self| match &round.verdict {
            Some(verdict) => thresholds.worth(verdict),
            None => 0.0,
        };
        let by_class = class(self).cmp(&class(other));
        by_class.then_with(|| worth(self).total_cmp(&worth(other)))
    }
}

/// The index of the best round; of equal ones the later.
pub(super) fn best_of(rounds: &[Round], thresholds: Thresholds) -> Option<usize> {
    let ranked = rounds.iter().enumerate();
    let best = ranked.max_by(|(_, one), (_, other)| one.rank(other, thresholds));
    best.map(|(index, _)| index)
}

/// The best draft of a review loop, why the loop ended, and every round.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReviewOutcome<T = Value> {
    /// The best draft: of those that were judged the one with the highest score, else one that passed the
    /// checks, else any; of equal ones the latest.
    pub data: T,
    /// The index of its round in `rounds`.
    pub best: usize,
    /// Why the loop ended.
    pub reason: StopReason,
    /// What ended it, where that is an error: a budget, a deadline, a cancellation, a failure.
    pub error: Option<Error>,
    /// Every round that gave a draft, the first one first.
    pub rounds: Vec<Round>,
    /// Tokens of all calls together.
    pub usage: Usage,
    /// What they cost, as far as it is known.
    pub cost: Option<Cost>,
    /// From the start to the end.
    pub duration: Duration,
    /// Every call of planner and judge, oldest first.
    pub ledger: Ledger,
}

impl<T> ReviewOutcome<T> {
    /// Whether the judge approved the draft.
    pub fn is_approved(&self) -> bool {
        self.reason == StopReason::Approved
    }

    /// What the judge said of the best draft; `None` when it never saw it.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.rounds.get(self.best)?.verdict.as_ref()
    }

    /// The best draft's score.
    pub fn score(&self) -> Option<f64> {
        self.verdict()?.score
    }

    /// What the best draft is worth; `None` when the judge never saw it.
    pub fn status(&self) -> Option<VerdictStatus> {
        Some(self.verdict()?.status)
    }

    /// The ids of all calls, oldest first.
    pub fn call_ids(&self) -> impl Iterator<Item = &str> {
        self.ledger.calls.iter().map(|call| call.call_id.as_str())
    }
}

impl ReviewOutcome {
    pub(super) fn typed<T: DeserializeOwned>(self) -> Result<ReviewOutcome<T>> {
        // The reason that serde gives would quote the draft.
        let Ok(data) = T::deserialize(&self.data) else {
            let message = "the best draft is not of the type that was asked for";
            return Err(Error::new(ErrorKind::InvalidAnswer, message)
                .with_hint("let the planner's schema allow what the type accepts, and no more")
                .with_ledger(self.ledger));
        };
        Ok(ReviewOutcome {
            data,
            best: self.best,
            reason: self.reason,
            error: self.error,
            rounds: self.rounds,
            usage: self.usage,
            cost: self.cost,
            duration: self.duration,
            ledger: self.ledger,
        })
    }
}
