//! Running a job: every agent on every input, side by side, to one report.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::load::{Job, JobAgent};
use super::review::{JobReview, ReviewReport};
use super::session::Session;
use crate::agent::{AgentMode, AgentRunner, Conversation, Outcome, RunOptions};
use crate::attempt::millis;
use crate::call_log::Sanitizer;
use crate::chat::Usage;
use crate::config;
use crate::cost::{self, Cost};
use crate::error::{Error, ErrorKind, Ledger, Result, with_causes};
use crate::flow::review::ReviewOutcome;
use crate::replay::ReplayReport;
use crate::telemetry::run_span;

/// How a whole job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobStatus {
    /// Every run gave a valid answer.
    Succeeded,
    /// None did.
    Failed,
    /// Some did.
    Partial,
    /// The job was cancelled.
    Cancelled,
}

/// How one run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResultStatus {
    /// It gave a valid answer.
    Succeeded,
    /// It did not.
    Failed,
    /// It was cancelled, before or while it ran.
    Cancelled,
}

/// One run of a job, as the report shows it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct JobResult {
    /// The agent's name.
    pub agent: String,
    /// Which of the agent's inputs, from 0.
    pub index: usize,
    /// How it went.
    pub status: ResultStatus,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// How its review went, where it is the planner of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewReport>,
    /// Why there is none; beside an answer, why the review of it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ReportedError>,
    /// Tokens of this run.
    pub usage: Usage,
    /// What its calls cost, in US dollars; absent when no cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Calls whose cost is not known; `cost_usd` lacks theirs.
    pub calls_without_cost: usize,
    /// Durations of its calls added up, in milliseconds.
    pub duration_ms: u64,
    /// The ids of its calls.
    pub calls: Vec<String>,
}

/// An error, as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportedError {
    /// The failure's kind.
    pub kind: ErrorKind,
    /// What happened, with its causes.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same run may succeed later.
    pub retryable: bool,
}

/// What a job leaves: the document that `duologue run --json` prints.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct JobReport {
    /// The run's id.
    pub run_id: String,
    /// How it went.
    pub status: JobStatus,
    /// The directory of the run's records; absent when the log is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    /// Every run, by agent and input.
    pub results: Vec<JobResult>,
    /// Tokens of all runs.
    pub usage: Usage,
    /// What all calls cost, in US dollars; absent when no cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Calls whose cost is not known; `cost_usd` lacks theirs.
    pub calls_without_cost: usize,
    /// What was replayed, when the provider is `replay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayReport>,
    /// What went wrong besides the runs: records lost, replies of a script left over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ReportedError>,
}

/// What a job tells while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobProgress<'a> {
    /// The log is open and the first runs begin; `runs` are to come.
    Started {
        /// How many runs the job has.
        runs: usize,
    },
    /// A run ended.
    Ended(&'a JobResult),
}

impl ReportedError {
    /// `error` in words, sanitized: its causes may quote the server.
    fn of(error: &Error, sanitizer: &Sanitizer) -> Self {
        Self {
            kind: error.kind(),
            message: sanitizer.clean(&with_causes(error)),
            hint: error.hint().map(|hint| sanitizer.clean(hint)),
            retryable: error.is_retryable(),
        }
    }
}

