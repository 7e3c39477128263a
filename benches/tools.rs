//! What a turn of tools costs: one run of two calls with a tool between them, beside two runs of one
//! call each, with the same log and no network.
//!
//! `tools exactly MODE RUNS` makes just so many of them, for counting instructions; see
//! `benches/instructions`.

mod common;

use std::path::Path;

use async_trait::async_trait;
use common::Result;
use common::answer::{ANSWER, Plan, topic};
use common::work::{log, prompts, spec};
use criterion::Criterion;
use duologue::call_log::{CallLog, Views};
use duologue::chat::{Request, Response, Role, ToolCall, Usage};
use duologue::provider::{CallContext, Provider, ProviderError};
use duologue::tool::{FunctionTool, ToolError, ToolSet};
use duologue::{AgentRunner, AgentSpec};
use schemars::JsonSchema;
use serde::Deserialize;

/// Asks for the tool where it may and has not yet, then answers.
#[derive(Debug)]
struct Model;

#[async_trait]
impl Provider for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> std::result::Result<Response, ProviderError> {
        call.attempts().open().close(None);
        let last = request.messages.last().map(|message| message.role);
        let answer = if request.tools.is_empty() || last == Some(Role::Tool) {
            Response::text(ANSWER)
        } else {
            let arguments = serde_json::json!({"harbour": "Dover"});
            Response::text("").with_tool_calls([ToolCall::new("t1", "tides", arguments)])
        };
        Ok(answer.with_usage(Usage::new(318, 172)))
    }
}

#[derive(Deserialize, JsonSchema)]
struct Place {
    harbour: String,
}

fn tides() -> FunctionTool {
    let high = |place: Place| async move { Ok::<_, ToolError>(place.harbour) };
    FunctionTool::new("tides", "Says when the tide is high.", high)
}

/// What is compared.
struct Caller {
    runner: AgentRunner,
    spec: AgentSpec,
    /// Runs to two calls.
    runs: usize,
}

impl Caller {
    fn new(mode: &str, folder: &Path) -> Result<Self> {
        let (work, on) = mode.split_once('-').unwrap_or((mode, "off"));
        let log = match on {
            "journal" => log(folder, Views::None)?,
            "yaml" => log(folder, Views::All)?,
            _ => CallLog::off(),
        };
        let runner = AgentRunner::builder(Model, prompts())
            .logger(log)
            .tools(ToolSet::builder().tool(tides()).build()?)
            .build();
        Ok(match work {
            "turn" => Self {
                runner,
                spec: spec().with_tools(["*"]),
                runs: 1,
            },
            _ => Self {
                runner,
                spec: spec(),
                runs: 2,
            },
        })
    }

    fn two_calls(&self, number: usize) -> Result {
        for run in 0..self.runs {
            let variables = serde_json::json!({"topic": topic(2 * number + run)});
            let plan = pollster::block_on(self.runner.run_as::<Plan>(&self.spec, variables))?;
            assert_eq!(plan.data.steps.len(), 4);
        }
        Ok(())
    }
}

fn exactly(mode: &str, runs: usize) -> Result {
    let folder = tempfile::tempdir()?;
    let caller = Caller::new(mode, folder.path())?;
    for number in 0..runs {
        caller.two_calls(number)?;
    }
    Ok(caller.runner.log().flush_blocking()?)
}

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [exact, mode, runs, ..] = arguments.as_slice()
        && exact == "exactly"
    {
        return exactly(mode, runs.parse()?);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for mode in ["calls-off", "turn-off", "calls-journal", "turn-journal"] {
        let folder = tempfile::tempdir()?;
        let caller = Caller::new(mode, folder.path())?;
        let mut number = 0;
        criterion.bench_function(mode, |bencher| {
            bencher.iter(|| {
                number += 1;
                caller.two_calls(number).is_ok()
            });
        });
    }
    criterion.final_summary();
    Ok(())
}
