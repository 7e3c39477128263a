//! One document of a run, for `duologue logs show --document`.

use serde::Serialize;

use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::{EventError, LifecycleEvent, Phase, Subject};
use crate::query::{Filter, Listed, Run};

/// A document: what happened to it, and the calls that were made for it.
#[derive(Serialize)]
pub(super) struct ShownDocument {
    document_id: String,
    events: Vec<ShownEvent>,
    calls: Vec<Listed>,
}

/// An event without what is the same in all of them.
#[derive(Serialize)]
struct ShownEvent {
    time: String,
    subject: Subject,
    phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Usage::is_unknown")]
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Cost>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<EventError>,
}

impl ShownDocument {
    /// The document `id` of `run`.
    pub(super) fn of(run: &Run, id: &str) -> Result<Self> {
        let events = run.happened_to(id)?;
        let mut calls = run.list(&Filter::default().document(id))?;
        if events.is_empty() && calls.is_empty() {
            let directory = run.directory().display();
            let what = format!("no document `{id}` in `{directory}`");
            return Err(Error::new(ErrorKind::Config, what).with_hint(format!(
                "`duologue logs ls {directory} --json` shows the `document_id` of each call"
            )));
        }
        for call in &mut calls {
            call.document_id = None;
        }
        Ok(Self {
            document_id: id.to_owned(),
            events: events.into_iter().map(ShownEvent::of).collect(),
            calls,
        })
    }
}

impl ShownEvent {
    fn of(event: LifecycleEvent) -> Self {
        Self {
            time: event.time,
            subject: event.subject,
            phase: event.phase,
            stage: event.stage,
            agent: event.agent,
            attempt: event.attempt,
            duration_ms: event.duration_ms,
            usage: event.usage,
            cost_usd: event.cost_usd,
            resumed: event.resumed,
            error: event.error,
        }
    }
}
