//! The few fields of a record that totals, lists and filters need; prompts and answers are skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::read::CallLine;
use super::run::State;
use crate::call_log::{CallError, CallStatus, ErrorLine, Record};
use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::ErrorKind;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures<'a> {
    #[serde(borrow)]
    pub(super) call_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) agent: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) model: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) started_at: Cow<'a, str>,
    pub(super) iteration: u32,
    pub(super) duration_ms: Option<u64>,
    pub(super) first_byte_ms: Option<u64>,
    pub(super) limiter_wait_ms: Option<u64>,
    pub(super) backoff_ms: Option<u64>,
    pub(super) status: Option<CallStatus>,
    pub(super) ends_execution: Option<bool>,
    pub(super) usage: Usage,
    pub(super) cost_usd: Option<Cost>,
    pub(super) error: Option<CallError>,
    pub(super) attempts: Count,
    /// The tools that the model could call.
    tools: Count,
    replay_of: Option<Cow<'a, str>>,
    pub(super) document_id: Option<Cow<'a, str>>,
    pub(super) stage: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: Figures<'a>,
}

impl<'a> Figures<'a> {
    /// Those of a call's line, or why they cannot be read.
    pub(super) fn of(line: &CallLine<'a>) -> Result<Self, String> {
        let mut figures = match serde_json::from_slice::<Line<'a>>(line.bytes) {
            Ok(read) => read.record,
            // A newer version wrote it: the words that this one does not know are left out.
            Err(_) => Self::of_record(line.record()?),
        };
        if line.state == State::Interrupted {
            figures.status = Some(CallStatus::Interrupted);
            figures.ends_execution = Some(true);
            figures.error = Some(CallError {
                kind: ErrorKind::Cancelled,
                message: crate::call_log::INTERRUPTED.to_owned(),
                hint: None,
            });
        }
        Ok(figures)
    }

    fn of_record(record: Record) -> Self {
        Self {
            call_id: record.call_id.into(),
            agent: record.agent.into(),
            model: record.model.into(),
            started_at: record.started_at.into(),
            iteration: record.iteration,
            duration_ms: record.duration_ms,
            first_byte_ms: record.first_byte_ms,
            limiter_wait_ms: record.limiter_wait_ms,
            backoff_ms: record.backoff_ms,
            status: record.status,
            ends_execution: record.ends_execution,
            usage: record.usage,
            cost_usd: record.cost_usd,
            error: record.error,
            attempts: Count(record.attempts.len() as u64),
            tools: Count(record.tools.len() as u64),
            replay_of: record.replay_of.map(Cow::from),
            document_id: record.document_id.map(Cow::from),
            stage: record.stage.map(Cow::from),
        }
    }

    /// Whether the model could call tools.
    pub(super) fn has_tools(&self) -> bool {
        self.tools.0 > 0
    }

    /// Whether a record answered the call.
    pub(super) fn is_replayed(&self) -> bool {
        self.replay_of.is_some()
    }

    /// The error that ended an execution.
    pub(super) fn into_error(self) -> Option<ErrorLine> {
        let error = self.error.filter(|_| self.ends_execution != Some(false))?;
        Some(ErrorLine {
            call_id: self.call_id.into_owned(),
            agent: self.agent.into_owned(),
            kind: error.kind,
            message: error.message,
        })
    }
}

/// How many items a list has, whatever they are.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counter)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        let mut count = Count(0);
        while items.next_element::<IgnoredAny>()?.is_some() {
            count.0 += 1;
        }
        Ok(count)
    }
}
