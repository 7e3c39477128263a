//! What stages gave, kept so that nothing is paid twice.
//!
//! `stages.jsonl` is append-only: a line is one result, written with one `write(2)` and sealed with its
//! CRC like the lines of a journal, and the last line about a step holds. Only where each result lies
//! stays in memory. One process at a time has it; a second one is told who that is. Unlike the call
//! log it is not sanitized: a resumption goes on with the answers as they were. Nobody but the owner
//! can read it (0600).

mod contents;
mod file;
mod index;
mod line;
mod reserve;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::Usage;
use crate::cost::Cost;
pub(crate) use file::StageStore;

/// Which piece of work of a run: a document at a stage, for the so-and-so-many-th time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) document_id: String,
    pub(crate) stage: String,
    /// How often the document has been at the stage, from 1.
    pub(crate) visit: u32,
}

/// What decides whether a result still holds; hashes, but for the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) prompt: String,
    pub(crate) schema: String,
    pub(crate) model: String,
    pub(crate) parameters: String,
    /// Of the document's text and fields.
    pub(crate) input: String,
}

/// What a stage gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageResult {
    pub(crate) answer: Value,
    #[serde(default)]
    pub(crate) usage: Usage,
    #[serde(default)]
    pub(crate) cost_usd: Option<Cost>,
    #[serde(default)]
    pub(crate) duration_ms: u64,
    /// How many calls it took.
    #[serde(default)]
    pub(crate) calls: u64,
}
