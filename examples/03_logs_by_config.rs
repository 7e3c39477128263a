//! Switching the call log on by configuration, and reading back what it kept.
//!
//! `DUOLOGUE_LLM_LOG_LEVEL`, `DUOLOGUE_LLM_LOG_FORMAT` and `DUOLOGUE_DISABLE_LLM_LOGGING` beat the
//! configuration; here they are left out, so that the example does the same everywhere.

use std::error::Error;

use duologue::call_log::{LlmLogging, LoggerConfig, RunLog, create_llm_logger};
use duologue::env::Environment;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::{Value, json};

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

/// The part of an application's configuration that is ours.
const CONFIG: &str = r#"{
  "agent": {"llm_logging": {"enabled": true, "log_level": "standard", "format": "yaml", "sanitize": true}}
}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let config: Value = serde_json::from_str(CONFIG)?;
    let llm_logging: LlmLogging = serde_json::from_value(config["agent"]["llm_logging"].clone())?;
    let log = create_llm_logger(&LoggerConfig {
        output_dir: folder.path().into(),
        run_id: Some("demo".into()),
        llm_logging,
        environment: Environment::default(),
    })?;

    let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).usage(412, 20)]);
    let runner = AgentRunner::builder(provider, PROMPTS).logger(log).build();
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    runner.run(&planner, json!({"topic": "tides"})).await?;
    runner.flush().await?;

    let calls = folder.path().join("demo/llm_calls");
    println!(
        "{}",
        std::fs::read_to_string(calls.join("call_001_planner.yaml"))?
    );

    let run = RunLog::open(folder.path().join("demo"))?;
    let record = &run.records()[0];
    println!(
        "{} call, {:?} input tokens",
        run.records().len(),
        record.usage.input_tokens
    );
    assert!(record.is_success() && calls.join("summary.yaml").exists());
    Ok(())
}
