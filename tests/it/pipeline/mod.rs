//! Document pipelines: where documents go, how many at once, what failures and cancellations leave.

mod broken;
mod budgets;
mod building;
mod cancelled;
mod checked;
mod journeys;
mod limits;
mod many;
mod told;
mod tools;

use std::fs;
use std::path::Path;

use duologue::call_log::LlmLogging;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Output, Pipeline, PipelineBuilder, PipelineOptions, PipelineReport, Rework, ReworkTarget, Stage,
};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Before, Folder, file_log, quick};

/// A pack for each agent; each shows the model what it must see.
pub(crate) fn packs() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("router/system.tera", "Route."),
        ("router/user.tera", "{{ document.id }}: {{ text }}"),
        ("cleaner/system.tera", "Clean."),
        ("cleaner/user.tera", "{{ document.id }}: {{ text }}"),
        (
            "cleaner/user_refinement.tera",
            "{{ document.id }} again, round {{ iteration }}: {{ feedback.why }} | {{ draft.body }} | {{ issues | join(sep=\",\") }}",
        ),
        ("reviewer/system.tera", "Review."),
        (
            "reviewer/user.tera",
            "{{ document.id }}, cycle {{ cycle }}: {{ text }}",
        ),
        ("namer/system.tera", "Name."),
        (
            "namer/user.tera",
            "{{ document.id }}: {{ answers | length }} {{ text }}",
        ),
        ("namer/user_refinement.tera", "a namer is not reworked"),
    ])
}

/// The agent `name` with the pack of its name.
pub(crate) fn agent(name: &str) -> AgentSpec {
    AgentSpec::new(name, name, format!("model-of-{name}"))
}

/// Route, clean, review with two rounds of rework, name.
pub(crate) fn reviewed() -> PipelineBuilder {
    let router = Stage::agent("router", agent("router"));
    let clean = Stage::agent("clean", agent("cleaner"));
    let review = Stage::agent("review", agent("reviewer"));
    Pipeline::builder("docs")
        .stage(router.route_by("route").route("markdown", "clean"))
        .stage(clean.then("review"))
        .stage(
            review
                .approve_by("approved")
                .then("namer")
                .rework(Rework::new(ReworkTarget::Same, 2)),
        )
        .stage(Stage::agent("namer", agent("namer")))
        .output(Output::body("body").name("slug").extension("extension"))
}

/// `agent` always answers so.
pub(crate) fn always(agent: &str, answer: Value) -> Reply {
    Reply::json(answer).agent(agent).forever()
}

/// All four agents of [`reviewed`], content at once.
pub(crate) fn content() -> [Reply; 4] {
    [
        always("router", json!({"route": "markdown"})),
        always("cleaner", json!({"body": "clean text"})).usage(10, 5),
        always("reviewer", json!({"approved": true})),
        always("namer", json!({"slug": "a-name", "extension": "md"})),
    ]
}

/// A runner over a script, whose run is kept in a folder.
pub(crate) struct Desk {
    pub(crate) folder: Folder,
    pub(crate) script: ScriptedProvider,
    pub(crate) runner: AgentRunner,
}

impl Desk {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = ScriptedProvider::new(replies);
        Self::around(script.clone(), script)
    }

    /// One whose runner asks `provider`, which leads to `script`.
    pub(crate) fn around(provider: impl Provider + 'static, script: ScriptedProvider) -> Self {
        let folder = crate::support::folder();
        let runner = AgentRunner::builder(provider, packs())
            .logger(file_log(&folder, LlmLogging::default()))
            .retry(quick())
            .build();
        Self {
            folder,
            script,
            runner,
        }
    }

    pub(crate) fn run(&self, pipeline: &Pipeline, documents: DocumentSource) -> PipelineReport {
        pollster::block_on(pipeline.run(&self.runner, documents, PipelineOptions::new())).unwrap()
    }

    /// The directory of the run.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("run").join(name)
    }

    /// The lines of a file of the run's directory; none where there is no file.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        lines(&self.path(name))
    }

    /// What each request of `script` asked, by its last message.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.script.requests();
        let last = requests
            .iter()
            .filter_map(|request| request.messages.last());
        last.map(|message| message.content.clone()).collect()
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `inner`, and a token that is cancelled when it is asked for the `last` time.
pub(crate) fn until(
    last: usize,
    inner: ScriptedProvider,
) -> (impl Provider + 'static, CancellationToken) {
    let token = CancellationToken::new();
    let asked = token.clone();
    let provider = Before::new(inner, move |number| {
        if number == last {
            asked.cancel();
        }
        std::future::ready(())
    });
    (provider, token)
}

/// `count` documents, `d0` and so on.
pub(crate) fn documents(count: usize) -> DocumentSource {
    DocumentSource::of((0..count).map(|index| Document::new(format!("d{index}"), "raw text")))
}

/// What is wrong with a pipeline.
pub(crate) fn refused(builder: PipelineBuilder) -> String {
    let built: Result<Pipeline> = builder.build();
    format!("{:#}", built.unwrap_err())
}
