//! What a run of a pipeline leaves.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::cost::Cost;
use crate::failure::ErrorKind;

/// How a whole run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PipelineStatus {
    /// Every document became what it should.
    Succeeded,
    /// None did.
    Failed,
    /// Some did.
    Partial,
    /// It was cancelled; it can be resumed.
    Cancelled,
    /// It stopped because nothing could be written any more, or because a budget of the run or of its
    /// runner was used up; it can be resumed.
    Paused,
}

/// How many documents there were, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct DocumentTotals {
    /// Documents that were begun.
    pub begun: u64,
    /// Those that went through all their stages.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were under way when the run was cancelled or paused.
    pub interrupted: u64,
    /// Items of the source without a text.
    pub skipped: u64,
    /// Of those that succeeded: done by an earlier process of the run.
    pub resumed: u64,
}

/// What one stage did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct StageTotals {
    /// The stage.
    pub stage: String,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How often it worked on a document.
    pub visits: u64,
    /// How often its result came from an earlier process of the run.
    pub resumed: u64,
    /// How often it failed.
    pub failed: u64,
    /// How often it sent a document back.
    pub sent_back: u64,
    /// Calls that it made.
    pub calls: u64,
    /// Tokens that it took.
    pub usage: Usage,
    /// What they cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Time that it took, all documents together, in milliseconds.
    pub duration_ms: u64,
}

/// One document that failed: a line of `failures.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DocumentFailure {
    /// The document.
    pub document_id: String,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The stage that it failed at; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The failure's kind.
    pub kind: ErrorKind,
    /// What happened, sanitized.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// Its last draft, as a path in the run's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<String>,
}

/// What a run of a pipeline leaves: `pipeline.json` in its directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PipelineReport {
    /// `duologue.pipeline/1`: name and version of this format.
    pub schema: String,
    /// The run.
    pub run_id: String,
    /// The pipeline.
    pub pipeline: String,
    /// How it went.
    pub status: PipelineStatus,
    /// Why it [paused](PipelineStatus::Paused): a budget, the log, the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<ErrorKind>,
    /// The run's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Where the artifacts are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<PathBuf>,
    /// What became of the documents.
    pub documents: DocumentTotals,
    /// What the stages did, in their order.
    pub stages: Vec<StageTotals>,
    /// The first hundred failures; all of them are in `failures.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<DocumentFailure>,
    /// Calls of this process.
    pub calls: u64,
    /// Tokens of this process.
    pub usage: Usage,
    /// What they cost, in US dollars; absent when no cost is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Cost>,
    /// Calls whose cost is not known; `cost_usd` lacks theirs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_without_cost: u64,
    /// From the start to the end, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong besides the documents: the log, the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What is worth knowing and no failure: files that [`clean`](super::PipelineOptions::clean) left, because
    /// somebody changed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl PipelineReport {
    /// Name and version of the format.
    pub const SCHEMA: &str = "duologue.pipeline/1";
}
