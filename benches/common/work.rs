//! The work that is measured, as this crate does it: one structured call with a strict schema and a
//! typed answer.

use async_trait::async_trait;
use duologue::call_log::{CallLog, LlmLogging, LoggerConfig, Views, create_llm_logger};
use duologue::chat::{Request, Response, Usage};
use duologue::prompt::PromptLibrary;
use duologue::provider::{CallContext, Provider, ProviderError};
use duologue::{AgentRunner, AgentSpec};
use std::path::Path;
use std::time::Duration;

use super::Result;
use super::answer::{ANSWER, KEY, SYSTEM};

/// The agent.
pub(crate) fn spec() -> AgentSpec {
    let mut spec = AgentSpec::new("planner", "planner", "gpt-5-mini");
    spec.temperature = Some(0.2);
    spec
}

/// Its prompts.
pub(crate) fn prompts() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("planner/system.tera", SYSTEM),
        (
            "planner/user.tera",
            "Make a plan about this topic: {{ topic }}",
        ),
    ])
}

/// A log in `folder` with standard records, sanitized, and these views.
pub(crate) fn log(folder: &Path, views: Views) -> Result<CallLog> {
    let llm_logging = LlmLogging {
        views,
        ..LlmLogging::default()
    };
    Ok(create_llm_logger(&LoggerConfig {
        output_dir: folder.to_owned(),
        llm_logging,
        ..LoggerConfig::default()
    })?)
}

/// A provider without a network: it sleeps and answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sleeping(pub Duration);

#[async_trait]
impl Provider for Sleeping {
    fn name(&self) -> &'static str {
        "sleeping"
    }

    async fn generate_json(
        &self,
        _request: &Request,
        call: &CallContext,
    ) -> std::result::Result<Response, ProviderError> {
        let attempt = call.attempts().open();
        if !self.0.is_zero() {
            tokio::time::sleep(self.0).await;
        }
        attempt.close(None);
        Ok(Response::text(ANSWER).with_usage(Usage::new(318, 172)))
    }
}

/// A runner over [`Sleeping`].
pub(crate) fn sleeping(delay: Duration, log: CallLog) -> AgentRunner {
    AgentRunner::builder(Sleeping(delay), prompts())
        .logger(log)
        .build()
}

/// A runner over HTTP.
#[cfg(feature = "http")]
pub(crate) fn runner(base_url: &str, log: CallLog) -> Result<AgentRunner> {
    let provider = duologue::provider::OpenAiProvider::builder()
        .base_url(base_url)
        .api_key(KEY)
        .build()?;
    Ok(AgentRunner::builder(provider, prompts())
        .logger(log)
        .build())
}
