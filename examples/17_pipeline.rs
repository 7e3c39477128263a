//! Documents through stages: an agent writes, another one reviews and sends back, a function names.

use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Limits, Output, Pipeline, PipelineOptions, PipelineStatus, Rework, ReworkTarget, Stage,
};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::json;

/// The second document is sent back once.
fn script() -> ScriptedProvider {
    let draft = |text: &str| Reply::json(json!({"summary": text})).usage(60, 12);
    let review = |approved: bool, issue: &str| {
        Reply::json(json!({"approved": approved, "issues": [issue]})).usage(40, 6)
    };
    ScriptedProvider::new([
        draft("The Moon makes the tides.").agent("writer"),
        review(true, "").agent("reviewer"),
        draft("Spring tides come in spring.").agent("writer"),
        review(false, "They come at new and full moon.").agent("reviewer"),
        draft("Spring tides come at new and full moon.").agent("writer"),
        review(true, "").agent("reviewer"),
    ])
}

fn packs() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("writer/system.tera", "You summarize in one sentence."),
        (
            "reviewer/system.tera",
            "You compare a summary with its text.",
        ),
        ("writer/user.tera", "Summarize: {{ document.text }}"),
        (
            "writer/user_refinement.tera",
            "Summarize: {{ document.text }}\nYour draft: {{ text }}\nThe review: {{ feedback.issues | first }}",
        ),
        (
            "reviewer/user.tera",
            "Is this true to `{{ document.text }}`? {{ answers.write.summary }}",
        ),
    ])
}

fn pipeline() -> duologue::Result<Pipeline> {
    let writer = AgentSpec::new("writer", "writer", "gpt-5-mini");
    let reviewer = AgentSpec::new("reviewer", "reviewer", "gpt-5");
    Pipeline::builder("summaries")
        .stage(Stage::agent("write", writer).then("review"))
        .stage(
            Stage::agent("review", reviewer)
                .approve_by("approved")
                .rework(Rework::new(ReworkTarget::Same, 2))
                .then("name"),
        )
        .stage(Stage::function("name", async |input| {
            Ok(json!({"file": format!("{}-summary", input.document.id)}))
        }))
        .output(Output::body("summary").name("file"))
        .limits(Limits::default().documents(1).model("gpt-5", 1))
        .build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let runner = AgentRunner::new(script(), packs());
    let documents = DocumentSource::of([
        Document::new("tides", "The Moon pulls at the sea, and makes the tides."),
        Document::new("springs", "At new and full moon come the spring tides."),
    ]);

    let options = PipelineOptions::new().directory(folder.path());
    let report = pipeline()?.run(&runner, documents, options).await?;

    assert_eq!(report.status, PipelineStatus::Succeeded);
    println!(
        "{} documents, {} calls, {:?} tokens",
        report.documents.succeeded,
        report.calls,
        report.usage.total_tokens()
    );
    for stage in &report.stages {
        println!(
            "{}: {} visits, {} sent back",
            stage.stage, stage.visits, stage.sent_back
        );
    }
    let summary = folder.path().join("artifacts/springs-summary.md");
    println!("{}", std::fs::read_to_string(summary)?);
    Ok(())
}
