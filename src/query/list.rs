//! The calls of a run in one line each.

use serde::Serialize;

use super::figures::Figures;
use super::filter::Filter;
use super::read::CallLine;
use super::run::Run;
use crate::call_log::{CallStatus, Record};
use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::Result;

/// One call in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// The call's place in its run, from 1; absent where calls are [followed](super::Follow).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// The call.
    pub call_id: String,
    /// The agent.
    pub agent: String,
    /// The model asked for.
    pub model: String,
    /// How the call ended; `None` while it runs.
    pub status: Option<CallStatus>,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// From its start to its end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Tokens spent.
    pub usage: Usage,
    /// What it cost, when that is known.
    pub cost_usd: Option<Cost>,
    /// The document that it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The stage of a flow that it was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

impl Run {
    /// The calls that pass `filter`, in the order in which they started.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>> {
        let batches = self.fold(&|found: &mut Vec<Listed>, line| {
            found.extend(Figures::of(&line).ok().and_then(|call| {
                filter
                    .passes_figures(&call)
                    .then(|| Listed::of(&line, &call))
            }));
        })?;
        Ok(batches.into_iter().flatten().collect())
    }
}

impl Run {
    /// The last `count` calls, in the order in which they started.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when one of them cannot be read.
    pub fn last(&self, count: usize) -> Result<Vec<Listed>> {
        let places = self.len().saturating_sub(count)..self.len();
        let records = places.filter_map(|place| Some((place, self.record(place)?)));
        let listed = records.map(|(place, record)| {
            Ok(Listed {
                place: Some(place + 1),
                ..Listed::of_record(&record?)
            })
        });
        listed.collect()
    }
}

impl Listed {
    pub(super) fn of(line: &CallLine<'_>, call: &Figures<'_>) -> Self {
        Self {
            place: Some(line.place + 1),
            call_id: call.call_id.to_string(),
            agent: call.agent.to_string(),
            model: call.model.to_string(),
            status: call.status,
            started_at: call.started_at.to_string(),
            duration_ms: call.duration_ms,
            usage: call.usage,
            cost_usd: call.cost_usd,
            document_id: call.document_id.as_deref().map(str::to_owned),
            stage: call.stage.as_deref().map(str::to_owned),
        }
    }

    /// `record`, without a place.
    pub(super) fn of_record(record: &Record) -> Self {
        Self {
            place: None,
            call_id: record.call_id.clone(),
            agent: record.agent.clone(),
            model: record.model.clone(),
            status: record.status,
            started_at: record.started_at.clone(),
            duration_ms: record.duration_ms,
            usage: record.usage,
            cost_usd: record.cost_usd,
            document_id: record.document_id.clone(),
            stage: record.stage.clone(),
        }
    }
}
