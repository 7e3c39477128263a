//! One event: what it is about, what happened to it, and what is known of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::cost::Cost;
use crate::failure::ErrorKind;

/// What an event is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// Everything under one run id.
    Run,
    /// One item of a pipeline.
    Document,
    /// One stage working on one document, or one round of a review loop.
    Stage,
    /// One request for an answer to a model, transport attempts inside.
    Call,
    /// One call of a tool.
    Tool,
    /// A word that this version does not know: a newer one told the event. Never told.
    #[schemars(skip)]
    Unknown,
}

impl Subject {
    /// The word that stands in events: `run`, `document`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Document => "document",
            Self::Stage => "stage",
            Self::Call => "call",
            Self::Tool => "tool",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the journal keeps its events: calls and tools have their records.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self, Self::Run | Self::Document | Self::Stage)
    }
}

/// What happened to it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// It began.
    Started,
    /// It goes on, and has taken longer than it should.
    Slow,
    /// It failed, or was sent back, and is tried again.
    Retried,
    /// It ended as it should.
    Finished,
    /// It ended otherwise.
    Failed,
    /// A word that this version does not know: a newer one told the event. Never told.
    #[schemars(skip)]
    Unknown,
}

impl Phase {
    /// The word that stands in events: `started`, `slow`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Slow => "slow",
            Self::Retried => "retried",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that happened in a run. What does not apply is absent.
///
/// There is never a prompt, an answer or a key in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LifecycleEvent {
    /// What it is about.
    pub subject: Subject,
    /// What happened to it.
    pub phase: Phase,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The run.
    pub run_id: String,
    /// The flow that the run runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The call; for a tool, the call whose answer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Which try this is, from 1: of a document at a stage; of a call in its execution; of a request on
    /// the wire, where a call is retried, or of the call that follows, where it is repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How many documents the run has, where that is known before they are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u64>,
    /// From its start until now, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Tokens that it took.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// What that cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Whether an earlier process of the run had done it: nothing was asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
}

/// What went wrong, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventError {
    /// The failure's kind.
    pub kind: ErrorKind,
    /// One line about it, sanitized; empty in journals of level `minimal`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl LifecycleEvent {
    /// An event of which nothing more is known; whoever [tells](super::Lifecycle::tell) it gives the time.
    pub fn new(subject: Subject, phase: Phase, run_id: impl Into<String>) -> Self {
        Self {
            subject,
            phase,
            time: String::new(),
            run_id: run_id.into(),
            flow: None,
            document_id: None,
            stage: None,
            agent: None,
            call_id: None,
            model: None,
            tool: None,
            attempt: None,
            documents: None,
            duration_ms: None,
            usage: Usage::default(),
            cost_usd: None,
            resumed: false,
            error: None,
        }
    }

    /// Passes every text that may come from outside through `clean`.
    pub(crate) fn clean_by(&mut self, clean: &dyn Fn(&str) -> String) {
        let ids = [
            &mut self.flow,
            &mut self.document_id,
            &mut self.stage,
            &mut self.agent,
            &mut self.model,
            &mut self.tool,
        ];
        let error = self.error.iter_mut().map(|error| &mut error.message);
        let texts = ids.into_iter().flatten().chain(error);
        for text in texts.chain([&mut self.run_id]) {
            *text = clean(text);
        }
    }
}
