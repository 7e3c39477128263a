//! One execution: the loop of calls until an answer fits, or something says stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::AgentMode;
use super::outcome::Outcome;
use super::repair;
use super::runner::RunOptions;
use super::schema::AnswerSchema;
use super::spec::AgentSpec;
use crate::attempt::Attempts;
use crate::call_log::{CallEnd, CallError, CallLog, Parameters, Record};
use crate::chat::{FinishReason, Request, Response, ResponseSchema, Role};
use crate::clock::{self, Clock};
use crate::error::{CallReport, Error, ErrorKind, Ledger, Result, SchemaViolation};
use crate::prompt::{PromptLibrary, RenderedPrompt};
use crate::provider::extract::extract_json;
use crate::provider::{CallContext, Provider, ProviderError};
use crate::text::counted;

pub(super) type Decode<'d> = dyn FnMut(&Value) -> std::result::Result<(), String> + Send + 'd;

/// What an execution takes from its runner.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) provider: &'a dyn Provider,
    pub(super) prompts: &'a PromptLibrary,
    pub(super) log: &'a CallLog,
    pub(super) clock: &'a dyn Clock,
}

/// One agent answering once.
pub(super) struct Execution<'a> {
    around: Surroundings<'a>,
    spec: &'a AgentSpec,
    schema: Arc<AnswerSchema>,
    options: RunOptions<'a>,
    variables: Map<String, Value>,
    prompt: RenderedPrompt,
    prompt_hashes: Vec<String>,
    user_message: Option<String>,
    id: String,
    started: Duration,
    deadline: Option<Instant>,
    ledger: Ledger,
    repairs: u32,
    cap_raised: bool,
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
        spec.validate()?;
        if spec.mode == AgentMode::Oneshot && options.conversation.is_some() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("agent `{}` is oneshot", spec.name),
            )
            .with_hint("set `mode: conversational`, or run it without a conversation"));
        }
        let mut variables = spec.default_variables.clone();
        variables.insert("iteration".to_owned(), options.iteration.into());
        variables.extend(given);
        variables.insert("response_schema".to_owned(), schema.text.clone().into());
        let prompt = around
            .prompts
            .pack(&spec.prompt_pack)?
            .render(&variables, options.iteration)?;
        let prompt_hashes = match around.log.is_on() {
            true => prompt
                .parts
                .iter()
                .map(|part| part.hash(&prompt.messages))
                .collect(),
            false => Vec::new(),
        };
        let limit = [spec.deadline, options.deadline]
            .into_iter()
            .flatten()
            .min();
        Ok(Self {
            id: format!("exec_{}", around.clock.id()),
            started: around.clock.elapsed(),
            deadline: limit.map(|limit| Instant::now() + limit),
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
        let dialogue = request.messages.len();
        self.may_call()?;
        loop {
            match self.call(&request, decode).await? {
                Step::Done(answer) => return Ok(answer),
                Step::Fail(error) => return Err(error),
                Step::RaiseCap(limit) => request.max_output_tokens = Some(limit),
                Step::Repair(violations) => {
                    self.repairs += 1;
                    request.messages.truncate(dialogue);
                    request
                        .messages
                        .extend(repair::messages(self.last_text(), &violations));
                }
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

    /// One call, from its first record to its last.
    async fn call(&mut self, request: &Request, decode: &mut Decode<'_>) -> Result<Step> {
        let around = self.around;
        let call_id = format!("call_{}", around.clock.id());
        let attempts = Attempts::new(around.log.wire_capture());
        let started = around.clock.elapsed();
        let open = around
            .log
            .begin(&attempts, || self.record(&call_id, request))?;

        let context = CallContext::new(&self.spec.name)
            .with_attempts(attempts.clone())
            .with_deadline(self.deadline);
        let result = self
            .guarded(around.provider.generate_json(request, &context))
            .await;
        let (response, verdict) = match result {
            Ok(response) => {
                let verdict = self.judge(&response, decode);
                (Some(response), verdict)
            }
            Err(error) => (None, Verdict::Failed(Failure::of(error))),
        };

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
            attempts: attempts.to_vec(),
            duration: around.clock.elapsed().saturating_sub(started),
            error: verdict.error_kind(),
            record: around.log.journal().map(std::path::Path::to_owned),
        });
        let next = self.decide(&verdict, response.as_ref());
        open.finish(|| verdict.to_end(response.clone(), next.goes_on()))?;
        if let Some(call) = self.ledger.calls.last_mut() {
            tracing::debug!(
                agent = self.spec.name,
                call_id = call.call_id,
                error = call.error.map(ErrorKind::as_str),
                input_tokens = call.usage.input_tokens,
                output_tokens = call.usage.output_tokens,
                "LLM call ended"
            );
            call.raw_text = response.map(|response| response.text);
        }
        Ok(next.with(verdict, self))
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

    fn judge(&self, response: &Response, decode: &mut Decode<'_>) -> Verdict {
        if response.refusal.is_some() {
            return Verdict::failed(ErrorKind::Refused, "the model refused to answer");
        }
        if response.finish_reason == Some(FinishReason::ContentFilter) {
            return Verdict::failed(
                ErrorKind::ContentFiltered,
                "a content filter stopped the answer",
            );
        }
        let cut = response.finish_reason == Some(FinishReason::Length);
        let extracted = match extract_json(&response.text, &|value| self.schema.fits(value)) {
            // A cut answer counts only if it is complete and plain: nothing may be guessed there.
            Ok(extracted) if !cut || extracted.fixups.is_empty() => extracted,
            Ok(_) | Err(_) if cut => {
                return Verdict::failed(
                    ErrorKind::Truncated,
                    "the answer was cut at the output limit",
                );
            }
            Ok(extracted) => extracted,
            Err(error) => {
                let violation = SchemaViolation {
                    pointer: String::new(),
                    message: error.to_string(),
                };
                return Verdict::Invalid {
                    violations: vec![violation],
                    fixups: Vec::new(),
                };
            }
        };
        let fixups = extracted.fixups.iter().map(ToString::to_string).collect();
        let violations = self.schema.violations(&extracted.value);
        if !violations.is_empty() {
            return Verdict::Invalid { violations, fixups };
        }
        match decode(&extracted.value) {
            Ok(()) => Verdict::Valid {
                answer: extracted.value,
                fixups,
            },
            Err(message) => {
                let violation = SchemaViolation {
                    pointer: String::new(),
                    message,
                };
                Verdict::Invalid {
                    violations: vec![violation],
                    fixups,
                }
            }
        }
    }

    /// What follows; `self.ledger` already holds the call.
    fn decide(&mut self, verdict: &Verdict, response: Option<&Response>) -> Next {
        match verdict {
            Verdict::Valid { .. } => Next::Done,
            Verdict::Failed(failure)
                if failure.kind == ErrorKind::Truncated && !self.cap_raised =>
            {
                let Some(limit) = self.spec.max_output_tokens_on_truncation else {
                    return Next::Fail(None);
                };
                self.cap_raised = true;
                self.if_may_call(Next::RaiseCap(limit))
            }
            Verdict::Failed(_) => Next::Fail(None),
            Verdict::Invalid { .. } => {
                let text = response.map(|response| response.text.as_str());
                let before = self
                    .ledger
                    .calls
                    .iter()
                    .rev()
                    .nth(1)
                    .and_then(|call| call.raw_text.as_deref());
                if self.repairs >= self.spec.max_schema_repair_attempts
                    || (before.is_some() && text == before)
                {
                    return Next::Fail(None);
                }
                self.if_may_call(Next::Repair)
            }
        }
    }

    fn if_may_call(&self, next: Next) -> Next {
        match self.may_call() {
            Ok(()) => next,
            Err(error) => Next::Fail(Some(error)),
        }
    }

    /// Whether another call may begin: not cancelled, in time, within the budget.
    fn may_call(&self) -> Result<()> {
        let name = &self.spec.name;
        if self
            .options
            .cancel
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
        {
            return Err(Error::new(
                ErrorKind::Cancelled,
                format!("agent `{name}` was cancelled"),
            ));
        }
        if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            return Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!("agent `{name}` passed its deadline"),
            ));
        }
        let spent = self.ledger.usage().total_tokens().unwrap_or(0);
        match self.spec.token_budget {
            Some(budget) if spent >= budget => Err(Error::new(
                ErrorKind::BudgetExhausted,
                format!(
                    "agent `{name}` spent {spent} of its budget of {budget} tokens without a valid answer"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn last_text(&self) -> &str {
        self.ledger
            .last()
            .and_then(|call| call.raw_text.as_deref())
            .unwrap_or_default()
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
            duration: self.around.clock.elapsed().saturating_sub(self.started),
            repairs: self.repairs,
            execution_id: self.id,
            conversation_id,
            ledger: self.ledger,
        }
    }

    fn invalid(&self) -> Error {
        let calls = self.ledger.calls.len();
        let name = &self.spec.name;
        let violations = self
            .ledger
            .last()
            .map(|call| call.violations.as_slice())
            .unwrap_or_default();
        let place = match violations
            .first()
            .map(|violation| violation.pointer.as_str())
        {
            Some("") | None => "in the answer as a whole".to_owned(),
            Some(pointer) => format!("the first at `{pointer}`"),
        };
        let count = violations.len();
        Error::new(
            ErrorKind::InvalidAnswer,
            format!(
                "agent `{name}` gave no valid answer in {}; the last one has {}, {place}",
                counted(calls, "call"),
                counted(count, "error"),
            ),
        )
    }

    fn failed(&self, failure: Failure) -> Error {
        let name = &self.spec.name;
        let Some(source) = failure.source else {
            return Error::new(failure.kind, format!("agent `{name}`: {}", failure.message));
        };
        let (attempts, seconds) = self
            .ledger
            .last()
            .map(|call| (call.attempts.len(), call.duration.as_secs_f64()))
            .unwrap_or_default();
        let hint = source.hint().map(str::to_owned);
        let error = Error::new(
            failure.kind,
            format!(
                "agent `{name}`: the model call failed after {} in {seconds:.1} s",
                counted(attempts, "attempt")
            ),
        )
        .with_source(source);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// What an answer turned out to be.
enum Verdict {
    Valid {
        answer: Value,
        fixups: Vec<String>,
    },
    Invalid {
        violations: Vec<SchemaViolation>,
        fixups: Vec<String>,
    },
    Failed(Failure),
}

struct Failure {
    kind: ErrorKind,
    message: String,
    source: Option<ProviderError>,
}

impl Failure {
    fn of(error: ProviderError) -> Self {
        let message = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self {
            kind: error.kind(),
            message,
            source: Some(error),
        }
    }
}

impl Verdict {
    fn failed(kind: ErrorKind, message: &str) -> Self {
        Self::Failed(Failure {
            kind,
            message: message.to_owned(),
            source: None,
        })
    }

    fn violations(&self) -> &[SchemaViolation] {
        match self {
            Self::Invalid { violations, .. } => violations,
            _ => &[],
        }
    }

    fn error_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Valid { .. } => None,
            Self::Invalid { .. } => Some(ErrorKind::InvalidAnswer),
            Self::Failed(failure) => Some(failure.kind),
        }
    }

    /// How the call ended, for its record.
    fn to_end(&self, response: Option<Response>, goes_on: bool) -> CallEnd {
        let mut end = CallEnd {
            response,
            goes_on,
            ..CallEnd::default()
        };
        match self {
            Self::Valid { answer, fixups } => {
                end.answer = Some(answer.clone());
                end.fixups.clone_from(fixups);
            }
            Self::Invalid { violations, fixups } => {
                end.violations.clone_from(violations);
                end.fixups.clone_from(fixups);
                end.error = Some(CallError {
                    kind: ErrorKind::InvalidAnswer,
                    message: format!(
                        "the answer does not fit its schema: {}",
                        counted(violations.len(), "error")
                    ),
                });
            }
            Self::Failed(failure) => {
                end.error = Some(CallError {
                    kind: failure.kind,
                    message: failure.message.clone(),
                });
            }
        }
        end
    }
}

/// What follows a call.
enum Next {
    Done,
    Repair,
    RaiseCap(u32),
    /// The error, where it is not the verdict's own.
    Fail(Option<Error>),
}

/// [`Next`], with what the verdict held.
enum Step {
    Done(Value),
    Repair(Vec<SchemaViolation>),
    RaiseCap(u32),
    Fail(Error),
}

impl Next {
    fn goes_on(&self) -> bool {
        matches!(self, Self::Repair | Self::RaiseCap(_))
    }

    fn with(self, verdict: Verdict, execution: &Execution<'_>) -> Step {
        match (self, verdict) {
            (Self::RaiseCap(limit), _) => Step::RaiseCap(limit),
            (Self::Fail(Some(error)), _) => Step::Fail(error),
            (_, Verdict::Valid { answer, .. }) => Step::Done(answer),
            (Self::Repair, Verdict::Invalid { violations, .. }) => Step::Repair(violations),
            (_, Verdict::Invalid { .. }) => Step::Fail(execution.invalid()),
            (_, Verdict::Failed(failure)) => Step::Fail(execution.failed(failure)),
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
