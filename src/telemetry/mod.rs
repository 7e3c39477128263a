//! What a run tells [`tracing`](https://docs.rs/tracing): one span around each job, each execution
//! of an agent and each call, named as OpenTelemetry's conventions for generative AI name them.
//!
//! ```text
//! invoke_workflow      a job's run               target duologue::run
//! └─ invoke_agent      one agent answering once  target duologue::agent
//!    ├─ chat           one call                  target duologue::call
//!    │  └─ (events)    each attempt that is made again, at level WARN
//!    └─ execute_tool   one tool call             target duologue::tool
//! ```
//!
//! All spans have level INFO and cost next to nothing while nobody listens. They are children of the
//! caller's current span, and close when the work ends, however it ends: a future that is dropped
//! leaves a span whose `error.type` is `cancelled`. Tokens and costs stand at `chat` alone, so that
//! adding up the spans of a tree counts nothing twice.
//!
//! No prompt and no answer is in any span or event, unless [`TelemetryContent::Sanitized`] asks for
//! them. [`names`] holds every name, and what it is called in a record.

mod content;
pub mod names;
mod spans;

pub(crate) use content::{input_messages, output_messages};
pub(crate) use spans::{
    AgentFacts, CallEnding, CallFacts, OpenSpan, ToolFacts, agent_span, call_span, run_span,
    tool_span,
};

/// Whether spans hold what models were told and what they answered.
///
/// ```
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::telemetry::TelemetryContent;
/// use duologue::{AgentRunner, AgentSpec};
///
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan.")]);
/// let provider = ScriptedProvider::new([Reply::text("{}")]);
/// let runner = AgentRunner::builder(provider, prompts)
///     .telemetry_content(TelemetryContent::Sanitized)
///     .build();
/// pollster::block_on(runner.run(&AgentSpec::new("planner", "planner", "gpt-5-mini"), ()))?;
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TelemetryContent {
    /// They do not.
    #[default]
    Omitted,
    /// They do, after the sanitizer: the call log's own, or the default one where the log is off or
    /// not sanitized.
    Sanitized,
}
