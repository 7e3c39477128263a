//! `duologue check`

use std::path::PathBuf;

use clap::Args;

use super::run::refuse_unclear_guard;
use super::{SUCCESS, output};
use crate::error::Result;
use crate::job::{Job, JobOverrides};
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 when the job can run, 2 when something is wrong.")]
pub(super) struct Check {
    /// The job file (YAML or JSON).
    job: PathBuf,
    /// Set a value of the job file: `agents.0.model=gpt-5`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Check {
    pub(super) fn execute(self) -> Result<u8> {
        refuse_unclear_guard()?;
        let job = Job::load(
            &self.job,
            &JobOverrides {
                set: self.set,
                ..JobOverrides::default()
            },
        )?;
        for warning in job.check()? {
            output::warning(&format!("agent `{}`: {}", warning.agent, warning.message));
        }
        let work = if job.has_pipeline() {
            "a pipeline".to_owned()
        } else {
            let executions = job.agents.iter().map(|agent| agent.inputs.len()).sum();
            counted(executions, "execution")
        };
        output::say(&format!(
            "`{}` is fine: {}, {work}",
            job.path.display(),
            counted(job.agents.len(), "agent"),
        ));
        Ok(SUCCESS)
    }
}
