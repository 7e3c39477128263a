//! From `pipeline` in a job file to a [`Pipeline`]: names that exist, paths, and what goes together.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::config::{DocumentsConfig, LimitsConfig, PipelineConfig, StageConfig};
use super::parts::{read_documents, read_limits, read_output, wrong};
use super::stages::StageCheck;
use crate::agent::AgentSpec;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::document::{DocumentSource, FieldNames};
use crate::flow::pipeline::{Limits, Output, Pipeline, Rework, ReworkTarget, Stage};
use crate::job::file::not_allowed;
use crate::job::load::{Job, JobAgent};

/// The pipeline of a job, its names checked and its paths resolved.
#[derive(Clone)]
pub(in crate::job) struct PipelinePlan {
    pub(super) name: String,
    pub(super) documents: DocumentsConfig,
    pub(in crate::job) stages: Vec<StageConfig>,
    pub(super) output: Option<Output>,
    limits: Limits,
    /// The job file as it was loaded, for the copy in the run's directory.
    pub(super) config: Value,
    /// Only the first so many documents.
    pub(in crate::job) limit: Option<u64>,
    /// Whether the run goes on with what an earlier process of it did.
    pub(super) resume: bool,
}

/// Debug leaves the configuration out: its headers may hold what nobody should read.
impl fmt::Debug for PipelinePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelinePlan")
            .field("name", &self.name)
            .field("documents", &self.documents)
            .field("stages", &self.stages)
            .field("output", &self.output)
            .field("limits", &self.limits)
            .field("limit", &self.limit)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// The job file that a pipeline stands in.
pub(in crate::job) struct Surroundings<'a> {
    pub(in crate::job) path: &'a Path,
    pub(in crate::job) base: &'a Path,
    pub(in crate::job) origin: &'a str,
    pub(in crate::job) agents: &'a [JobAgent],
    pub(in crate::job) config: Value,
}

impl PipelinePlan {
    /// What `pipeline` and `limits` hold.
    pub(in crate::job) fn read(
        pipeline: Option<PipelineConfig>,
        limits: Option<LimitsConfig>,
        job: Surroundings<'_>,
    ) -> Result<Option<Self>> {
        let Some(pipeline) = pipeline else {
            return match limits {
                Some(_) => Err(wrong(job.origin, "limits", "goes with `pipeline` alone")
                    .with_hint("without one, `concurrency` says how much runs at once")),
                None => Ok(None),
            };
        };
        let documents = read_documents(pipeline.documents, &job)?;
        if pipeline.stages.is_empty() {
            let empty = Value::Array(Vec::new());
            let allowed = "at least one stage";
            return Err(not_allowed(job.origin, "pipeline.stages", &empty, allowed));
        }
        for (index, stage) in pipeline.stages.iter().enumerate() {
            let stages = &pipeline.stages;
            let job = &job;
            let check = StageCheck {
                index,
                stage,
                stages,
                job,
            };
            check.check()?;
        }
        let file_name = job.path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Some(Self {
            name: pipeline.name.unwrap_or_else(|| file_name.into_owned()),
            documents,
            output: match pipeline.output {
                Some(output) => Some(read_output(output, &job)?),
                None => None,
            },
            limits: read_limits(limits.unwrap_or_default(), &pipeline.stages, &job)?,
            stages: pipeline.stages,
            config: job.config,
            limit: None,
            resume: false,
        }))
    }

    /// The source of the documents; nothing is read yet.
    pub(super) fn source(&self) -> DocumentSource {
        let DocumentsConfig {
            path,
            id,
            url,
            text,
            max_bytes,
        } = self.documents.clone();
        let source = DocumentSource::path(path).with_fields(FieldNames { id, url, text });
        match max_bytes {
            Some(bytes) => source.max_document_bytes(bytes),
            None => source,
        }
    }

    pub(super) fn build(&self, agents: &[JobAgent]) -> Result<Pipeline> {
        self.build_with(agents, |_, stage| stage)
    }

    /// The pipeline, each of its stages as `make` leaves it.
    pub(super) fn build_with(
        &self,
        agents: &[JobAgent],
        make: impl Fn(&StageConfig, Stage) -> Stage,
    ) -> Result<Pipeline> {
        let mut builder = Pipeline::builder(&self.name).limits(self.limits.clone());
        for config in &self.stages {
            builder = builder.stage(make(config, stage_of(config, agents)));
        }
        if let Some(output) = &self.output {
            builder = builder.output(output.clone());
        }
        builder.build()
    }

    /// The configuration, with the name that resuming looks for.
    pub(super) fn kept_config(&self) -> Value {
        let mut config = self.config.clone();
        if let Some(pipeline) = config.get_mut("pipeline").and_then(Value::as_object_mut) {
            pipeline.insert("name".to_owned(), self.name.clone().into());
        }
        config
    }
}

impl Job {
    /// The pipeline of the job file, its agents and limits within it. [`run_pipeline`](Self::run_pipeline)
    /// runs it.
    ///
    /// ```
    /// use duologue::job::{Job, JobOverrides};
    ///
    /// let job = Job::load("examples/jobs/pipeline.yaml", &JobOverrides::default())?;
    /// assert!(job.has_pipeline());
    /// let pipeline = job.pipeline()?;
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the file has none, or one whose stages do not fit together.
    pub fn pipeline(&self) -> Result<Pipeline> {
        let plan = self.plan()?;
        plan.build(&self.agents)
            .map_err(|error| error.within(&self.key("pipeline.stages")))
    }

    /// Whether the job file has a pipeline: then [`run_pipeline`](Self::run_pipeline) runs the job, else
    /// [`run`](Self::run).
    pub fn has_pipeline(&self) -> bool {
        self.pipeline.is_some()
    }

    pub(super) fn plan(&self) -> Result<&PipelinePlan> {
        self.pipeline.as_ref().ok_or_else(|| {
            let message = format!("`{}`: key `pipeline` is missing", self.path.display());
            Error::new(ErrorKind::Config, message)
                .with_hint("a job without documents and stages is run by `duologue run`")
        })
    }
}

/// The agent of this name.
pub(super) fn spec_of<'a>(name: &str, agents: &'a [JobAgent]) -> Option<&'a AgentSpec> {
    let specs = agents.iter().map(|agent| &agent.spec);
    specs.into_iter().find(|spec| spec.name == name)
}

fn stage_of(config: &StageConfig, agents: &[JobAgent]) -> Stage {
    let agent = config
        .agent
        .as_deref()
        .and_then(|name| spec_of(name, agents));
    let mut stage = match (agent, &config.tool) {
        (Some(spec), _) => Stage::agent(&config.name, spec.clone()),
        (None, tool) => {
            let tool = tool.as_deref().unwrap_or_default();
            let none = || Value::Object(serde_json::Map::new());
            Stage::tool(
                &config.name,
                tool,
                config.arguments.clone().unwrap_or_else(none),
            )
        }
    };
    if let Some(then) = &config.then {
        stage = stage.then(then);
    }
    if let Some(key) = &config.route_by {
        stage = stage.route_by(key);
    }
    for (value, target) in &config.routes {
        stage = stage.route(value, target);
    }
    if let Some(key) = &config.approve_by {
        stage = stage.approve_by(key);
    }
    if let Some(rework) = &config.rework {
        let target = match rework.target.as_str() {
            "same" => ReworkTarget::Same,
            "router" => ReworkTarget::Router,
            name => ReworkTarget::Stage(name.to_owned()),
        };
        stage = stage.rework(Rework::new(target, rework.max_cycles));
    }
    stage
}
