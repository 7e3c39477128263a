//! `review` in a job file: one agent makes drafts, another judges them, round after round.

mod config;

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::check::JobWarning;
use super::load::{Job, JobAgent};
use crate::agent::AgentRunner;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::review::{ReviewLoop, ReviewOptions, ReviewOutcome, StopReason, VerdictStatus};

pub use config::{CheckConfig, ReviewConfig};

/// Where the settings stand in the file.
const KEY: &str = "review";

/// How the review of one input went, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReviewReport {
    /// Whether the judge approved.
    pub approved: bool,
    /// Why the loop ended.
    pub reason: StopReason,
    /// How many drafts there were.
    pub rounds: usize,
    /// The round of the best draft, from 0.
    pub best_round: usize,
    /// The best draft's score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What the judge's score of it amounts to; absent when the judge never saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictStatus>,
}

impl ReviewReport {
    pub(super) fn of(outcome: &ReviewOutcome) -> Self {
        Self {
            approved: outcome.is_approved(),
            reason: outcome.reason,
            rounds: outcome.rounds.len(),
            best_round: outcome.best,
            score: outcome.score(),
            verdict: outcome.status(),
        }
    }
}

/// The review of a job, ready to run.
#[derive(Debug, Clone)]
pub(super) struct JobReview {
    pub(super) review: ReviewLoop,
    require_approval: bool,
}

pub(super) fn load(
    config: Option<ReviewConfig>,
    agents: &mut [JobAgent],
    base: &Path,
    origin: &str,
) -> Result<Option<JobReview>> {
    let review = config.map(|config| config.load(agents, base, origin));
    review.transpose()
}

impl JobReview {
    /// Whether `agent` is the one whose inputs are reviewed.
    pub(super) fn is_of(&self, agent: &JobAgent) -> bool {
        self.review.planner().name == agent.spec.name
    }

    pub(super) async fn run(
        &self,
        runner: &AgentRunner,
        input: &Map<String, Value>,
        cancel: &CancellationToken,
    ) -> Result<ReviewOutcome> {
        let options = ReviewOptions::new().cancel_on(cancel.clone());
        self.review.run_with(runner, input, options).await
    }

    /// What makes an input fail although there is a draft: limits that the file sets do not, unless it
    /// requires an approval.
    pub(super) fn failure(&self, outcome: &mut ReviewOutcome) -> Option<Error> {
        if outcome.is_approved() {
            return None;
        }
        let is_failure = matches!(
            outcome.reason,
            StopReason::Cancelled | StopReason::PlannerFailed | StopReason::JudgeFailed
        );
        if is_failure {
            return outcome.error.take();
        }
        self.require_approval.then(|| not_approved(outcome))
    }
}

fn not_approved(outcome: &mut ReviewOutcome) -> Error {
    let score = match outcome.score() {
        Some(score) => format!("its best score is {score}"),
        None => "no draft was judged".to_owned(),
    };
    let message = format!(
        "no draft of {} was approved ({}): {score}",
        outcome.rounds.len(),
        outcome.reason
    );
    let error = Error::new(ErrorKind::NotApproved, message);
    match outcome.error.take() {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

impl Job {
    /// Whether a variable of the planner is there for the judge.
    pub(super) fn is_for_the_judge(
        &self,
        runner: &AgentRunner,
        agent: &JobAgent,
        variable: &str,
    ) -> Result<bool> {
        match &self.review {
            Some(job) if job.is_of(agent) => job.review.judge_may_use(runner, variable),
            _ => Ok(false),
        }
    }

    /// What a review needs besides what its agents need.
    pub(super) fn check_review(
        &self,
        runner: &AgentRunner,
        warnings: &mut Vec<JobWarning>,
    ) -> Result<()> {
        let Some(job) = &self.review else {
            return Ok(());
        };
        let review = &job.review;
        for agent in self.agents.iter().filter(|agent| job.is_of(agent)) {
            for (index, input) in agent.inputs.iter().enumerate() {
                let check = review.check(runner, input);
                check
                    .map_err(|error| error.within(&format!("{}, input {index}", self.key(KEY))))?;
            }
        }
        if !review.tells_the_planner(runner)? {
            let message = format!(
                "pack `{}` mentions none of `feedback`, `revision_request` and `issues`: later rounds do not know what was wrong",
                review.planner().prompt_pack
            );
            let agent = review.planner().name.clone();
            warnings.push(JobWarning { agent, message });
        }
        Ok(())
    }
}