impl Job {
    /// Runs every agent on every input, at most `concurrency` at once; a conversational agent takes
    /// its inputs one after the other. One run that fails does not stop the others. The records are
    /// flushed before this returns.
    ///
    /// # Errors
    /// What [`check`](Self::check) would find. After the first request nothing is an `Err`: it is in
    /// the report.
    pub async fn run(
        &self,
        cancel: &CancellationToken,
        on_progress: &(dyn Fn(JobProgress<'_>) + Sync),
    ) -> Result<JobReport> {
        let sanitizer = self.llm_logging.sanitize.to_sanitizer()?;
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let open = run_span(&name, &self.run_id, &|text| {
            sanitizer.or_default().clean(text)
        });
        let report = self
            .run_agents(cancel, on_progress, &sanitizer)
            .instrument(open.span())
            .await;
        open.end(match &report {
            Ok(report) => report.first_error(),
            Err(error) => Some(error.kind()),
        });
        report
    }

    fn refuse_pipeline(&self) -> Result<()> {
        if !self.has_pipeline() {
            return Ok(());
        }
        let message = format!("{}: a pipeline is not run by `run`", self.key("pipeline"));
        let hint = format!("use `duologue pipeline {}`", self.path.display());
        Err(Error::new(ErrorKind::Config, message).with_hint(hint))
    }

    async fn run_agents(
        &self,
        cancel: &CancellationToken,
        on_progress: &(dyn Fn(JobProgress<'_>) + Sync),
        sanitizer: &Sanitizer,
    ) -> Result<JobReport> {
        self.refuse_pipeline()?;
        let Session {
            runner,
            answering,
            tools,
        } = self.open(cancel, sanitizer).await?;
        on_progress(JobProgress::Started {
            runs: self.agents.iter().map(|agent| agent.inputs.len()).sum(),
        });

        let work = Work {
            runner: &runner,
            sanitizer,
            slots: Semaphore::new(self.concurrency),
            cancel,
            on_progress,
            review: self.review.as_ref(),
        };
        let mut lanes: FuturesUnordered<_> = self
            .agents
            .iter()
            .enumerate()
            .flat_map(|(position, agent)| {
                lanes_of(agent)
                    .into_iter()
                    .map(move |inputs| (position, agent, inputs))
            })
            .map(|(position, agent, inputs)| {
                let work = &work;
                async move { (position, work.run_lane(agent, inputs).await) }
            })
            .collect();
        let mut results = Vec::new();
        while let Some((position, lane)) = lanes.next().await {
            results.extend(lane.into_iter().map(|result| (position, result)));
        }
        drop(lanes);
        if let Some(tools) = tools {
            tools.close().await;
        }
        results.sort_by_key(|(position, result)| (*position, result.index));
        let results: Vec<JobResult> = results.into_iter().map(|(_, result)| result).collect();

        let mut problems = Vec::new();
        problems.extend(
            runner
                .flush()
                .await
                .err()
                .map(|error| ReportedError::of(&error, sanitizer)),
        );
        if let Some(scripted) = answering
            .scripted
            .filter(|_| !self.limited && !cancel.is_cancelled())
        {
            problems.extend(
                scripted
                    .finish()
                    .err()
                    .map(|error| ReportedError::of(&error, sanitizer)),
            );
        }
        Ok(JobReport {
            run_id: runner.log().run_id().to_owned(),
            status: judge(&results, &problems),
            log_dir: runner
                .log()
                .journal()
                .and_then(|journal| journal.ancestors().nth(2))
                .map(|directory| config::shown(directory).display().to_string()),
            usage: results.iter().map(|result| result.usage).sum(),
            cost_usd: results
                .iter()
                .map(|result| result.cost_usd)
                .fold(None, cost::add),
            calls_without_cost: results.iter().map(|result| result.calls_without_cost).sum(),
            replay: answering.replay.map(|replay| {
                let report = replay.report();
                let from = config::shown(&report.from);
                ReplayReport { from, ..report }
            }),
            results,
            problems,
        })
    }
}

/// Inputs that run one after the other: all of a conversation, or one by one.
fn lanes_of(agent: &JobAgent) -> Vec<Vec<(usize, &Map<String, Value>)>> {
    let inputs = agent.inputs.iter().enumerate();
    if agent.spec.mode == AgentMode::Conversational {
        vec![inputs.collect()]
    } else {
        inputs.map(|input| vec![input]).collect()
    }
}

/// What all lanes of a job share.
struct Work<'a> {
    runner: &'a AgentRunner,
    sanitizer: &'a Sanitizer,
    slots: Semaphore,
    cancel: &'a CancellationToken,
    on_progress: &'a (dyn Fn(JobProgress<'_>) + Sync),
    review: Option<&'a JobReview>,
}

impl Work<'_> {
    async fn run_lane(
        &self,
        agent: &JobAgent,
        inputs: Vec<(usize, &Map<String, Value>)>,
    ) -> Vec<JobResult> {
        let mut conversation = Conversation::new();
        let mut results = Vec::with_capacity(inputs.len());
        for (index, input) in inputs {
            // The semaphore is never closed, so there is always a permit to come.
            let _slot = self.slots.acquire().await;
            let result = if let Some(review) = self.review.filter(|it| it.is_of(agent)) {
                let outcome = review.run(self.runner, input, self.cancel).await;
                let outcome = outcome.map(|outcome| (outcome, review));
                JobResult::of_review(agent, index, outcome, self.sanitizer)
            } else {
                let mut options = RunOptions::new().cancel_on(self.cancel.clone());
                if agent.spec.mode == AgentMode::Conversational {
                    options = options.conversation(&mut conversation);
                }
                let outcome = self.runner.run_with(&agent.spec, input, options).await;
                JobResult::of(agent, index, outcome, self.sanitizer)
            };
            (self.on_progress)(JobProgress::Ended(&result));
            results.push(result);
        }
        results
    }
}

