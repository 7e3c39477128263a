//! One execution: the loop of calls until an answer fits, or something says stop.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::AgentMode;
use super::admission::{budget_of, check_price};
use super::budget::Budget;
use super::decision::Step;
use super::hashes::PromptHashes;
use super::lifecycle::SlowAfter;
use super::options::RunOptions;
use super::outcome::Outcome;
use super::request::{PromptOf, request_of};
use super::spec::AgentSpec;
use super::turn::{Repetition, select};
use super::verdict::Decode;
use crate::call_log::CallLog;
use crate::chat::{Request, Role};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Ledger, Result};
use crate::lifecycle::Lifecycle;
use crate::pricing::PriceTable;
use crate::prompt::{PromptLibrary, RenderedPrompt};
use crate::provider::Provider;
use crate::schema::CompiledSchema;
use crate::telemetry::{OpenSpan, TelemetryContent, names};
use crate::tool::{Selection, ToolSet};

/// What an execution takes from its runner.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) provider: &'a dyn Provider,
    pub(super) prompts: &'a PromptLibrary,
    pub(super) log: &'a CallLog,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) hashes: &'a PromptHashes,
    pub(super) span: &'a OpenSpan,
    pub(super) content: TelemetryContent,
    pub(super) prices: &'a PriceTable,
    pub(super) budget: Option<&'a Budget>,
    pub(super) tools: &'a ToolSet,
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) slow_after: SlowAfter,
}

/// One agent answering once.
pub(super) struct Execution<'a> {
    pub(super) around: Surroundings<'a>,
    pub(super) spec: &'a AgentSpec,
    pub(super) schema: Arc<CompiledSchema>,
    pub(super) options: RunOptions<'a>,
    pub(super) variables: Map<String, Value>,
    pub(super) prompt: RenderedPrompt,
    pub(super) prompt_hashes: Vec<String>,
    user_message: Option<String>,
    pub(super) id: String,
    started: Duration,
    pub(super) deadline: Option<Instant>,
    pub(super) budgets: Vec<Budget>,
    pub(super) tools: Option<Arc<Selection>>,
    /// How many messages the request has before any repair.
    pub(super) dialogue: usize,
    /// How many answers have asked for tools.
    pub(super) turns: u32,
    pub(super) repetition: Repetition,
    /// The recorded call that gave the last answer, where a record did.
    pub(super) replay_of: Option<String>,
    pub(super) ledger: Ledger,
    pub(super) repairs: u32,
    pub(super) cap_raised: bool,
}

impl<'a> Execution<'a> {
    /// Everything that can be known to fail before a request.
    pub(super) fn prepare(
        around: Surroundings<'a>,
        spec: &'a AgentSpec,
        schema: Arc<CompiledSchema>,
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
        let mut budgets = Vec::new();
        let given_budgets = options.budgets.iter().chain(around.budget).cloned();
        for budget in budget_of(spec).into_iter().chain(given_budgets) {
            Budget::join(&mut budgets, budget);
        }
        check_price(spec, &budgets, around.prices)?;
        let tools = select(around.tools, spec)?;
        let of = PromptOf {
            prompts: around.prompts,
            spec,
            schema: &schema,
            iteration: options.iteration,
            keeps_context: around.log.keeps_context(),
        };
        let (variables, prompt) = of.render(given)?;
        let prompt_hashes = if around.log.is_on() {
            around.hashes.of(&prompt)
        } else {
            Vec::new()
        };
        if let Some(tools) = &tools {
            around.log.offer(&tools.hash, &tools.definitions)?;
        }
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
            tools,
            dialogue: 0,
            turns: 0,
            repetition: Repetition::default(),
            replay_of: None,
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
                // Boxed: most runs have no tools, and each would carry the room for them about.
                Step::RunTools(response) => {
                    ticket = Box::pin(self.turn(&mut request, &response)).await?;
                }
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
        let tools = self.tools.as_ref();
        Ok(request_of(self.spec, &self.schema, tools, messages))
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
