//! What surrounds one call of a tool.

use tokio::time::Instant;

/// Who calls a tool, and until when.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ToolContext {
    /// The agent whose model asked.
    pub agent: String,
    /// The run.
    pub run_id: String,
    /// The LLM call whose answer asked; runs that the tool starts name it as their
    /// [parent](crate::agent::RunOptions::parent_call).
    pub call_id: String,
    /// The provider's id of the tool call.
    pub tool_call_id: String,
    /// When the run must be over.
    pub deadline: Option<Instant>,
    /// Which tool call of the answer it is, from 0.
    pub(crate) index: u32,
    /// The recorded call whose answer asked, where a record answered.
    pub(crate) replay_of: Option<String>,
}
