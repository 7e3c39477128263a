//! The rounds of a review loop, until something says stop.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::options::ReviewOptions;
use super::outcome::{ReviewOutcome, Round, StopReason, best_of};
use super::settings::{OnHardFail, ReviewLoop};
use super::telling::{Role, Telling};
use super::verdict::{JudgeAnswer, Verdict, VerdictStatus};
use crate::agent::{AgentMode, AgentRunner, AgentSpec, Budget, Conversation, Outcome, RunOptions};
use crate::chat::Usage;
use crate::cost;
use crate::error::{Error, ErrorKind, Ledger, Result};

/// Why there is no next round.
struct Stop {
    reason: StopReason,
    error: Option<Error>,
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self {
            reason,
            error: None,
        }
    }
}

/// One run of a loop.
pub(super) struct Rounds<'a> {
    review: &'a ReviewLoop,
    runner: &'a AgentRunner,
    variables: Map<String, Value>,
    options: ReviewOptions,
    budget: Option<Budget>,
    started: Instant,
    deadline: Option<Instant>,
    /// The call that caused the next one.
    parent_call_id: Option<String>,
    planner_talk: Conversation,
    judge_talk: Conversation,
    /// Those that gave a draft.
    done: Vec<Round>,
    ledger: Ledger,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(
        review: &'a ReviewLoop,
        runner: &'a AgentRunner,
        variables: Map<String, Value>,
        mut options: ReviewOptions,
    ) -> Self {
        let started = Instant::now();
        let limits = [review.deadline, options.deadline].into_iter().flatten();
        Self {
            review,
            runner,
            variables,
            budget: review.budget(),
            deadline: limits.min().and_then(|limit| started.checked_add(limit)),
            started,
            parent_call_id: options.parent_call_id.take(),
            options,
            planner_talk: Conversation::new(),
            judge_talk: Conversation::new(),
            done: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    pub(super) async fn run(mut self) -> Result<ReviewOutcome> {
        let stop = self.until_stopped().await;
        let Some(best) = best_of(&self.done, self.review.thresholds) else {
            let error = stop.error.unwrap_or_else(without_draft);
            return Err(error.with_ledger(self.ledger));
        };
        Ok(ReviewOutcome {
            data: self.done[best].draft.clone(),
            best,
            reason: stop.reason,
            error: stop.error,
            rounds: self.done,
            usage: self.ledger.usage(),
            cost: self.ledger.cost(),
            duration: self.started.elapsed(),
            ledger: self.ledger,
        })
    }

    async fn until_stopped(&mut self) -> Stop {
        for iteration in 0..self.review.max_iterations {
            if let Err(stop) = self.round(iteration).await {
                return stop;
            }
        }
        StopReason::MaxIterations.into()
    }

    async fn round(&mut self, iteration: u32) -> Result<(), Stop> {
        let (draft, round_calls) = self.plan(iteration).await?;
        if let Some(known) = self.done.iter().find(|round| round.draft == draft) {
            let again = Round {
                iteration,
                ..with_calls(known.clone(), &round_calls)
            };
            self.done.push(again);
            return Err(StopReason::NoProgress.into());
        }
        let checks = self.review.checks.iter();
        let round = Round {
            iteration,
            issues: checks.flat_map(|check| check.issues(&draft)).collect(),
            draft,
            verdict: None,
            call_ids: Vec::new(),
            usage: Usage::default(),
            cost: None,
        };
        let round = with_calls(round, &round_calls);
        let has_errors = round.has_errors();
        self.done.push(round);
        if has_errors {
            return Ok(());
        }
        match self.judge(iteration).await? {
            VerdictStatus::Approve => Err(StopReason::Approved.into()),
            VerdictStatus::HardFail if self.review.on_hard_fail == OnHardFail::Stop => {
                Err(StopReason::HardFail.into())
            }
            _ => Ok(()),
        }
    }

    /// The next draft, and the calls that it took.
    async fn plan(&mut self, iteration: u32) -> Result<(Value, Ledger), Stop> {
        let (runner, spec) = (self.runner, &self.review.planner);
        let variables = self.review.planner_variables(&self.variables, &self.done);
        if iteration > 0 {
            let told = self.telling(Role::Planner, iteration).retried();
            told.map_err(|error| self.stopped_by(error, StopReason::PlannerFailed))?;
        }
        let begun = self.begin(Role::Planner, iteration)?;
        let options = self.options_of(Role::Planner, iteration);
        let options = in_conversation(options, spec, &mut self.planner_talk);
        let result = runner.run_with(spec, variables, options).await;
        let outcome = self.end(Role::Planner, iteration, begun, result)?;
        Ok((outcome.data, outcome.ledger))
    }

    /// What the last draft is worth.
    async fn judge(&mut self, iteration: u32) -> Result<VerdictStatus, Stop> {
        let (runner, spec) = (self.runner, &self.review.judge);
        let Some(round) = self.done.last() else {
            return Err(self.stopped_by(without_draft(), StopReason::JudgeFailed));
        };
        let variables = self.review.judge_variables(&self.variables, round);
        let begun = self.begin(Role::Judge, iteration)?;
        let options = self.options_of(Role::Judge, iteration);
        let options = in_conversation(options, spec, &mut self.judge_talk);
        let result = runner
            .run_as_with::<JudgeAnswer>(spec, variables, options)
            .await;
        if let Err(error) = &result {
            self.book_to_last_round(error.ledger());
        }
        let outcome = self.end(Role::Judge, iteration, begun, result)?;
        self.book_to_last_round(&outcome.ledger);
        let verdict: Verdict = outcome.data.into_verdict(self.review.thresholds);
        let status = verdict.status;
        if let Some(round) = self.done.last_mut() {
            round.verdict = Some(verdict);
        }
        Ok(status)
    }

    fn begin(&self, role: Role, iteration: u32) -> Result<Instant, Stop> {
        let told = self.telling(role, iteration).started();
        told.map_err(|error| self.stopped_by(error, failed(role)))?;
        Ok(Instant::now())
    }

    /// Takes the calls of an execution to the books.
    fn end<T>(
        &mut self,
        role: Role,
        iteration: u32,
        begun: Instant,
        result: Result<Outcome<T>>,
    ) -> Result<Outcome<T>, Stop> {
        let (ledger, error) = match &result {
            Ok(outcome) => (&outcome.ledger, None),
            Err(error) => (error.ledger(), Some(error)),
        };
        let told = self
            .telling(role, iteration)
            .ended(ledger, begun.elapsed(), error);
        self.ledger.calls.extend(ledger.calls.iter().cloned());
        if let Some(last) = ledger.last() {
            self.parent_call_id = Some(last.call_id.clone());
        }
        let outcome = result.map_err(|error| self.stopped_by(error, failed(role)))?;
        told.map_err(|error| self.stopped_by(error, failed(role)))?;
        Ok(outcome)
    }

    fn book_to_last_round(&mut self, ledger: &Ledger) {
        if let Some(round) = self.done.last_mut() {
            let ids = ledger.calls.iter().map(|call| call.call_id.clone());
            round.call_ids.extend(ids);
            round.usage = round.usage.plus(ledger.usage());
            round.cost = cost::add(round.cost, ledger.cost());
        }
    }

    fn options_of(&self, role: Role, iteration: u32) -> RunOptions<'static> {
        let mut options = self.options.of_execution();
        options = options.iteration(iteration).stage(role.stage());
        if let Some(budget) = &self.budget {
            options = options.budget(budget.clone());
        }
        if let Some(id) = &self.parent_call_id {
            options = options.parent_call(id);
        }
        match self.deadline {
            Some(deadline) => options.deadline(deadline.saturating_duration_since(Instant::now())),
            None => options,
        }
    }

    fn telling(&self, role: Role, iteration: u32) -> Telling<'_> {
        Telling {
            runner: self.runner,
            review: self.review,
            document_id: self.options.document_id.as_deref(),
            role,
            iteration,
        }
    }

    /// `otherwise` where the error is the agent's own, and not a limit of the loop.
    fn stopped_by(&self, error: Error, otherwise: StopReason) -> Stop {
        let is_late = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        let reason = match error.kind() {
            ErrorKind::Cancelled => StopReason::Cancelled,
            ErrorKind::BudgetExhausted => StopReason::BudgetExhausted,
            ErrorKind::DeadlineExceeded if is_late => StopReason::DeadlineExceeded,
            _ => otherwise,
        };
        Stop {
            reason,
            error: Some(error),
        }
    }
}

fn failed(role: Role) -> StopReason {
    match role {
        Role::Planner => StopReason::PlannerFailed,
        Role::Judge => StopReason::JudgeFailed,
    }
}

fn with_calls(round: Round, ledger: &Ledger) -> Round {
    Round {
        call_ids: ledger
            .calls
            .iter()
            .map(|call| call.call_id.clone())
            .collect(),
        usage: ledger.usage(),
        cost: ledger.cost(),
        ..round
    }
}

fn in_conversation<'c>(
    options: RunOptions<'c>,
    spec: &AgentSpec,
    conversation: &'c mut Conversation,
) -> RunOptions<'c> {
    match spec.mode {
        AgentMode::Conversational => options.conversation(conversation),
        AgentMode::Oneshot => options,
    }
}

fn without_draft() -> Error {
    Error::new(ErrorKind::Internal, "a review loop ended without a draft")
}
