//! What it costs to stream an answer of 100 KB in pieces, beside reading it at once: with records,
//! every event, and partial values.
//!
//! `streaming exactly MODE CALLS` makes just so many runs, for counting instructions; see
//! `benches/instructions`. MODE is `once`, the number of bytes of a piece, or that with `plain` in
//! front of it, which leaves the partial values out.

mod common;

use common::Result;
use common::work::log;
use criterion::{Criterion, Throughput};
use duologue::agent::{AgentStream, StreamEvent};
use duologue::call_log::Views;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

const BYTES: usize = 100_000;

fn answer() -> Value {
    let step = |number: usize| {
        json!({
            "number": number,
            "title": format!("Step {number}: look at the sea"),
            "text": "The moon pulls at the water, and the water follows it slowly around the world.",
            "done": number.is_multiple_of(2),
        })
    };
    let one = step(100).to_string().len() + 1;
    let steps: Vec<Value> = (0..BYTES / one).map(step).collect();
    json!({"title": "Tides", "steps": steps})
}

/// How the answer is read.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Once,
    Pieces { bytes: usize, values: bool },
}

impl Mode {
    fn parse(word: &str) -> Result<Self> {
        if word == "once" {
            return Ok(Self::Once);
        }
        let bytes = word.strip_prefix("plain");
        Ok(Self::Pieces {
            bytes: bytes.unwrap_or(word).parse()?,
            values: bytes.is_none(),
        })
    }
}

struct Caller {
    runner: AgentRunner,
    spec: AgentSpec,
    mode: Mode,
    _folder: TempDir,
}

impl Caller {
    fn new(mode: Mode) -> Result<Self> {
        let reply = Reply::json(answer()).usage(300, 25_000).forever();
        let reply = match mode {
            Mode::Once => reply,
            Mode::Pieces { bytes, .. } => reply.chunks_of(bytes),
        };
        let folder = tempfile::tempdir()?;
        let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan a talk.")]);
        let runner = AgentRunner::builder(ScriptedProvider::new([reply]), prompts)
            .logger(log(folder.path(), Views::None)?)
            .build();
        let schema = json!({
            "type": "object",
            "properties": {"title": {"type": "string"}, "steps": {"type": "array"}},
            "required": ["title", "steps"],
        });
        Ok(Self {
            runner,
            spec: AgentSpec::new("planner", "planner", "gpt-5-mini").with_response_schema(schema),
            mode,
            _folder: folder,
        })
    }

    async fn call(&self) -> Result<usize> {
        let data = match self.mode {
            Mode::Once => self.runner.run(&self.spec, ()).await?.data,
            Mode::Pieces { values, .. } => {
                let stream = self.runner.stream(&self.spec, ());
                if values {
                    read(stream).await?
                } else {
                    read(stream.without_partial_json()).await?
                }
            }
        };
        Ok(data["steps"].as_array().map_or(0, Vec::len))
    }
}

/// Takes every event, and gives the answer.
async fn read(mut events: AgentStream<'_>) -> Result<Value> {
    let mut shown = 0;
    while let Some(event) = events.next().await {
        match event? {
            StreamEvent::TextDelta(text) => shown += text.len(),
            StreamEvent::PartialJson(value) => drop(std::hint::black_box(value)),
            StreamEvent::Finished(outcome) => {
                std::hint::black_box(shown);
                return Ok(outcome.data);
            }
            _ => {}
        }
    }
    Err("the stream has no end".into())
}

fn measured(criterion: &mut Criterion) -> Result {
    let mut group = criterion.benchmark_group("streaming_100_kb");
    group.throughput(Throughput::Bytes(BYTES as u64));
    for word in ["once", "2000", "200", "20"] {
        let caller = Caller::new(Mode::parse(word)?)?;
        group.bench_function(word, |bencher| {
            bencher.iter(|| pollster::block_on(caller.call()).is_ok());
        });
    }
    group.finish();
    Ok(())
}

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [exact, mode, calls, ..] = arguments.as_slice()
        && exact == "exactly"
    {
        let caller = Caller::new(Mode::parse(mode)?)?;
        for _ in 0..calls.parse::<usize>()? {
            let steps = pollster::block_on(caller.call())?;
            assert!(steps > 500, "{steps}");
        }
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    measured(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
