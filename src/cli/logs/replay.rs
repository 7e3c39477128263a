//! `duologue logs replay`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::run::{Output, run_job};
use super::place::refuse_other_than_run;
use crate::clock::{SystemClock, new_run_id};
use crate::error::Result;
use crate::job::{Job, JobOverrides, Redacted};
use crate::replay::ReplayMode;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Replay {
    /// The directory of the run whose records answer.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The job file (YAML or JSON); its provider is replaced.
    job: PathBuf,
    /// What happens to a call that no record answers.
    #[arg(long, value_enum, default_value_t = Mode::Strict)]
    mode: Mode,
    /// Replay also answers in which the sanitizer replaced something.
    #[arg(long)]
    allow_redacted: bool,
    /// Set a value of the job file: `agents.0.model=gpt-5`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the new run is kept, in place of the job's `output_dir`.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// The new run's id. Default: a new one, whatever the job says.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    #[command(flatten)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  DUOLOGUE_OFFLINE=1 duologue logs replay artifacts/monday job.yaml
  duologue logs replay artifacts/monday job.yaml --mode fall_through --run-id tuesday
  duologue logs diff artifacts/monday artifacts/tuesday

A run of level `minimal` holds no answers and cannot be replayed.
Exit code: as of `duologue run`; a call that no record answers is a failure.";

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// It fails, and says which record is nearest.
    Strict,
    /// It goes to the job's own provider.
    #[value(alias = "fall-through")]
    FallThrough,
    /// It takes the first unused record of its agent.
    #[value(alias = "first-unused")]
    FirstUnused,
}

impl Replay {
    pub(super) fn execute(self) -> Result<u8> {
        refuse_other_than_run(&self.directory)?;
        let overrides = JobOverrides {
            set: self.set,
            output_dir: self.output_dir,
            run_id: self.run_id.or_else(|| Some(new_run_id(&SystemClock))),
            limit: None,
        };
        let mode = match self.mode {
            Mode::Strict => ReplayMode::Strict,
            Mode::FallThrough => ReplayMode::FallThrough,
            Mode::FirstUnused => ReplayMode::FirstUnused,
        };
        let redacted = if self.allow_redacted {
            Redacted::Allowed
        } else {
            Redacted::Refused
        };
        let job = Job::load(&self.job, &overrides)?.replaying(&self.directory, mode, redacted)?;
        run_job(&job, &self.output)
    }
}
