//! One execution: the loop of calls until an answer fits, or something says stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::AgentMode;
use super::admission::{Ticket, budget_of, check_price};
use super::budget::Budget;
use super::decision::Step;
use super::hashes::PromptHashes;
use super::options::RunOptions;
use super::outcome::Outcome;
use super::schema::AnswerSchema;
use super::spec::AgentSpec;
use super::verdict::{Decode, Decoded, Failure, Verdict, judge};
use crate::call_log::{CallEnd, CallLog, Parameters, Record};
use crate::chat::{Request, Response, ResponseSchema, Role};
use crate::clock::{self, Clock};
use crate::cost::Cost;
use crate::error::{CallReport, Error, ErrorKind, Ledger, Result};
use crate::pricing::PriceTable;
use crate::prompt::{PromptLibrary, RenderedPrompt};
use crate::provider::{CallContext, Provider, ProviderError};
use crate::telemetry::{OpenSpan, TelemetryContent, names};

/// The variable that holds the schema's text.
const RESPONSE_SCHEMA: &str = "response_schema";

/// What an execution takes from its runner.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) provider: &'a dyn Provider,
    pub(super) prompts: &'a PromptLibrary,
    pub(super) log: &'a CallLog,
    pub(super) clock: &'a dyn Clock,
    pub(super) hashes: &'a PromptHashes,
    pub(super) span: &'a OpenSpan,
    pub(super) content: TelemetryContent,
    pub(super) prices: &'a PriceTable,
    pub(super) budget: Option<&'a Budget>,
}

/// One agent answering once.
pub(super) struct Execution<'a> {
    pub(super) around: Surroundings<'a>,
    pub(super) spec: &'a AgentSpec,
    pub(super) schema: Arc<AnswerSchema>,
    pub(super) options: RunOptions<'a>,
    variables: Map<String, Value>,
    prompt: RenderedPrompt,
    prompt_hashes: Vec<String>,
    user_message: Option<String>,
    pub(super) id: String,
    started: Duration,
    pub(super) deadline: Option<Instant>,
    pub(super) budgets: Vec<Budget>,
    /// How many messages the request has before any repair.
    pub(super) dialogue: usize,
    pub(super) ledger: Ledger,
    pub(super) repairs: u32,
    pub(super) cap_raised: bool,
}

