//! One call of an execution: what goes out, what comes back, and what is told of it.

use std::future::Future;
use std::time::Duration;

use tracing::{Instrument as _, Span};

use super::admission::Ticket;
use super::decision::{Next, Step};
use super::execution::Execution;
use super::lifecycle::Told;
use super::spans::Ending;
use super::turn::name_calls;
use super::verdict::{Decode, Decoded, Failure, Verdict, judge};
use crate::attempt::{Attempts, PartialAnswer, millis};
use crate::call_log::{CallEnd, OpenCall, Parameters, Price, Record};
use crate::chat::{Request, Response, Usage};
use crate::clock;
use crate::cost::Cost;
use crate::error::{CallReport, ErrorKind, Result};
use crate::provider::{CallContext, ProviderError, tell_whole};

impl Execution<'_> {
    /// One call, from its first record to its last; `request` becomes the next one.
    pub(super) async fn call(
        &mut self,
        request: &mut Request,
        ticket: Ticket,
        decode: &mut Decode<'_>,
    ) -> Result<Step> {
        let around = self.around;
        let call_id = format!("call_{}", around.clock.id());
        let attempts = ticket.attempts.clone();
        let started = around.clock.elapsed();
        let (told, open) = self.begin(&call_id, request, &attempts, started)?;
        let (events, number) = (self.options.events.clone(), self.ledger.calls.len() + 1);
        events.call_started(&self.id, &call_id, number, request);
        let open_span = self.open_call_span(&call_id, request);
        let span = open_span.span();

        let (mut response, mut verdict) = self
            .ask(request, &attempts, &told, span.clone(), decode)
            .await;
        let remains = response.is_none().then(|| attempts.remains()).flatten();
        let usage = usage_of(response.as_ref(), remains.as_ref());
        let cost = self.settle(ticket, request, response.as_ref(), usage);
        let duration = around.clock.elapsed().saturating_sub(started);
        let mut report = self.report(call_id, &attempts, response.as_ref(), &verdict);
        (report.usage, report.cost, report.duration) = (usage.unwrap_or_default(), cost, duration);
        let kind = report.error;
        self.ledger.calls.push(report);
        let ending = Ending {
            usage,
            cost,
            error: kind,
        };
        self.close_call_span(open_span, &attempts, response.as_ref(), ending);
        self.replay_of = attempts.replay_of();
        let next = self.decide(&verdict, response.as_ref(), request);
        self.note_refusal(&next, &mut verdict);
        if next.goes_on() && !verdict.violations().is_empty() {
            events.repaired(self.repairs, verdict.violations().len());
        }
        let kept = open.finish(|| CallEnd {
            cost,
            ..verdict.take_end(response.clone(), next.goes_on())
        });
        self.tell(&span);
        let follower = matches!(next, Next::GoOn(_)).then(|| self.next_number());
        told.end(follower, |event| {
            (event.usage, event.cost_usd) = (usage.unwrap_or_default(), cost);
            event.duration_ms = Some(millis(duration));
            event.error = self.event_error(&verdict);
        });
        self.keep_text(&next, response.as_mut(), remains);

        // Only now: the answer that the log could not keep must be in the ledger.
        let step = next.with(verdict, response, self);
        match (kept, step) {
            (Ok(()), step) => Ok(step),
            (Err(error), Step::Done(answer)) => Err(error.with_answer(answer)),
            (Err(error), _) => Err(error),
        }
    }

    /// The call's start, in the log and then told. In this order, for one that is dropped is told of
    /// when its record is there.
    fn begin(
        &self,
        call_id: &str,
        request: &Request,
        attempts: &Attempts,
        started: Duration,
    ) -> Result<(Told, OpenCall)> {
        let open = self
            .around
            .log
            .begin(attempts, || self.record(call_id, request))?
            .priced(self.price_of(request));
        let told = self.tell_call(call_id, request, attempts, started);
        Ok((told, open))
    }

    /// The number of the next call, from 1.
    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.ledger.calls.len() + 1).unwrap_or(u32::MAX)
    }

    /// Keeps what came as a text in the ledger.
    fn keep_text(
        &mut self,
        next: &Next,
        response: Option<&mut Response>,
        remains: Option<PartialAnswer>,
    ) {
        let Some(call) = self.ledger.calls.last_mut() else {
            return;
        };
        let answered = response.map(|response| match next {
            Next::RunTools => response.text.clone(),
            _ => response
                .refusal
                .take()
                .unwrap_or_else(|| std::mem::take(&mut response.text)),
        });
        call.raw_text = answered.or(remains.map(|remains| remains.text));
    }

    /// An answer that asks for tools is a failure when no call can follow.
    fn note_refusal(&mut self, next: &Next, verdict: &mut Verdict) {
        if let (Verdict::AsksForTools, Next::Fail(Some(error))) = (&*verdict, next) {
            *verdict = Verdict::failed(error.kind(), error.to_string());
            if let Some(call) = self.ledger.calls.last_mut() {
                call.error = Some(error.kind());
            }
        }
    }

    /// The provider's answer, judged.
    async fn ask(
        &self,
        request: &Request,
        attempts: &Attempts,
        told: &Told,
        span: Span,
        decode: &mut Decode<'_>,
    ) -> (Option<Response>, Verdict) {
        let context = CallContext::new(&self.spec.name)
            .with_attempts(attempts.clone())
            .with_deadline(self.deadline);
        let context = match self.options.events.listener() {
            Some(listener) => context.with_listener(listener),
            None => context,
        };
        let answer = self.around.provider.generate_json(request, &context);
        let answer = self.noting_slow_call(told, &request.model, self.guarded(answer));
        match answer.instrument(span).await {
            Ok(mut response) => {
                name_calls(&mut response.tool_calls);
                if context.streams() {
                    Box::pin(self.tell_answer(&context, &response)).await;
                }
                let mut verdict = judge(
                    &response,
                    &self.schema,
                    self.offers_tools(),
                    &mut |answer| {
                        // A conversation keeps the JSON whatever else becomes of it.
                        let conversing = self.options.conversation.is_some();
                        decode(answer)
                            .map(|decoded| if conversing { Decoded::AsIs } else { decoded })
                    },
                );
                if matches!(verdict, Verdict::AsksForTools) && self.turns >= self.spec.max_turns {
                    verdict = self.too_many_turns();
                }
                (Some(response), verdict)
            }
            Err(error) => (None, Verdict::Failed(Failure::of(error))),
        }
    }

    fn report(
        &self,
        call_id: String,
        attempts: &Attempts,
        response: Option<&Response>,
        verdict: &Verdict,
    ) -> CallReport {
        CallReport {
            call_id,
            raw_text: None,
            violations: verdict.violations().to_vec(),
            finish_reason: response.and_then(|response| response.finish_reason.clone()),
            usage: Usage::default(),
            cost: None,
            attempts: attempts.to_vec(),
            duration: Duration::ZERO,
            error: verdict.error_kind(),
            tools: Vec::new(),
            record: self.around.log.journal().map(std::path::Path::to_owned),
        }
    }

    fn tell(&self, span: &Span) {
        let Some(call) = self.ledger.last() else {
            return;
        };
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
    }

    /// An answer that came as a whole goes to who listens as one piece.
    async fn tell_answer(&self, context: &CallContext, response: &Response) {
        let attempts = context.attempts();
        if !attempts.has_partial() {
            tell_whole(context, response, Some(usize::MAX)).await;
        }
        self.options.events.answered(response, attempts);
    }

    /// What the call cost, as its budgets learn it. One of which nothing is known drops its ticket.
    fn settle(
        &self,
        ticket: Ticket,
        asked: &Request,
        response: Option<&Response>,
        usage: Option<Usage>,
    ) -> Option<Cost> {
        let usage = usage?;
        let answered = response.and_then(|response| response.model.as_deref());
        let prices = self.around.prices;
        // A fallback may have asked another model.
        let last = ticket.attempts.to_vec().pop();
        let other = last.and_then(|attempt| attempt.model);
        let asked = other.as_deref().unwrap_or(&asked.model);
        let cost = prices.cost(asked, answered, &usage);
        ticket.settle(&usage, cost);
        cost
    }

    /// What a call that is dropped has cost by its usage, where it may have any.
    fn price_of(&self, request: &Request) -> Option<Price> {
        if !self.options.events.is_on() {
            return None;
        }
        let price = *self.around.prices.price(&request.model)?;
        Some(Box::new(move |usage| price.cost(usage)))
    }

    fn record(&self, call_id: &str, request: &Request) -> Record {
        let mut record = self.record_of_next_call(request);
        call_id.clone_into(&mut record.call_id);
        record.messages.clone_from(&request.messages);
        if self.around.log.keeps_context() {
            record.context = Some(self.variables.clone());
        }
        record
    }

    /// What the record of the next call holds besides id, messages and variables.
    pub(super) fn record_of_next_call(&self, request: &Request) -> Record {
        let options = &self.options;
        let mut record = Record::default();
        record.execution_id.clone_from(&self.id);
        record.parent_call_id.clone_from(&options.parent_call_id);
        record.conversation_id = options
            .conversation
            .as_ref()
            .map(|conversation| conversation.id().to_owned());
        record.job_id.clone_from(&options.job_id);
        record.document_id.clone_from(&options.document_id);
        record.stage.clone_from(&options.stage);
        record.attempt = self.next_number();
        record.iteration = options.iteration;
        record.agent.clone_from(&self.spec.name);
        record.mode = self.spec.mode;
        self.around.provider.name().clone_into(&mut record.provider);
        record.model.clone_from(&request.model);
        record.parameters = Parameters::of(request);
        for (part, hash) in self.prompt.parts.iter().zip(&self.prompt_hashes) {
            let name = part.name.to_owned();
            record
                .templates
                .insert(name.clone(), part.template.to_string());
            record.prompt_hashes.insert(name, hash.clone());
        }
        record.streamed = options.events.is_on();
        record.schema_hash = Some(self.schema.hash.clone());
        if let Some(tools) = &self.tools {
            record.turn = Some(self.turns + 1);
            record.tools.clone_from(&tools.names);
            record.tools_hash = Some(tools.hash.clone());
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
}

/// The tokens of an answer, or of what is left of one.
fn usage_of(response: Option<&Response>, remains: Option<&PartialAnswer>) -> Option<Usage> {
    let answered = response.map(|response| response.usage);
    answered.or(remains.map(|remains| remains.usage))
}
