//! The review loop: rounds, checks, verdicts, ends, records, events.

/// Functions, schemas and rules that look at drafts.
mod checks;
/// Why a loop ends, and what is kept.
mod ends;
/// Over HTTP, against a server that was not written here.
#[cfg(feature = "http")]
mod http;
/// `review` in a job file, by the library and by the command.
#[cfg(feature = "cli")]
mod jobs;
/// What planner and judge are asked, and what stands in records and events.
mod rounds;
/// Settings and packs that cannot work, found before the first request.
mod settings;

use duologue::call_log::MemoryCallLogger;
use duologue::flow::review::{ReviewLoop, ReviewLoopBuilder, ReviewOutcome};
use duologue::lifecycle::Lifecycle;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error};
use serde_json::{Value, json};

use crate::support::{CheckedMemory, quick};

/// Packs that show every variable of the loop.
const PACKS: [(&str, &str); 6] = [
    ("planner/system.tera", "Plan."),
    ("planner/user.tera", "First: {{ topic }}"),
    (
        "planner/user_refinement.tera",
        "Round {{ iteration }} of {{ topic }}\nfeedback: {{ feedback }}\nrequest: {{ revision_request }}\nkeep: {{ preserve_elements }}\ndraft: {{ draft.title }}\nissues: {{ issues | length }}",
    ),
    (
        "judge/system.tera",
        "Judge from {{ approve_at }}, {{ soft_fail_at }}.",
    ),
    (
        "judge/user.tera",
        "Round {{ iteration }} of {{ topic }}\ndraft: {{ draft.title }}{% for issue in issues %}\n{{ issue.severity }} {{ issue.message }}{% endfor %}",
    ),
    ("blind/system.tera", "Judge the topic {{ topic }}."),
];

/// A planner of plans with a title and steps.
fn planner() -> AgentSpec {
    AgentSpec::new("planner", "planner", "gpt-5-mini").with_response_schema(json!({
        "type": "object",
        "properties": {"title": {"type": "string"}, "steps": {"type": "array"}},
        "required": ["title"],
    }))
}

fn judge() -> AgentSpec {
    AgentSpec::new("judge", "judge", "gpt-5")
}

fn review() -> ReviewLoopBuilder {
    ReviewLoop::builder(planner(), judge())
}

fn plan(title: &str) -> Value {
    json!({"title": title, "steps": ["one", "two"]})
}

/// The planner's next draft, for 30 tokens.
fn draft(title: &str) -> Reply {
    Reply::json(plan(title)).agent("planner").usage(20, 10)
}

/// The judge's next score, for 50 tokens.
fn score(score: f64) -> Reply {
    verdict(json!({"score": score, "feedback": format!("worth {score}")}))
}

fn verdict(answer: Value) -> Reply {
    Reply::json(answer).agent("judge").usage(40, 10)
}

/// A runner over a script, with records in memory.
struct Stage {
    runner: AgentRunner,
    script: ScriptedProvider,
    memory: MemoryCallLogger,
    _checked: CheckedMemory,
}

impl Stage {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::told(replies, Lifecycle::off())
    }

    fn told(replies: impl IntoIterator<Item = Reply>, lifecycle: Lifecycle) -> Self {
        let script = ScriptedProvider::new(replies);
        let memory = MemoryCallLogger::new();
        let runner = AgentRunner::builder(script.clone(), PromptLibrary::in_memory(PACKS))
            .logger(memory.clone())
            .retry(quick())
            .lifecycle(lifecycle)
            .build();
        Self {
            runner,
            script,
            _checked: CheckedMemory(memory.clone()),
            memory,
        }
    }

    fn run(&self, review: &ReviewLoop) -> Result<ReviewOutcome, Error> {
        pollster::block_on(review.run(&self.runner, json!({"topic": "tides"})))
    }

    /// The last messages of all requests, in their order.
    fn asked(&self) -> Vec<String> {
        let requests = self.script.requests().into_iter();
        requests
            .map(|request| request.messages.last().unwrap().content.clone())
            .collect()
    }
}

/// What `work` gives with a runner over these packs and those of [`PACKS`].
fn with_packs<T>(packs: &[(&str, &str)], work: impl FnOnce(&AgentRunner) -> T) -> T {
    let prompts = PromptLibrary::in_memory(PACKS.into_iter().chain(packs.iter().copied()));
    work(&AgentRunner::new(ScriptedProvider::new([]), prompts))
}