impl<'a> Execution<'a> {
    /// Everything that can be known to fail before a request.
    pub(super) fn prepare(
        around: Surroundings<'a>,
        spec: &'a AgentSpec,
        schema: Arc<AnswerSchema>,
        given: Map<String, Value>,
        options: RunOptions<'a>,
    ) -> Result<Self> {
        if spec.mode == AgentMode::Oneshot && options.conversation.is_some() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("agent `{}` is oneshot", spec.name),
            )
            .with_hint("set `mode: conversational`, or run it without a conversation"));
        }
        let budgets: Vec<Budget> = [
            budget_of(spec),
            options.budget.clone(),
            around.budget.cloned(),
        ]
        .into_iter()
        .flatten()
        .collect();
        check_price(spec, &budgets, around.prices)?;
        let mut variables = spec.default_variables.clone();
        variables.insert("iteration".to_owned(), options.iteration.into());
        variables.extend(given);
        let pack = around.prompts.pack(&spec.prompt_pack)?;
        // The name counts as given in any case; the text may be long.
        let schema_text = if pack.may_use(RESPONSE_SCHEMA) || around.log.keeps_context() {
            schema.text.clone().into()
        } else {
            Value::Null
        };
        variables.insert(RESPONSE_SCHEMA.to_owned(), schema_text);
        let prompt = pack.render(&variables, options.iteration)?;
        let prompt_hashes = if around.log.is_on() {
            around.hashes.of(&prompt)
        } else {
            Vec::new()
        };
        let limit = [spec.deadline, options.deadline]
            .into_iter()
            .flatten()
            .min();
        let id = format!("exec_{}", around.clock.id());
        around.span.span().record(names::EXECUTION_ID, &id);
        Ok(Self {
            id,
            started: around.clock.elapsed(),
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
            budgets,
            dialogue: 0,
            user_message: None,
            ledger: Ledger::default(),
            repairs: 0,
            cap_raised: false,
            around,
            spec,
            schema,
            options,
            variables,
            prompt,
            prompt_hashes,
        })
    }

    pub(super) async fn run(mut self, decode: &mut Decode<'_>) -> Result<Outcome<Value>> {
        match self.answer(decode).await {
            Ok(answer) => Ok(self.succeed(answer)),
            Err(error) => Err(error.with_ledger(self.ledger)),
        }
    }

    async fn answer(&mut self, decode: &mut Decode<'_>) -> Result<Value> {
        let mut request = self.request()?;
        self.dialogue = request.messages.len();
        let mut ticket = self.admit(&request)?;
        loop {
            match self.call(&mut request, ticket, decode).await? {
                Step::Done(answer) => return Ok(answer),
                Step::GoOn(next) => ticket = next,
                Step::Fail(error) => return Err(error),
            }
        }
    }

    fn request(&mut self) -> Result<Request> {
        let mut messages = std::mem::take(&mut self.prompt.messages);
        if self.spec.mode == AgentMode::Conversational {
            let last = messages
                .pop()
                .filter(|message| message.role == Role::User)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Prompt,
                        format!(
                            "conversational agent `{}` has a prompt pack without `user`",
                            self.spec.name
                        ),
                    )
                    .with_hint("add a `user` template: each run is a turn of the user")
                })?;
            if let Some(conversation) = &self.options.conversation {
                messages.extend_from_slice(conversation.messages());
            }
            self.user_message = Some(last.content.clone());
            messages.push(last);
        }
        let mut request = Request::new(&self.spec.model, messages);
        request.temperature = self.spec.temperature;
        request.max_output_tokens = self.spec.max_output_tokens;
        request.extra.clone_from(&self.spec.extra);
        request.response_schema = Some(ResponseSchema {
            name: schema_name(&self.spec.name),
            schema: self.schema.value.clone(),
        });
        Ok(request)
    }

    /// One call, from its first record to its last; `request` becomes the next one.
    async fn call(
        &mut self,
        request: &mut Request,
        ticket: Ticket,
        decode: &mut Decode<'_>,
    ) -> Result<Step> {
        let around = self.around;
        let call_id = format!("call_{}", around.clock.id());
        let attempts = ticket.attempts.clone();
        let started = around.clock.elapsed();
        let open = around
            .log
            .begin(&attempts, || self.record(&call_id, request))?;
        let open_span = self.open_call_span(&call_id, request);
        let span = open_span.span();

        let context = CallContext::new(&self.spec.name)
            .with_attempts(attempts.clone())
            .with_deadline(self.deadline);
        let result = self
            .guarded(around.provider.generate_json(request, &context))
            .instrument(span.clone())
            .await;
        let (response, mut verdict) = match result {
            Ok(response) => {
                let verdict = judge(&response, &self.schema, &mut |answer| {
                    // A conversation keeps the JSON whatever else becomes of it.
                    let conversing = self.options.conversation.is_some();
                    decode(answer).map(|decoded| if conversing { Decoded::AsIs } else { decoded })
                });
                (Some(response), verdict)
            }
            Err(error) => (None, Verdict::Failed(Failure::of(error))),
        };
        let cost = self.settle(ticket, request, response.as_ref());

        self.ledger.calls.push(CallReport {
            call_id,
            raw_text: None,
            violations: verdict.violations().to_vec(),
            finish_reason: response
                .as_ref()
                .and_then(|response| response.finish_reason.clone()),
            usage: response
                .as_ref()
                .map(|response| response.usage)
                .unwrap_or_default(),
            cost,
            attempts: attempts.to_vec(),
            duration: around.clock.elapsed().saturating_sub(started),
            error: verdict.error_kind(),
            record: around.log.journal().map(std::path::Path::to_owned),
        });
        self.close_call_span(
            open_span,
            &attempts,
            response.as_ref(),
            cost,
            verdict.error_kind(),
        );
        let next = self.decide(&verdict, response.as_ref(), request);
        let kept = open.finish(|| CallEnd {
            cost,
            ..verdict.take_end(response.clone(), next.goes_on())
        });
        if let Some(call) = self.ledger.calls.last_mut() {
            span.in_scope(|| {
                tracing::debug!(
                    agent = self.spec.name,
                    call_id = call.call_id,
                    error = call.error.map(ErrorKind::as_str),
                    input_tokens = call.usage.input_tokens,
                    output_tokens = call.usage.output_tokens,
                    "LLM call ended"
                );
            });
            call.raw_text = response.map(|response| response.refusal.unwrap_or(response.text));
        }

        // Only now: the answer that the log could not keep must be in the ledger.
        kept?;
        Ok(next.with(verdict, self))
    }

    /// What the call cost, as its budgets learn it. One without an answer drops its ticket.
    fn settle(&self, ticket: Ticket, asked: &Request, response: Option<&Response>) -> Option<Cost> {
        let response = response?;
        let answered = response.model.as_deref();
        let prices = self.around.prices;
        let cost = prices.cost(&asked.model, answered, &response.usage);
        ticket.settle(&response.usage, cost);
        cost
    }

    fn record(&self, call_id: &str, request: &Request) -> Record {
        let mut record = Record::default();
        call_id.clone_into(&mut record.call_id);
        record.execution_id.clone_from(&self.id);
        record
            .parent_call_id
            .clone_from(&self.options.parent_call_id);
        record.conversation_id = self
            .options
            .conversation
            .as_ref()
            .map(|conversation| conversation.id().to_owned());
        record.job_id.clone_from(&self.options.job_id);
        record.document_id.clone_from(&self.options.document_id);
        record.attempt = u32::try_from(self.ledger.calls.len() + 1).unwrap_or(u32::MAX);
        record.iteration = self.options.iteration;
        record.agent.clone_from(&self.spec.name);
        record.mode = self.spec.mode;
        self.around.provider.name().clone_into(&mut record.provider);
        record.model.clone_from(&request.model);
        record.parameters = Parameters::of(request);
        for (part, hash) in self.prompt.parts.iter().zip(&self.prompt_hashes) {
            record
                .prompt_hashes
                .insert(part.name.to_owned(), hash.clone());
            record
                .templates
                .insert(part.name.to_owned(), part.template.to_string());
        }
        record.schema_hash = Some(self.schema.hash.clone());
        record.messages.clone_from(&request.messages);
        if self.around.log.keeps_context() {
            record.context = Some(self.variables.clone());
        }
        record
    }

    /// The provider's answer, unless deadline or cancellation come first.
    async fn guarded<F>(&self, answer: F) -> std::result::Result<Response, ProviderError>
    where
        F: Future<Output = std::result::Result<Response, ProviderError>> + Send,
    {
        let late = || {
            Err(ProviderError::new(
                ErrorKind::DeadlineExceeded,
                "the deadline of the run passed",
            ))
        };
        let in_time = clock::until(self.deadline, answer);
        let Some(cancel) = &self.options.cancel else {
            return in_time.await.unwrap_or_else(late);
        };
        match cancel.run_until_cancelled(in_time).await {
            Some(answer) => answer.unwrap_or_else(late),
            None => Err(ProviderError::new(
                ErrorKind::Cancelled,
                "the run was cancelled",
            )),
        }
    }

    fn succeed(self, answer: Value) -> Outcome<Value> {
        let conversation_id = self.options.conversation.map(|conversation| {
            if let Some(user) = self.user_message {
                conversation.add_turn(user, answer.to_string());
            }
            conversation.id().to_owned()
        });
        Outcome {
            data: answer,
            usage: self.ledger.usage(),
            cost: self.ledger.cost(),
            duration: self.around.clock.elapsed().saturating_sub(self.started),
            repairs: self.repairs,
            execution_id: self.id,
            conversation_id,
            ledger: self.ledger,
        }
    }
}

/// `name` as providers accept it for a schema: letters, digits, `_` and `-`, at most 64.
fn schema_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            c
        } else {
            '_'
        }
    };
    name.chars().map(plain).take(64).collect()
}
