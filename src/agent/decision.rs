//! What follows a call: the answer, a repair, another try, or an error.

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::execution::Execution;
use super::verdict::{Failure, Verdict};
use crate::chat::Response;
use crate::error::{Error, ErrorKind, Result, SchemaViolation};
use crate::text::counted;

/// What follows a call.
pub(super) enum Next {
    Done,
    Repair,
    RaiseCap(u32),
    /// The error, where it is not the verdict's own.
    Fail(Option<Error>),
}

/// [`Next`], with what the verdict held.
pub(super) enum Step {
    Done(Value),
    Repair(Vec<SchemaViolation>),
    RaiseCap(u32),
    Fail(Error),
}

impl Next {
    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::Repair | Self::RaiseCap(_))
    }

    pub(super) fn with(self, verdict: Verdict, execution: &Execution<'_>) -> Step {
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

impl Execution<'_> {
    /// What follows; `self.ledger` already holds the call.
    pub(super) fn decide(&mut self, verdict: &Verdict, response: Option<&Response>) -> Next {
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
                    .filter(|call| call.error == Some(ErrorKind::InvalidAnswer))
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
    pub(super) fn may_call(&self) -> Result<()> {
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
