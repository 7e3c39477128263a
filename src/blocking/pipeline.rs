//! The async pipeline's methods, one line each.

use super::{AgentRunner, block_on};
use crate::error::Result;
use crate::flow::document::DocumentSource;
use crate::flow::pipeline::{self, PipelineOptions, PipelineReport};

/// [`pipeline::Pipeline`] without async: the same run on the caller's thread.
///
/// ```
/// use duologue::blocking::{AgentRunner, Pipeline};
/// use duologue::flow::document::{Document, DocumentSource};
/// use duologue::flow::pipeline::{self, PipelineOptions, Stage};
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::AgentSpec;
/// use serde_json::json;
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"}))]);
/// let prompts = PromptLibrary::in_memory([("namer/system.tera", "Name."), ("namer/user.tera", "{{ text }}")]);
/// let runner = AgentRunner::new(provider, prompts);
///
/// let namer = AgentSpec::new("namer", "namer", "gpt-5-mini");
/// let pipeline = pipeline::Pipeline::builder("titles").stage(Stage::agent("name", namer)).build()?;
/// let documents = DocumentSource::of([Document::new("tides", "The moon pulls the sea.")]);
/// let report = Pipeline::from(pipeline).run(&runner, documents, PipelineOptions::new())?;
/// assert_eq!(report.documents.succeeded, 1);
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    inner: pipeline::Pipeline,
}

/// An async pipeline as a blocking one.
impl From<pipeline::Pipeline> for Pipeline {
    fn from(inner: pipeline::Pipeline) -> Self {
        Self { inner }
    }
}

impl Pipeline {
    /// As [`pipeline::Pipeline::run`].
    ///
    /// # Errors
    /// The same, and [`ErrorKind::Reentrant`](crate::ErrorKind::Reentrant) on a thread of the background runtime.
    pub fn run(
        &self,
        runner: &AgentRunner,
        documents: DocumentSource,
        options: PipelineOptions,
    ) -> Result<PipelineReport> {
        block_on(self.inner.run(&runner.inner, documents, options))?
    }

    /// As [`pipeline::Pipeline::check`].
    ///
    /// # Errors
    /// The same.
    pub fn check(&self, runner: &AgentRunner) -> Result<()> {
        self.inner.check(&runner.inner)
    }
}