impl JobReport {
    /// What stands for the whole run when it did not succeed.
    fn first_error(&self) -> Option<ErrorKind> {
        if self.status == JobStatus::Cancelled {
            return Some(ErrorKind::Cancelled);
        }
        let failed = self
            .results
            .iter()
            .filter_map(|result| result.error.as_ref());
        failed.chain(&self.problems).next().map(|error| error.kind)
    }
}

impl JobResult {
    fn of(
        agent: &JobAgent,
        index: usize,
        outcome: Result<Outcome<Value>>,
        sanitizer: &Sanitizer,
    ) -> Self {
        match outcome {
            Ok(outcome) => {
                let result = Self::new(agent, index, None, outcome.ledger, sanitizer);
                result.with_data(outcome.data)
            }
            Err(error) => Self::failed(agent, index, &error, sanitizer),
        }
    }

    fn of_review(
        agent: &JobAgent,
        index: usize,
        outcome: Result<(ReviewOutcome, &JobReview)>,
        sanitizer: &Sanitizer,
    ) -> Self {
        match outcome {
            Ok((mut outcome, review)) => {
                let report = ReviewReport::of(&outcome);
                let error = review.failure(&mut outcome);
                let result = Self::new(agent, index, error.as_ref(), outcome.ledger, sanitizer);
                Self {
                    review: Some(report),
                    ..result.with_data(outcome.data)
                }
            }
            Err(error) => Self::failed(agent, index, &error, sanitizer),
        }
    }

    fn failed(agent: &JobAgent, index: usize, error: &Error, sanitizer: &Sanitizer) -> Self {
        let ledger = error.ledger().clone();
        Self::new(agent, index, Some(error), ledger, sanitizer)
    }

    fn new(
        agent: &JobAgent,
        index: usize,
        error: Option<&Error>,
        ledger: Ledger,
        sanitizer: &Sanitizer,
    ) -> Self {
        Self {
            agent: agent.spec.name.clone(),
            index,
            status: match error.map(Error::kind) {
                None => ResultStatus::Succeeded,
                Some(ErrorKind::Cancelled) => ResultStatus::Cancelled,
                Some(_) => ResultStatus::Failed,
            },
            data: None,
            review: None,
            error: error.map(|error| ReportedError::of(error, sanitizer)),
            usage: ledger.usage(),
            cost_usd: ledger.cost(),
            calls_without_cost: ledger.calls_without_cost(),
            duration_ms: ledger.calls.iter().map(|call| millis(call.duration)).sum(),
            calls: ledger.calls.into_iter().map(|call| call.call_id).collect(),
        }
    }

    fn with_data(self, data: Value) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }
}

fn judge(results: &[JobResult], problems: &[ReportedError]) -> JobStatus {
    let succeeded = results
        .iter()
        .filter(|result| result.status == ResultStatus::Succeeded)
        .count();
    if results
        .iter()
        .any(|result| result.status == ResultStatus::Cancelled)
    {
        JobStatus::Cancelled
    } else if succeeded == results.len() && problems.is_empty() {
        JobStatus::Succeeded
    } else if succeeded == 0 {
        JobStatus::Failed
    } else {
        JobStatus::Partial
    }
}
