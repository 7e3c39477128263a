//! What a request gets is decided by the number in its topic, whoever asks when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use duologue::ErrorKind;
use duologue::attempt::{OpenAttempt, WireExchange};
use duologue::chat::{FinishReason, Request, Response, Role, Usage};
use duologue::provider::openai::decode;
use duologue::provider::{CallContext, HttpAnswer, Provider, ProviderError};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How the calls about one topic go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    Answers,
    AnswersTyped,
    AnswersBothAgents,
    NeedsARepair,
    NeedsATypedRepair,
    NeverFits,
    ComesAfterRetries,
    StaysBusy,
    TimesOut,
    Refuses,
    IsCutOnce,
    IsCut,
    IsFiltered,
    RejectsTheRequest,
    IsCancelled,
    IsDropped,
}

pub(super) const HABITS: [Habit; 16] = [
    Habit::Answers,
    Habit::AnswersTyped,
    Habit::AnswersBothAgents,
    Habit::NeedsARepair,
    Habit::NeedsATypedRepair,
    Habit::NeverFits,
    Habit::ComesAfterRetries,
    Habit::StaysBusy,
    Habit::TimesOut,
    Habit::Refuses,
    Habit::IsCutOnce,
    Habit::IsCut,
    Habit::IsFiltered,
    Habit::RejectsTheRequest,
    Habit::IsCancelled,
    Habit::IsDropped,
];

pub(super) fn habit(number: usize) -> Habit {
    HABITS[number % HABITS.len()]
}

/// The model; clones share the switches.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    cancels: Arc<Mutex<HashMap<usize, CancellationToken>>>,
    hangs: Arc<Mutex<HashMap<usize, Arc<Notify>>>>,
}

impl Model {
    /// The token that the call about topic `number` cancels.
    pub(super) fn cancel(&self, number: usize) -> CancellationToken {
        let mut cancels = self.cancels.lock().unwrap();
        cancels.entry(number).or_default().clone()
    }

    /// Told when the call about topic `number` is under way.
    pub(super) fn hangs(&self, number: usize) -> Arc<Notify> {
        let mut hangs = self.hangs.lock().unwrap();
        hangs.entry(number).or_default().clone()
    }

    async fn answer(
        &self,
        request: &Request,
        call: &CallContext,
        tries: usize,
    ) -> Result<Response, ProviderError> {
        let number = number_of(request);
        let is_repair = request
            .messages
            .iter()
            .any(|message| message.role == Role::Assistant);
        let good = json!({"title": format!("{number} by {}", call.agent()), "steps": ["one"]});
        match habit(number) {
            Habit::Answers => Ok(with_extras(number, &good)),
            Habit::AnswersTyped | Habit::AnswersBothAgents => Ok(said(&good.to_string())),
            Habit::NeedsARepair | Habit::NeedsATypedRepair if is_repair => {
                Ok(said(&format!("```json\n{good}\n```")))
            }
            Habit::NeedsARepair => Ok(said("I would rather not use JSON")),
            Habit::NeedsATypedRepair => Ok(said(r#"{"title": 7, "steps": "none"}"#)),
            Habit::NeverFits => Ok(said(&format!(
                "still no JSON{}",
                ".".repeat(request.messages.len() + tries)
            ))),
            Habit::ComesAfterRetries => match tries {
                0 => over_http(503, ""),
                1 => over_http(
                    429,
                    r#"{"error": {"message": "slow down", "code": "rate_limit"}}"#,
                ),
                _ => Ok(said(&good.to_string())),
            },
            Habit::StaysBusy => over_http(429, r#"{"error": {"message": "slow down"}}"#),
            Habit::TimesOut => Err(ProviderError::new(ErrorKind::Timeout, "no answer in 1 s")
                .with_hint("ask somebody else")
                .with_source(std::io::Error::other(std::io::Error::from_raw_os_error(
                    110,
                )))),
            Habit::Refuses => {
                let mut response = said("");
                response.refusal = Some("I cannot help with that".into());
                Ok(response)
            }
            Habit::IsCutOnce if request.max_output_tokens == Some(500) => {
                Ok(said(&good.to_string()))
            }
            Habit::IsCutOnce | Habit::IsCut => {
                Ok(said(r#"{"title": "half"#).with_finish_reason(FinishReason::Length))
            }
            Habit::IsFiltered => Ok(said("").with_finish_reason(FinishReason::ContentFilter)),
            Habit::RejectsTheRequest => over_http(
                400,
                r#"{"error": {"message": "unknown parameter", "type": "invalid_request_error"}}"#,
            ),
            Habit::IsCancelled => {
                self.cancel(number).cancel();
                std::future::pending().await
            }
            Habit::IsDropped => {
                self.hangs(number).notify_one();
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl Provider for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let tries = call.attempts().len();
        let attempt = call.attempts().open();
        attempt.exchange(WireExchange::default);
        let result = self.answer(request, call, tries).await;
        end(attempt, &result, tries);
        result
    }
}

fn end(attempt: OpenAttempt, result: &Result<Response, ProviderError>, tries: usize) {
    match result {
        Ok(_) => attempt.headers(200, Some(format!("req_{tries}"))),
        Err(error) => {
            if let Some(status) = error.status() {
                attempt.headers(status, Some(format!("req_{tries}")));
            }
        }
    }
    attempt.close(result.as_ref().err().map(ProviderError::kind));
}

fn number_of(request: &Request) -> usize {
    let user = request
        .messages
        .iter()
        .find(|message| message.role == Role::User);
    let digits = user.unwrap().content.trim_start_matches("Topic: ");
    digits.trim_end_matches('.').parse().unwrap()
}

fn said(text: &str) -> Response {
    let mut response = Response::text(text)
        .with_usage(Usage::new(100, text.len() as u64))
        .with_finish_reason(FinishReason::Stop);
    response.model = Some("gpt-5-mini-2025".into());
    response.id = Some("chatcmpl-1".into());
    response
}

fn with_extras(number: usize, answer: &Value) -> Response {
    let mut response = said(&format!("Here you are: {answer}"));
    response.reasoning = Some("first this, then that".into());
    response.usage.cached_tokens = Some(7);
    let data = json!({
        "system_fingerprint": format!("fp_{number}"),
        "reasoning_details": [{"type": "reasoning.encrypted", "data": SEALED, "index": 0}],
    });
    response.provider_data = serde_json::from_value(data).unwrap();
    response
}

/// What looks like a key and is a server's own business.
pub(super) const SEALED: &str = "sk-proj-Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6";

fn over_http(status: u16, body: &str) -> Result<Response, ProviderError> {
    let answer = HttpAnswer {
        status,
        headers: &(),
        body: body.as_bytes(),
    };
    decode(&answer, "gpt-5-mini")
}
