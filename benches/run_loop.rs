//! What the run loop costs on top of bare reqwest and serde, over a local HTTP server: without a
//! log, with the standard journal, and with call files in YAML.
//!
//! `run_loop exactly MODE CALLS` makes just so many calls, for counting instructions; see
//! `benches/instructions`.

mod common;

use std::str::FromStr;
use std::time::Duration;

use common::Result;
use common::answer::{Plan, topic};
use common::bare::Bare;
use common::server::{Server, was_server};
use common::work::{log, runner, sleeping, spec};
use criterion::Criterion;
use duologue::call_log::{CallLog, Views};
use duologue::{AgentRunner, AgentSpec};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Clone, Copy)]
enum Mode {
    Bare,
    Alone,
    Off,
    Journal,
    Yaml,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        match word {
            "bare" => Ok(Self::Bare),
            "alone" => Ok(Self::Alone),
            "off" => Ok(Self::Off),
            "journal" => Ok(Self::Journal),
            "yaml" => Ok(Self::Yaml),
            _ => Err(format!(
                "`{word}` is none of bare, alone, off, journal, yaml"
            )),
        }
    }
}

/// Either way to make the call.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Caller {
    Bare(Bare),
    Ours {
        runner: AgentRunner,
        spec: AgentSpec,
        _folder: TempDir,
    },
}

impl Caller {
    fn new(mode: Mode, server: &Server) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = match mode {
            Mode::Bare => return Ok(Self::Bare(Bare::new(&server.base_url)?)),
            Mode::Alone | Mode::Off => CallLog::off(),
            Mode::Journal => log(folder.path(), Views::None)?,
            Mode::Yaml => log(folder.path(), Views::All)?,
        };
        let runner = match mode {
            Mode::Alone => sleeping(Duration::ZERO, log),
            _ => runner(&server.base_url, log)?,
        };
        Ok(Self::Ours {
            runner,
            spec: spec(),
            _folder: folder,
        })
    }

    async fn call(&self, number: usize) -> Result<Plan> {
        match self {
            Self::Bare(bare) => Ok(bare.call(number).await?.0),
            Self::Ours { runner, spec, .. } => {
                let variables = serde_json::json!({"topic": topic(number)});
                Ok(runner.run_as::<Plan>(spec, variables).await?.data)
            }
        }
    }

    async fn flush(&self) -> Result {
        match self {
            Self::Bare(_) => Ok(()),
            Self::Ours { runner, .. } => Ok(runner.flush().await?),
        }
    }
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn exactly(mode: Mode, calls: usize) -> Result {
    let server = Server::start(Duration::ZERO)?;
    let caller = Caller::new(mode, &server)?;
    runtime()?.block_on(async {
        for number in 0..calls {
            let plan = caller.call(number).await?;
            assert_eq!(plan.steps.len(), 4);
        }
        caller.flush().await
    })
}

fn measured(criterion: &mut Criterion) -> Result {
    let server = Server::start(Duration::ZERO)?;
    let runtime = runtime()?;
    let mut group = criterion.benchmark_group("run_loop");
    for (name, mode) in [
        ("bare", Mode::Bare),
        ("run_loop_alone", Mode::Alone),
        ("log_off", Mode::Off),
        ("journal", Mode::Journal),
        ("journal_and_yaml", Mode::Yaml),
    ] {
        let caller = Caller::new(mode, &server)?;
        let mut number = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                runtime.block_on(caller.call(number)).map(drop).is_ok()
            });
        });
        runtime.block_on(caller.flush())?;
    }
    group.finish();
    Ok(())
}

fn main() -> Result {
    if was_server()? {
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [exact, mode, calls, ..] = arguments.as_slice()
        && exact == "exactly"
    {
        return exactly(mode.parse()?, calls.parse()?);
    }
    let mut criterion = Criterion::default().configure_from_args();
    measured(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
