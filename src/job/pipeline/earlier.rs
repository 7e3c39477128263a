//! Which run a resumption goes on with.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::Value;

use super::plan::PipelinePlan;
use crate::call_log::paths::RunPaths;
use crate::call_log::{open_journal, run_directory};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::job::load::Job;

/// The copy of the configuration in a run's directory.
const COPY: &str = "job.yaml";
/// The first line of a journal is shorter.
const MAX_HEAD: u64 = 64 * 1024;

impl Job {
    /// The same job, which goes on with what an earlier process did: with the run that the file or the
    /// overrides name, else with the newest one in `output_dir` that a pipeline of this
    /// [name](super::PipelineConfig::name) began.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no such run, or the job has no pipeline.
    pub fn resuming(mut self) -> Result<Self> {
        let plan = self.plan()?;
        if self.has_run_id {
            if !self.directory()?.is_dir() {
                let problem = format!("no run `{}`", self.run_id);
                return Err(self.nothing_to_resume(&problem));
            }
        } else {
            self.run_id = newest_run(&self.output_dir, plan).ok_or_else(|| {
                self.nothing_to_resume(&format!("no run of the pipeline `{}`", plan.name))
            })?;
        }
        if let Some(plan) = &mut self.pipeline {
            plan.resume = true;
        }
        Ok(self)
    }

    fn nothing_to_resume(&self, problem: &str) -> Error {
        let directory = config::shown(&self.output_dir);
        let message = format!(
            "`{}` cannot be resumed: `{}` holds {problem}",
            self.path.display(),
            directory.display()
        );
        Error::new(ErrorKind::Config, message)
            .with_hint("leave out `--resume` to begin a run, or name one by `--run-id`")
    }
}

/// The run in `output_dir` whose copy of the configuration is the newest of those with the plan's name.
fn newest_run(output_dir: &Path, plan: &PipelinePlan) -> Option<String> {
    let runs = std::fs::read_dir(output_dir).ok()?.flatten();
    let began = runs.filter_map(|run| {
        let copy = run.path().join(COPY);
        let begun: SystemTime = copy.metadata().and_then(|copy| copy.modified()).ok()?;
        let config: Value = config::read_value(&copy).ok()?;
        let is_ours = config.pointer("/pipeline/name")?.as_str()? == plan.name;
        let run_id = run_id_of(&run.path())?;
        is_ours.then_some((begun, run_id))
    });
    began.max().map(|(_, run_id)| run_id)
}

/// The id of the run in `directory`, as its journal has it; one that has no place in a name is not the
/// directory's name.
fn run_id_of(directory: &Path) -> Option<String> {
    let name = directory.file_name()?.to_str()?.to_owned();
    let is_its_own = |run_id: &String| {
        let own = run_directory(Path::new(""), run_id);
        own == Path::new(&name)
    };
    Some(opened_as(directory).filter(is_its_own).unwrap_or(name))
}

fn opened_as(directory: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Opened {
        run_id: String,
    }
    let journals = RunPaths::of(directory.to_owned()).journals().ok()?;
    let journal = open_journal(journals.first()?).ok()?;
    let mut lines = BufReader::new(journal.take(MAX_HEAD)).lines();
    let first = lines.find_map(|line| line.ok().filter(|line| !line.is_empty()))?;
    let opened: Opened = serde_json::from_str(&first).ok()?;
    Some(opened.run_id)
}
