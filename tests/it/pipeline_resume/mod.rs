//! Pipelines that are resumed: what was paid for is not asked for again, and what changed is.

mod changes;
#[cfg(unix)]
pub(crate) mod disk;
mod ends;
mod judged;

use std::collections::BTreeMap;

use duologue::call_log::LlmLogging;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Limits, Output, Pipeline, PipelineOptions, PipelineReport, PipelineStatus, Stage,
};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::{Value, json};

use crate::support::{Folder, file_log, folder};

/// A cleaner and a reviewer who approves, with all that a test may change about them.
struct Desk {
    folder: Folder,
    clean_prompt: &'static str,
    cleaner: AgentSpec,
    reviewer: AgentSpec,
    documents: Vec<Document>,
    at_once: usize,
}

impl Desk {
    fn new() -> Self {
        let schema = json!({
            "type": "object",
            "properties": {"body": {"type": "string"}},
            "required": ["body"],
            "additionalProperties": false,
        });
        Self {
            folder: folder(),
            clean_prompt: "Clean {{ document.text }}",
            cleaner: AgentSpec::new("cleaner", "cleaner", "gpt-5-mini")
                .with_response_schema(schema),
            reviewer: AgentSpec::new("reviewer", "reviewer", "gpt-5-mini"),
            documents: (1..=6).map(document).collect(),
            at_once: 1,
        }
    }

    fn pipeline(&self) -> Pipeline {
        Pipeline::builder("desk")
            .stage(Stage::agent("clean", self.cleaner.clone()).then("review"))
            .stage(Stage::agent("review", self.reviewer.clone()).approve_by("approved"))
            .output(Output::body("body"))
            .limits(Limits::default().documents(self.at_once))
            .build()
            .unwrap()
    }

    fn runner(&self, provider: impl Provider + 'static) -> AgentRunner {
        let prompts = PromptLibrary::in_memory([
            ("cleaner/system.tera", "You clean."),
            ("cleaner/user.tera", self.clean_prompt),
            ("reviewer/system.tera", "You review."),
            ("reviewer/user.tera", "Review {{ text }}"),
        ]);
        AgentRunner::builder(provider, prompts)
            .logger(file_log(&self.folder, LlmLogging::default()))
            .build()
    }

    /// Runs the pipeline over `provider`.
    fn try_run(
        &self,
        provider: impl Provider + 'static,
        options: PipelineOptions,
    ) -> Result<PipelineReport> {
        let documents = DocumentSource::of(self.documents.clone());
        let runner = self.runner(provider);
        pollster::block_on(self.pipeline().run(&runner, documents, options))
    }

    /// Runs the pipeline to its end; what each agent was asked.
    fn run(&self, options: PipelineOptions) -> Asked {
        let script = script();
        let report = self.try_run(script.clone(), options).unwrap();
        assert_eq!(report.status, PipelineStatus::Succeeded, "{report:?}");
        assert_eq!(report.documents.succeeded, self.documents.len() as u64);
        Asked::of(&script)
    }

    fn resume(&self) -> Asked {
        self.run(PipelineOptions::new().resume())
    }

    /// Names and contents of the artifacts.
    fn artifacts(&self) -> BTreeMap<String, String> {
        let place = self.folder.path().join("run/artifacts");
        std::fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
            .filter(|(name, _)| !name.starts_with('.'))
            .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
            .collect()
    }
}

fn document(number: u32) -> Document {
    Document::new(format!("doc-{number}"), format!("text {number}"))
}

/// Cleans and approves whatever comes.
fn script() -> ScriptedProvider {
    ScriptedProvider::new([
        Reply::json(json!({"body": "clean"}))
            .agent("cleaner")
            .forever(),
        Reply::json(json!({"approved": true}))
            .agent("reviewer")
            .forever(),
    ])
}

/// How often each agent was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Asked {
    cleaner: usize,
    reviewer: usize,
}

impl Asked {
    fn of(script: &ScriptedProvider) -> Self {
        let requests = script.requests();
        let by = |system: &str| {
            let asked = requests
                .iter()
                .filter(|request| request.messages[0].content == system);
            asked.count()
        };
        Self {
            cleaner: by("You clean."),
            reviewer: by("You review."),
        }
    }

    fn all(self) -> usize {
        self.cleaner + self.reviewer
    }
}

const NOBODY: Asked = Asked {
    cleaner: 0,
    reviewer: 0,
};

/// A schema that asks for one more thing than that of the desk, and is content with its answers.
fn another_schema() -> Value {
    json!({"type": "object", "properties": {"body": {"type": "string", "minLength": 1}}, "required": ["body"]})
}
