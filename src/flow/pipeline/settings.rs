//! A pipeline as it is put together, and what is wrong with one.

use super::limits::Limits;
use super::output::Output;
use super::stage::Stage;
use super::validate::validate;
use crate::error::Result;

/// Documents through stages, many at once, to artifacts. See the [module](super).
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub(crate) name: String,
    pub(crate) stages: Vec<Stage>,
    pub(crate) output: Option<Output>,
    pub(crate) limits: Limits,
}

impl Pipeline {
    /// Starts a pipeline; its first stage is where documents begin.
    pub fn builder(name: impl Into<String>) -> PipelineBuilder {
        PipelineBuilder(Self {
            name: name.into(),
            stages: Vec::new(),
            output: None,
            limits: Limits::default(),
        })
    }
}

/// Builds a [`Pipeline`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PipelineBuilder(Pipeline);

impl PipelineBuilder {
    /// One more stage.
    pub fn stage(mut self, stage: Stage) -> Self {
        self.0.stages.push(stage);
        self
    }

    /// What becomes an artifact. Default: nothing is written.
    pub fn output(mut self, output: Output) -> Self {
        self.0.output = Some(output);
        self
    }

    /// How much runs at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// The pipeline.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for stages that do not fit together: names that
    /// two have or none has, stages that no document can come to, circles other than by rework, agents
    /// that share a name and differ, limits that are 0 or name nobody.
    pub fn build(self) -> Result<Pipeline> {
        validate(&self.0)?;
        Ok(self.0)
    }
}
