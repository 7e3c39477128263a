//! One stage and one document: look whether it is done, wait for slots, work, keep what comes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::journey::Journey;
use super::run::Run;
use super::stage::Work;
use super::tally::Effort;
use super::told::Told;
use crate::error::{BudgetRefusal, Error, ErrorKind, OverBudget, Result};
use crate::fingerprint;
use crate::flow::directory::is_disk_trouble;
use crate::flow::store::{Fingerprint, Step};
use crate::lifecycle::{LifecycleEvent, Phase, Subject};

/// Why a document goes no further.
#[derive(Debug)]
pub(super) enum Stopped {
    Failed(Error),
    /// The run was cancelled or paused.
    Interrupted,
}

impl Run<'_> {
    /// The answer of the stage, which is asked for or known.
    pub(super) async fn visit(&self, at: usize, journey: &mut Journey) -> Result<Value, Stopped> {
        if self.is_halted() {
            return Err(Stopped::Interrupted);
        }
        journey.visits[at] += 1;
        let (task, print) = match self.prepare(at, journey) {
            Ok(prepared) => prepared,
            Err(error) => {
                let told = self.begin(at, journey);
                let started = self.runner.clock().elapsed();
                return Err(self.fail(at, journey, (told, started), error));
            }
        };
        let step = self.step(at, journey);
        if let Some(print) = &print {
            journey.prints = fingerprint::of_json(&json!([journey.prints, step.stage, print]));
            if let Some(answer) = self.known(at, journey, &step, print)? {
                return Ok(answer);
            }
        }
        let taken = self
            .halt
            .run_until_cancelled(self.slots.take(self.needs(&task)));
        let Some(slots) = taken.await else {
            return Err(Stopped::Interrupted);
        };
        let told = self.begin(at, journey);
        let started = self.runner.clock().elapsed();
        let (result, mut effort) = self.work(at, journey, task, slots).await;
        effort.duration_ms = self.elapsed_ms(started);
        self.tally().worked(at, &effort);
        let answer = match result {
            Ok(answer) => answer,
            Err(mut error) => {
                if let Some(answer) = error.take_answer() {
                    // Why it stopped is told below.
                    let _ = self.keep(&step, print.as_ref(), effort, answer);
                }
                return Err(self.fail(at, journey, (told, started), error));
            }
        };
        if print.is_none() {
            let of = json!([journey.prints, step.stage, answer]);
            journey.prints = fingerprint::of_json(&of);
        }
        self.finish(at, journey, told, effort);
        self.keep(&step, print.as_ref(), effort, answer)
    }

    /// What the step gave in an earlier process of the run.
    fn known(
        &self,
        at: usize,
        journey: &Journey,
        step: &Step,
        print: &Fingerprint,
    ) -> Result<Option<Value>, Stopped> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let known = store
            .get(step, print)
            .map_err(|error| self.interrupt(&error))?;
        let Some(known) = known else { return Ok(None) };
        {
            let stage = &mut self.tally().stages[at];
            stage.visits += 1;
            stage.resumed += 1;
        }
        let told = self.begin(at, journey);
        let mut event = self.stage_event(Phase::Finished, at, journey);
        event.resumed = true;
        told.end(event);
        Ok(Some(known.answer))
    }

    /// Keeps what was worked out, so that nobody pays for it again.
    fn keep(
        &self,
        step: &Step,
        print: Option<&Fingerprint>,
        effort: Effort,
        answer: Value,
    ) -> Result<Value, Stopped> {
        let (Some(store), Some(print)) = (&self.store, print) else {
            return Ok(answer);
        };
        let result = effort.result(answer);
        let kept = store.put(step, print, &result);
        kept.map_err(|error| self.interrupt(&error))?;
        Ok(result.answer)
    }

    pub(super) fn interrupt(&self, error: &Error) -> Stopped {
        self.pause(error);
        Stopped::Interrupted
    }

    fn begin(&self, at: usize, journey: &Journey) -> Told<'_> {
        self.start(self.stage_event(Phase::Started, at, journey))
    }

    fn finish(&self, at: usize, journey: &Journey, told: Told<'_>, effort: Effort) {
        let mut event = self.stage_event(Phase::Finished, at, journey);
        event.duration_ms = Some(effort.duration_ms);
        event.usage = effort.usage;
        event.cost_usd = effort.cost;
        told.end(event);
    }

    /// Tells that the stage failed, and says what that means for the document.
    fn fail(
        &self,
        at: usize,
        journey: &Journey,
        (told, started): (Told<'_>, Duration),
        error: Error,
    ) -> Stopped {
        let mut event = self.stage_event(Phase::Failed, at, journey);
        event.duration_ms = Some(self.elapsed_ms(started));
        event.usage = error.ledger().usage();
        event.cost_usd = error.ledger().cost();
        event.error = Some(self.event_error(&error));
        told.end(event);
        if error.kind() == ErrorKind::Cancelled && self.is_halted() {
            return Stopped::Interrupted;
        }
        if is_disk_trouble(&error) || self.is_out_of_budget(at, &error) {
            return self.interrupt(&error);
        }
        self.tally().stages[at].failed += 1;
        Stopped::Failed(error)
    }

    /// Whether a budget is used up that further documents need as well: not the agent's own of each run,
    /// and not one that this document alone is too large for.
    fn is_out_of_budget(&self, at: usize, error: &Error) -> bool {
        let is_of_all = |refusal: &BudgetRefusal| {
            !refusal.is_own && !matches!(refusal.why, OverBudget::TooLarge)
        };
        let is_agent = matches!(self.pipeline.stages[at].work, Work::Agent(_));
        is_agent && error.refusal().is_some_and(is_of_all)
    }

    pub(super) fn step(&self, at: usize, journey: &Journey) -> Step {
        Step {
            document_id: journey.document.id.clone(),
            stage: self.pipeline.stages[at].name.clone(),
            visit: journey.visits[at],
        }
    }

    pub(super) fn stage_event(&self, phase: Phase, at: usize, journey: &Journey) -> LifecycleEvent {
        let stage = &self.pipeline.stages[at];
        let mut event = self.event(Subject::Stage, phase);
        event.document_id = Some(journey.document.id.clone());
        event.stage = Some(stage.name.clone());
        event.attempt = Some(journey.visits[at]);
        match &stage.work {
            Work::Agent(spec) => {
                event.agent = Some(spec.name.clone());
                event.model = Some(spec.model.clone());
            }
            Work::Tool { tool, .. } => event.tool = Some(tool.clone()),
            Work::Function(_) => {}
        }
        event
    }
}
