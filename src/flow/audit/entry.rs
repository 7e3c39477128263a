//! One entry of a run's history.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AuditedRun;
use crate::call_log::{Redactions, Sanitizer};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::control::RunState;
use crate::flow::envelope::Envelope;
use crate::lifecycle::{EventError, Phase};
use crate::text::clip;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// The run.
    pub run_id: String,
    /// Its flow.
    pub flow: String,
    /// The attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// What.
    #[serde(flatten)]
    pub what: Audited,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audited {
    /// The run's state changed.
    State(StateChange),
    /// The flow gave this.
    Envelope {
        /// What it gave.
        envelope: Box<Envelope>,
    },
    /// A step began or ended.
    Trace(TraceEvent),
}

/// A run's new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateChange {
    /// The state.
    pub state: RunState,
    /// What went wrong, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
    /// Whether the state ends with this process: when it dies, the run is
    /// [interrupted](RunState::Interrupted).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_with_process: bool,
}

/// One step of a flow, or a remark that the flow made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceEvent {
    /// The step.
    pub name: String,
    /// What happened to it.
    pub phase: Phase,
    /// From its start until now, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
    /// What the flow wants to be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

impl TraceEvent {
    pub(crate) fn new(name: &str, phase: Phase) -> Self {
        Self {
            name: name.to_owned(),
            phase,
            duration_ms: None,
            error: None,
            detail: None,
        }
    }

    pub(crate) fn sanitize(&mut self, sanitizer: &Sanitizer) {
        self.name = clean_name(&self.name, sanitizer);
        clean_error(self.error.as_mut(), sanitizer);
        if let Some(detail) = &mut self.detail {
            sanitizer.redact_value(detail, &mut Redactions::default());
        }
    }
}

/// Longest name of a flow or step, in characters, that is kept.
const MAX_NAME: usize = 200;

/// A name of a flow or step as it is kept: it may come from outside, and be of any length.
pub(crate) fn clean_name(name: &str, sanitizer: &Sanitizer) -> String {
    clip(&sanitizer.clean(name), MAX_NAME)
}

impl AuditEntry {
    /// Takes secrets and personal data out of envelopes, details, errors and names, and cuts names off at
    /// 200 characters; the run's id stays as it is. Hashes stay, so a row that held some no longer fits its
    /// own.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when an envelope cannot be written as JSON; it is as it was then.
    pub fn sanitize(&mut self, sanitizer: &Sanitizer) -> Result<()> {
        let mut counts = Redactions::default();
        self.flow = clean_name(&self.flow, sanitizer);
        match &mut self.what {
            Audited::State(change) => clean_error(change.error.as_mut(), sanitizer),
            Audited::Trace(trace) => trace.sanitize(sanitizer),
            Audited::Envelope { envelope } => {
                let mut value = serde_json::to_value(&**envelope).map_err(not_sanitized)?;
                sanitizer.redact_value(&mut value, &mut counts);
                **envelope = serde_json::from_value(value).map_err(not_sanitized)?;
            }
        }
        Ok(())
    }

    /// Changes `run` as this entry says; a final state stays, and so does what a later attempt did.
    pub(super) fn apply_to(&self, run: &mut AuditedRun) {
        let Audited::State(change) = &self.what else {
            return;
        };
        if run.may_take(change.state, self.attempt) {
            run.state = change.state;
            run.attempt = self.attempt;
            run.changed_at.clone_from(&self.time);
            run.error.clone_from(&change.error);
        }
    }
}

fn clean_error(error: Option<&mut EventError>, sanitizer: &Sanitizer) {
    if let Some(error) = error {
        error.message = sanitizer.clean(&error.message);
    }
}

fn not_sanitized(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "an envelope cannot be sanitized").with_source(error)
}
