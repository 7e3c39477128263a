//! A pipeline over a real endpoint that takes 50 ms, 64 documents under way: how near it comes to an
//! endpoint that is never left idle, and what a document costs the processor.
//!
//! `exactly URL DOCUMENTS` runs that many and nothing else: for `peers/python/compare.py`.

#![expect(
    clippy::print_stdout,
    reason = "figures that criterion has no words for"
)]

mod common;

use std::time::{Duration, Instant};

use common::Result;
use common::answer::KEY;
use common::server::{Server, was_server};
use common::stages::{SYSTEM, calls, schema, text};
use common::work::log;
use duologue::call_log::{CallLog, Views};
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Limits, Output, Pipeline, PipelineOptions, PipelineReport, PipelineStatus, Rework,
    ReworkTarget, Stage,
};
use duologue::prompt::PromptLibrary;
use duologue::provider::OpenAiProvider;
use duologue::{AgentRunner, AgentSpec};

const ANSWER_TIME: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 64;
const DOCUMENTS: usize = 6_400;

fn prompts() -> PromptLibrary {
    let user = |agent: &str| match agent {
        "reviewer" => "Document:\n{{ document.text }}\n\nResult:\n{{ text }}",
        _ => "{{ text }}",
    };
    let system = SYSTEM.map(|(agent, text)| (format!("{agent}/system.tera"), text));
    let user = SYSTEM.map(|(agent, _)| (format!("{agent}/user.tera"), user(agent)));
    let again = (
        "cleaner/user_refinement.tera".to_owned(),
        "{{ document.text }}\n\nFeedback: {{ feedback.issues | join(sep=\" \") }}",
    );
    PromptLibrary::in_memory(system.into_iter().chain(user).chain([again]))
}

fn pipeline() -> duologue::Result<Pipeline> {
    let stage = |name: &str| {
        let spec = AgentSpec::new(name, name, "gpt-5-mini").with_response_schema(schema(name));
        Stage::agent(name, spec)
    };
    Pipeline::builder("bench")
        .stage(
            stage("router")
                .route_by("route")
                .route("markdown", "cleaner"),
        )
        .stage(stage("cleaner").then("reviewer"))
        .stage(
            stage("reviewer")
                .approve_by("approved")
                .then("namer")
                .rework(Rework::new(ReworkTarget::Same, 2)),
        )
        .stage(stage("namer"))
        .output(
            Output::body("processed_text")
                .name("file_slug")
                .extension("extension"),
        )
        .limits(Limits::default().documents(AT_ONCE))
        .build()
}

async fn run(base_url: &str, documents: usize, log: CallLog) -> Result<PipelineReport> {
    let provider = OpenAiProvider::builder()
        .base_url(base_url)
        .api_key(KEY)
        .build()?;
    let runner = AgentRunner::builder(provider, prompts())
        .logger(log)
        .build();
    let source = (0..documents).map(|number| Document::new(number.to_string(), text(number)));
    let options = PipelineOptions::new();
    let report = pipeline()?
        .run(&runner, DocumentSource::of(source), options)
        .await?;
    if report.status == PipelineStatus::Succeeded {
        Ok(report)
    } else {
        Err(format!("{report:?}").into())
    }
}

async fn throughput(name: &str, views: Views) -> Result {
    let server = Server::start(ANSWER_TIME)?;
    let folder = tempfile::tempdir()?;
    let log = log(folder.path(), views)?;
    let begun = Instant::now();
    let report = run(&server.base_url, DOCUMENTS, log).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let ideal = ANSWER_TIME.as_secs_f64() * calls(DOCUMENTS) as f64 / AT_ONCE as f64;
    println!(
        "{} documents, {} calls, {AT_ONCE} in flight, {name}   {:6.1} calls/s   {:5.1} % of ideal   target 95 %",
        report.documents.succeeded,
        report.calls,
        report.calls as f64 / elapsed,
        100.0 * ideal / elapsed,
    );
    Ok(())
}

async fn exactly(base_url: &str, documents: usize) -> Result {
    let folder = tempfile::tempdir()?;
    let report = run(base_url, documents, log(folder.path(), Views::None)?).await?;
    println!("{} calls", report.calls);
    Ok(())
}

fn main() -> Result {
    if was_server()? {
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if let [mode, base_url, documents] = arguments.as_slice()
            && mode == "exactly"
        {
            return exactly(base_url, documents.parse()?).await;
        }
        throughput("records, no call files ", Views::None).await?;
        throughput("records and call files", Views::All).await
    })
}
