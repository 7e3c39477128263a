//! What a stage has to do for a document, what decides whether it was done, and doing it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::{Map, Value, json};

use super::journey::Journey;
use super::run::Run;
use super::slots::{Needs, Taken};
use super::stage::{StageFunction, StageInput, Work};
use super::tally::Effort;
use crate::agent::{AgentSpec, RunOptions, ToolUse};
use crate::chat::Request;
use crate::error::{Error, ErrorKind, OverBudget, Result};
use crate::fingerprint;
use crate::flow::store::Fingerprint;

/// What is to be done.
pub(super) enum Task<'a> {
    Agent(&'a AgentSpec, Map<String, Value>),
    Tool(&'a str, Value),
    Function(&'a StageFunction, Box<StageInput>),
}

impl Run<'_> {
    pub(super) fn needs(&self, task: &Task<'_>) -> Needs {
        match task {
            Task::Agent(spec, _) => self.slots.needs(&spec.name, &spec.model),
            Task::Tool(..) | Task::Function(..) => Needs::default(),
        }
    }

    /// What is to be done, and what decides whether it was; nothing does for functions.
    pub(super) fn prepare(
        &self,
        at: usize,
        journey: &Journey,
    ) -> Result<(Task<'_>, Option<Fingerprint>)> {
        match &self.pipeline.stages[at].work {
            Work::Agent(spec) => {
                let variables = journey.variables();
                let print = if self.store.is_some() {
                    let request = self.runner.request(spec, &variables, journey.iteration())?;
                    let fixed = self.fixed[at].get_or_init(|| Fixed::of(&request));
                    Some(fixed.print(&request, &journey.input))
                } else {
                    None
                };
                Ok((Task::Agent(spec, variables), print))
            }
            Work::Tool { tool, .. } => {
                let variables = journey.variables();
                let arguments = self.arguments[at].as_ref();
                let arguments = arguments.map(|arguments| arguments.render(&variables));
                let arguments = arguments.transpose()?.unwrap_or_default();
                let print = Fingerprint {
                    prompt: fingerprint::of_json(&json!([tool, arguments])),
                    input: journey.input.clone(),
                    ..Fingerprint::default()
                };
                Ok((Task::Tool(tool, arguments), Some(print)))
            }
            Work::Function(function) => {
                let input = Box::new(journey.stage_input());
                Ok((Task::Function(function, input), None))
            }
        }
    }

    pub(super) async fn work(
        &self,
        at: usize,
        journey: &Journey,
        task: Task<'_>,
        slots: Taken<'_>,
    ) -> (Result<Value>, Effort) {
        let stage = &self.pipeline.stages[at].name;
        match task {
            Task::Agent(spec, variables) => self.ask(at, journey, (spec, &variables), slots).await,
            Task::Tool(tool, arguments) => {
                let of = ToolUse {
                    tool,
                    arguments,
                    stage,
                    document_id: &journey.document.id,
                };
                let using = self.cancel.run_until_cancelled(self.runner.use_tool(of));
                let result = using.await.unwrap_or_else(|| Err(cancelled(stage)));
                (result.map(|output| answer_of(&output)), Effort::default())
            }
            Task::Function(function, input) => {
                let calling = AssertUnwindSafe(async { function(*input).await }).catch_unwind();
                let calling = self.cancel.run_until_cancelled(calling);
                let result = match calling.await {
                    Some(Ok(result)) => result,
                    Some(Err(_)) => Err(panicked(&format!("the function of stage `{stage}`"))),
                    None => Err(cancelled(stage)),
                };
                (result, Effort::default())
            }
        }
    }

    /// Asks the agent. While others reserve what its call needs, it waits until they are done, and holds
    /// nothing.
    async fn ask(
        &self,
        at: usize,
        journey: &Journey,
        (spec, variables): (&AgentSpec, &Map<String, Value>),
        mut slots: Taken<'_>,
    ) -> (Result<Value>, Effort) {
        let mut all = Effort::default();
        loop {
            let options = self.options(at, journey);
            let running = AssertUnwindSafe(self.runner.run_with(spec, variables, options));
            let (result, effort) = match running.catch_unwind().await {
                Ok(Ok(outcome)) => (Ok(outcome.data), Effort::of(&outcome.ledger)),
                Ok(Err(error)) => {
                    let effort = Effort::of(error.ledger());
                    (Err(error), effort)
                }
                Err(_) => {
                    let what = format!("agent `{}`", spec.name);
                    (Err(panicked(&what)), Effort::of_lost_call())
                }
            };
            all.add(effort);
            let refusal = result.as_ref().err().and_then(Error::refusal);
            let Some(OverBudget::Reserved(settled)) = refusal.map(|refusal| &refusal.why) else {
                return (result, all);
            };
            let mut settled = settled.clone();
            drop(slots);
            let waiting = async {
                // Without its sender the budget is gone, and another try says so.
                let _ = settled.changed().await;
                let needs = self.slots.needs(&spec.name, &spec.model);
                self.slots.take(needs).await
            };
            match self.halt.run_until_cancelled(waiting).await {
                Some(taken) => slots = taken,
                None => return (Err(cancelled(&self.pipeline.stages[at].name)), all),
            }
        }
    }

    fn options(&self, at: usize, journey: &Journey) -> RunOptions<'static> {
        let options = RunOptions::new()
            .document(&journey.document.id)
            .stage(&self.pipeline.stages[at].name)
            .iteration(journey.iteration())
            .cancel_on(self.cancel.clone());
        match &self.budget {
            Some(budget) => options.budget(budget.clone()),
            None => options,
        }
    }
}

/// What of an agent's requests is the same for all documents, hashed once.
#[derive(Debug)]
pub(super) struct Fixed {
    schema: String,
    parameters: String,
}

impl Fixed {
    fn of(request: &Request) -> Self {
        let schema = request.response_schema.as_ref();
        let schema = schema.map(|schema| &*schema.schema);
        let parameters = json!([
            request.temperature,
            request.max_output_tokens,
            request.extra,
            request.tools
        ]);
        Self {
            schema: fingerprint::of_json(&json!(schema)),
            parameters: fingerprint::of_json(&parameters),
        }
    }

    fn print(&self, request: &Request, input: &str) -> Fingerprint {
        Fingerprint {
            prompt: fingerprint::of_json(&json!(request.messages)),
            schema: self.schema.clone(),
            model: request.model.clone(),
            parameters: self.parameters.clone(),
            input: input.to_owned(),
        }
    }
}

/// A JSON object as it is; all else as the text that it is, under `result`.
fn answer_of(output: &str) -> Value {
    let object: serde_json::Result<Map<String, Value>> = serde_json::from_str(output);
    object.map_or_else(|_| json!({"result": output}), Value::Object)
}

fn cancelled(stage: &str) -> Error {
    Error::new(
        ErrorKind::Cancelled,
        format!("stage `{stage}` was cancelled"),
    )
}

fn panicked(what: &str) -> Error {
    let message = format!("{what} panicked");
    Error::new(ErrorKind::Internal, message).with_hint("its message is on the standard error")
}
