//! What follows a call: the answer, a repair, another try, or an error.

use serde_json::Value;

use super::admission::Ticket;
use super::execution::Execution;
use super::repair;
use super::verdict::{Failure, Verdict};
use crate::chat::{Request, Response};
use crate::error::{Error, ErrorKind};
use crate::text::counted;

/// What follows a call.
pub(super) enum Next {
    Done,
    /// Another call: a repair, or one with a higher cap.
    GoOn(Ticket),
    /// The tools that were asked for, and then another call.
    RunTools,
    /// The error, where it is not the verdict's own.
    Fail(Option<Error>),
}

/// [`Next`], with what the verdict held.
pub(super) enum Step {
    Done(Value),
    GoOn(Ticket),
    RunTools(Box<Response>),
    Fail(Error),
}

impl Next {
    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::GoOn(_) | Self::RunTools)
    }

    pub(super) fn with(
        self,
        verdict: Verdict,
        response: Option<Response>,
        execution: &Execution<'_>,
    ) -> Step {
        match (self, verdict) {
            (Self::RunTools, _) => Step::RunTools(Box::new(response.unwrap_or_default())),
            (Self::GoOn(ticket), _) => Step::GoOn(ticket),
            (Self::Fail(Some(error)), _) => Step::Fail(error),
            (_, Verdict::Valid { answer, .. }) => Step::Done(answer),
            (_, Verdict::Invalid { .. } | Verdict::AsksForTools) => Step::Fail(execution.invalid()),
            (_, Verdict::Failed(failure)) => Step::Fail(execution.failed(failure)),
        }
    }
}

impl Execution<'_> {
    /// What follows; `self.ledger` already holds the call. `request` becomes the next one.
    pub(super) fn decide(
        &mut self,
        verdict: &Verdict,
        response: Option<&Response>,
        request: &mut Request,
    ) -> Next {
        match verdict {
            Verdict::Valid { .. } => Next::Done,
            Verdict::Failed(failure)
                if failure.kind == ErrorKind::Truncated && !self.cap_raised =>
            {
                let Some(limit) = self.spec.max_output_tokens_on_truncation else {
                    return Next::Fail(None);
                };
                self.cap_raised = true;
                request.max_output_tokens = Some(limit);
                self.go_on(request)
            }
            Verdict::Failed(_) => Next::Fail(None),
            // Nothing is done for a call that could not be made any more.
            Verdict::AsksForTools => match self.admit(request) {
                Ok(_) => Next::RunTools,
                Err(error) => Next::Fail(Some(error)),
            },
            Verdict::Invalid { violations, .. } => {
                let text = response.map(|response| response.text.as_str());
                let before = self
                    .ledger
                    .calls
                    .iter()
                    .rev()
                    .nth(1)
                    .filter(|call| call.error == Some(ErrorKind::InvalidAnswer))
                    .and_then(|call| call.raw_text.as_deref());
                if self.repairs >= self.spec.max_schema_repair_attempts
                    || (before.is_some() && text == before)
                {
                    return Next::Fail(None);
                }
                request.messages.truncate(self.dialogue);
                let bad_answer = text.unwrap_or_default();
                request
                    .messages
                    .extend(repair::messages(bad_answer, violations));
                let next = self.go_on(request);
                self.repairs += u32::from(next.goes_on());
                next
            }
        }
    }

    fn go_on(&self, request: &Request) -> Next {
        match self.admit(request) {
            Ok(ticket) => Next::GoOn(ticket),
            Err(error) => Next::Fail(Some(error)),
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
            .map(|violation| self.schema.known_part(&violation.pointer))
        {
            Some(pointer) if !pointer.is_empty() => format!("the first at `{pointer}`"),
            _ => "in the answer as a whole".to_owned(),
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
        let what = match attempts {
            0 => format!("agent `{name}`: the model was not asked"),
            _ => format!(
                "agent `{name}`: the model call failed after {} in {seconds:.1} s",
                counted(attempts, "attempt")
            ),
        };
        let error = Error::new(failure.kind, what).with_source(source);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
