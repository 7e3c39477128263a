//! Agents with tools.

/// A process that dies while a tool runs.
pub(crate) mod crash;

/// What ends a run whose tools run: cancellation, deadline, budget, a fatal tool.
mod ends;

/// Functions as tools in the blocking runner, which call the blocking runner again.
mod faces;

/// What a model is told when a tool call gives no result.
mod failures;

/// What stands in the journal, at each level, and who shows it.
mod records;

/// Replays of runs with tools: nothing is done.
mod replays;

/// Turns: what goes out, what comes back, and how many of them there are.
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duologue::call_log::{MemoryCallLogger, ToolRecord};
use duologue::chat::{Message, Request, Role};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::{FunctionTool, ToolError, ToolSet, ToolSetBuilder};
use duologue::{AgentRunner, AgentSpec, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{CheckedMemory, plan, planner, prompts, quick, topic};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The harbour's name.
    harbour: String,
}

/// `tides`, which fails in `Atlantis` and counts its calls.
fn tides(called: &Arc<AtomicUsize>) -> FunctionTool {
    let called = called.clone();
    FunctionTool::new(
        "tides",
        "Says when the tide is high.",
        move |place: Place| {
            called.fetch_add(1, Ordering::SeqCst);
            async move {
                match &*place.harbour {
                    "Atlantis" => Err(ToolError::new("no such harbour: it sank")),
                    harbour => Ok(format!("06:12 in {harbour}")),
                }
            }
        },
    )
}

/// A tool without arguments that does `work`.
fn tool<F>(name: &str, work: impl Fn() -> F + Send + Sync + 'static) -> FunctionTool
where
    F: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    FunctionTool::new(name, "Does it.", move |_: Nothing| work())
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// The planner with all tools.
fn agent() -> AgentSpec {
    planner().with_tools(["*"])
}

/// A runner with tools over a script, with its records in memory.
struct Harbour {
    runner: AgentRunner,
    script: ScriptedProvider,
    memory: MemoryCallLogger,
    called: Arc<AtomicUsize>,
    _checked: CheckedMemory,
}

impl Harbour {
    /// With the tool `tides` alone.
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(|set| set, replies)
    }

    /// With the tool `tides`, and what `more` adds.
    fn with(
        more: impl FnOnce(ToolSetBuilder) -> ToolSetBuilder,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let script = ScriptedProvider::new(replies);
        let memory = MemoryCallLogger::new();
        let called = Arc::new(AtomicUsize::new(0));
        let set = more(ToolSet::builder().tool(tides(&called)));
        let runner = AgentRunner::builder(script.clone(), prompts())
            .logger(memory.clone())
            .retry(quick())
            .tools(set.build().unwrap())
            .build();
        Self {
            runner,
            script,
            _checked: CheckedMemory(memory.clone()),
            memory,
            called,
        }
    }

    fn run(&self) -> duologue::Result<Outcome<Value>> {
        pollster::block_on(self.runner.run(&agent(), topic()))
    }

    fn called(&self) -> usize {
        self.called.load(Ordering::SeqCst)
    }

    fn tools(&self) -> Vec<ToolRecord> {
        self.memory.tool_calls()
    }

    /// The results that the call after the first turn told the model.
    fn results(&self) -> Vec<Message> {
        results(&self.script.requests()[1])
    }
}

fn results(request: &Request) -> Vec<Message> {
    let messages = request.messages.iter();
    let tools = messages.filter(|message| message.role == Role::Tool);
    tools.cloned().collect()
}

fn ask_tides(harbour: &str) -> Reply {
    Reply::tool_call("tides", json!({"harbour": harbour}))
}

fn answer() -> Reply {
    Reply::json(plan())
}

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(600);
