//! Looking at a job without a request.

use std::path::Path;

use serde::Serialize;

use super::load::Job;
use super::pipeline::Tools;
use super::provider::Answering;
use crate::error::{Error, ErrorKind, Result};

/// Something that works and is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobWarning {
    /// The agent.
    pub agent: String,
    /// What was found.
    pub message: String,
}

impl Job {
    /// Looks at everything that can be wrong before the first request: provider settings and keys,
    /// packs, variables of every input, schemas, tools, prices that a budget needs, the log's settings and directory. Nothing is sent
    /// and nothing is written.
    ///
    /// # Errors
    /// The first thing that would make a run fail, with the kind that the run would give it.
    pub fn check(&self) -> Result<Vec<JobWarning>> {
        self.check_with(&self.answering()?)
    }

    /// [`check`](Self::check) on what a run goes on to use, so that nothing is read or compiled twice.
    pub(super) fn check_with(&self, answering: &Answering) -> Result<Vec<JobWarning>> {
        let logging = self.llm_logging.clone().overridden_by(&self.environment)?;
        logging.sanitize.to_sanitizer()?;
        if logging.enabled || self.has_pipeline() {
            self.check_writable("output_dir", &self.output_dir)?;
        }
        let runner = answering.runner(crate::call_log::CallLog::off());
        let mut warnings = Vec::new();
        let connects = self.connects(answering);
        if !connects {
            self.check_tools(answering)?;
        }
        for (place, agent) in self.agents.iter().enumerate() {
            let mut spec = agent.spec.clone();
            if connects {
                spec.tools.clear();
            }
            runner.check(&spec).map_err(|error| {
                let key = match error.kind() {
                    ErrorKind::Schema => "response_schema",
                    ErrorKind::Config => "model",
                    _ => "prompt_pack",
                };
                error.within(&self.key(&format!("agents[{place}].{key}")))
            })?;
            let pack = answering.prompts.pack(&agent.spec.prompt_pack)?;
            for (index, input) in agent.inputs.iter().enumerate() {
                let names = agent
                    .spec
                    .default_variables
                    .keys()
                    .chain(input.keys())
                    .map(String::as_str);
                let report = pack
                    .check(names.chain(["response_schema"]), 0)
                    .into_result()
                    .map_err(|error| {
                        error.within(&format!("agent `{}`, input {index}", agent.spec.name))
                    })?;
                for name in &report.unused {
                    if self.is_for_the_judge(&runner, agent, name)? {
                        continue;
                    }
                    let message = format!(
                        "variable `{name}` is given and not used by pack `{}`",
                        agent.spec.prompt_pack
                    );
                    let warning = JobWarning {
                        agent: agent.spec.name.clone(),
                        message,
                    };
                    if !warnings.contains(&warning) {
                        warnings.push(warning);
                    }
                }
            }
        }
        self.check_review(&runner, &mut warnings)?;
        let tools = if connects {
            Tools::ToldLater
        } else {
            Tools::Known
        };
        warnings.extend(self.check_pipeline(&runner, tools)?);
        Ok(warnings)
    }

    /// Whether the nearest directory that exists can be written to.
    pub(super) fn check_writable(&self, key: &str, directory: &Path) -> Result<()> {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let existing = absolute.ancestors().find(|path| path.exists());
        let problem = match existing {
            None => Some("no directory above it exists".to_owned()),
            Some(path) if !path.is_dir() => {
                let path = crate::config::shown(path);
                Some(format!("`{}` is not a directory", path.display()))
            }
            // A file without a name tells more than permission bits, and leaves nothing behind.
            Some(path) => tempfile::tempfile_in(path)
                .err()
                .map(|error| error.to_string()),
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(Error::new(
                ErrorKind::Log,
                format!(
                    "`{}`: `{key}` is `{}`, which cannot be written: {problem}",
                    self.path.display(),
                    directory.display()
                ),
            )
            .with_hint(format!("set `{key}` to a directory that you may write to"))),
        }
    }
}
