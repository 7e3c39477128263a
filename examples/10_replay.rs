//! Replaying a run: its records answer, offline, and a prompt that changed is shown as a diff.

use std::error::Error;
use std::path::Path;

use duologue::call_log::{LlmLogging, LoggerConfig, create_llm_logger};
use duologue::env::Environment;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::replay::ReplayProvider;
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;

/// A runner whose records go to `{folder}/{run_id}`.
fn runner(
    folder: &Path,
    run_id: &str,
    user: &str,
    provider: impl Provider + 'static,
) -> duologue::Result<AgentRunner> {
    let prompts = PromptLibrary::in_memory([
        ("planner/system.tera", "You plan talks. Answer with JSON."),
        ("planner/user.tera", user),
    ]);
    let log = create_llm_logger(&LoggerConfig {
        output_dir: folder.into(),
        run_id: Some(run_id.into()),
        llm_logging: LlmLogging::default(),
        environment: Environment::default(),
    })?;
    Ok(AgentRunner::builder(provider, prompts).logger(log).build())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    let topic = json!({"topic": "tides"});

    // One answer that cannot be used, and its repair.
    let script = ScriptedProvider::new([
        Reply::text("Sure! A talk about tides.").usage(40, 6),
        Reply::json(json!({"title": "Why the sea comes back"})).usage(60, 9),
    ]);
    let first = runner(folder.path(), "first", "A talk about {{ topic }}.", script)?;
    let plan = first.run(&planner, &topic).await?;
    first.flush().await?;

    // Another day, without a server: `DUOLOGUE_OFFLINE=1` would make sure of that.
    let replay = ReplayProvider::from_run(folder.path().join("first"))?;
    let second = runner(
        folder.path(),
        "second",
        "A talk about {{ topic }}.",
        replay.clone(),
    )?;
    let again = second.run(&planner, &topic).await?;
    assert_eq!(
        (&again.data, again.usage, again.repairs),
        (&plan.data, plan.usage, 1)
    );
    println!(
        "{} calls replayed: {}",
        replay.report().replayed,
        again.data
    );

    // Somebody changed the prompt.
    let replay = ReplayProvider::from_run(folder.path().join("first"))?;
    let third = runner(
        folder.path(),
        "third",
        "A short talk about {{ topic }}.",
        replay,
    )?;
    let Err(error) = third.run(&planner, &topic).await else {
        return Err("the changed prompt went unnoticed".into());
    };
    assert_eq!(error.kind(), ErrorKind::NotRecorded);
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        println!("{error}");
        cause = error.source();
    }
    Ok(())
}
