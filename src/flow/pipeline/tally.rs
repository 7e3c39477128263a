//! What a run counts, and what it leaves of that.

use super::report::{DocumentFailure, DocumentTotals, StageTotals};
use super::settings::Pipeline;
use super::stage::Work;
use crate::chat::Usage;
use crate::cost::{self, Cost};
use crate::error::{ErrorKind, Ledger};
use crate::flow::store::StageResult;

/// Failures that a report holds.
const MAX_FAILURES: usize = 100;
/// Problems that a report holds.
const MAX_PROBLEMS: usize = 100;

/// The figures of one run.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) documents: DocumentTotals,
    pub(super) stages: Vec<StageTotals>,
    pub(super) failures: Vec<DocumentFailure>,
    pub(super) problems: Vec<String>,
    /// What the user should know, and which is nobody's failure.
    pub(super) notices: Vec<String>,
    pub(super) calls_without_cost: u64,
    /// Why the run stopped by itself, if it did.
    pub(super) paused_by: Option<ErrorKind>,
}

/// What a stage took to work on a document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    pub(super) calls: u64,
    pub(super) usage: Usage,
    pub(super) cost: Option<Cost>,
    pub(super) calls_without_cost: u64,
    pub(super) duration_ms: u64,
}

impl Effort {
    pub(super) fn of(ledger: &Ledger) -> Self {
        Self {
            calls: ledger.calls.len() as u64,
            usage: ledger.usage(),
            cost: ledger.cost(),
            calls_without_cost: ledger.calls_without_cost() as u64,
            duration_ms: 0,
        }
    }

    /// A call of which nothing is known.
    pub(super) fn of_lost_call() -> Self {
        Self {
            calls: 1,
            calls_without_cost: 1,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.usage = self.usage.plus(other.usage);
        self.cost = cost::add(self.cost, other.cost);
        self.calls_without_cost += other.calls_without_cost;
    }

    /// The result that took it.
    pub(super) fn result(self, answer: serde_json::Value) -> StageResult {
        StageResult {
            answer,
            usage: self.usage,
            cost_usd: self.cost,
            duration_ms: self.duration_ms,
            calls: self.calls,
        }
    }
}

impl Tally {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let stages = pipeline.stages.iter().map(|stage| StageTotals {
            stage: stage.name.clone(),
            agent: match &stage.work {
                Work::Agent(spec) => Some(spec.name.clone()),
                Work::Tool { .. } | Work::Function(_) => None,
            },
            ..StageTotals::default()
        });
        Self {
            documents: DocumentTotals::default(),
            stages: stages.collect(),
            failures: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
            paused_by: None,
            calls_without_cost: 0,
        }
    }

    /// A stage has worked.
    pub(super) fn worked(&mut self, at: usize, effort: &Effort) {
        self.calls_without_cost += effort.calls_without_cost;
        let stage = &mut self.stages[at];
        stage.visits += 1;
        stage.calls += effort.calls;
        stage.usage = stage.usage.plus(effort.usage);
        stage.cost_usd = cost::add(stage.cost_usd, effort.cost);
        stage.duration_ms += effort.duration_ms;
    }

    pub(super) fn failed(&mut self, failure: DocumentFailure) {
        self.documents.failed += 1;
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(failure);
        }
    }

    pub(super) fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn notice(&mut self, notice: String) {
        if self.notices.len() < MAX_PROBLEMS {
            self.notices.push(notice);
        }
    }

    pub(super) fn effort(&self) -> Effort {
        let mut all = Effort::default();
        for stage in &self.stages {
            all.calls += stage.calls;
            all.usage = all.usage.plus(stage.usage);
            all.cost = cost::add(all.cost, stage.cost_usd);
        }
        all
    }
}
