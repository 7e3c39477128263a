//! What a stage has to do for a document, what decides whether it was done, and doing it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::{Map, Value, json};

use super::journey::Journey;
use super::run::Run;
use super::slots::Needs;
use super::stage::{StageFunction, StageInput, Work};
use super::tally::Effort;
use crate::agent::{AgentSpec, RunOptions, ToolUse};
use crate::chat::Request;
use crate::error::{Error, ErrorKind, Result};
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
                    Some(print_of_request(&request, &journey.input))
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
    ) -> (Result<Value>, Effort) {
        let stage = &self.pipeline.stages[at].name;
        match task {
            Task::Agent(spec, variables) => {
                let mut options = RunOptions::new()
                    .document(&journey.document.id)
                    .stage(stage)
                    .iteration(journey.iteration())
                    .cancel_on(self.cancel.clone());
                if let Some(budget) = &self.budget {
                    options = options.budget(budget.clone());
                }
                let result = self.runner.run_with(spec, variables, options).await;
                let ledger = match &result {
                    Ok(outcome) => &outcome.ledger,
                    Err(error) => error.ledger(),
                };
                let effort = Effort {
                    calls: ledger.calls.len() as u64,
                    usage: ledger.usage(),
                    cost: ledger.cost(),
                    duration_ms: 0,
                };
                (result.map(|outcome| outcome.data), effort)
            }
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
                    Some(Err(_)) => Err(panicked(stage)),
                    None => Err(cancelled(stage)),
                };
                (result, Effort::default())
            }
        }
    }
}

fn print_of_request(request: &Request, input: &str) -> Fingerprint {
    let schema = request
        .response_schema
        .as_ref()
        .map(|schema| &*schema.schema);
    let parameters = json!([
        request.temperature,
        request.max_output_tokens,
        request.extra,
        request.tools
    ]);
    Fingerprint {
        prompt: fingerprint::of_json(&json!(request.messages)),
        schema: fingerprint::of_json(&json!(schema)),
        model: request.model.clone(),
        parameters: fingerprint::of_json(&parameters),
        input: input.to_owned(),
    }
}

/// A JSON object as it is; all else under `result`.
fn answer_of(output: &str) -> Value {
    match serde_json::from_str(output) {
        Ok(Value::Object(map)) => Value::Object(map),
        Ok(other) => json!({"result": other}),
        Err(_) => json!({"result": output}),
    }
}

fn cancelled(stage: &str) -> Error {
    Error::new(
        ErrorKind::Cancelled,
        format!("stage `{stage}` was cancelled"),
    )
}

fn panicked(stage: &str) -> Error {
    let message = format!("the function of stage `{stage}` panicked");
    Error::new(ErrorKind::Internal, message).with_hint("its message is on the standard error")
}
