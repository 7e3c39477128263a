//! Azure: where requests go, what names the deployment, and whose key leaves.

use std::path::Path;

use duologue::ErrorKind;
use duologue::chat::{Message, Request};
use duologue::env::Environment;
use duologue::job::{Job, JobOverrides, JobStatus};
use duologue::provider::{
    AzureOpenAi, AzureOpenAiProvider, CallContext, HttpProviderBuilder, Provider,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::server::{Action, Server, good};
use crate::support::{Folder, folder};

fn environment() -> Environment {
    Environment::fixed([("AZURE_OPENAI_API_KEY", "azure-key-of-the-suite")])
}

/// The head of the one request, in lower case, and its body.
async fn sent(
    build: impl FnOnce(HttpProviderBuilder<AzureOpenAi>) -> HttpProviderBuilder<AzureOpenAi>,
) -> (String, Value) {
    let server = Server::start(|_, _| Action::Send(good()));
    let base_url = server.base_url().replace("/v1", "");
    let builder = AzureOpenAiProvider::builder()
        .base_url(base_url)
        .api_key("azure-key-of-the-suite");
    let provider = build(builder).build().unwrap();
    assert_eq!(provider.name(), "azure");
    let mut request = Request::new("gpt-5-mini", vec![Message::user("JSON")]);
    request.max_output_tokens = Some(9);
    let call = CallContext::new("planner");
    provider.generate_json(&request, &call).await.unwrap();
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn the_v1_api_names_the_deployment_in_the_body() {
    let (head, body) = sent(|builder| builder.deployment("planner-eu")).await;
    assert!(
        head.starts_with("post /openai/v1/chat/completions http"),
        "{head}"
    );
    assert!(head.contains("api-key: azure-key-of-the-suite"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!(body["model"], "planner-eu");
    assert_eq!(body["max_completion_tokens"], 9);
}

#[tokio::test]
async fn a_dated_version_has_the_deployment_in_its_address() {
    let (head, _) =
        sent(|builder| builder.api_version("2024-10-21").deployment("planner-eu")).await;
    let path = "post /openai/deployments/planner-eu/chat/completions?api-version=2024-10-21 http";
    assert!(head.starts_with(path), "{head}");
    let (head, body) = sent(|builder| builder.api_version("2024-10-21")).await;
    let path = "post /openai/deployments/gpt-5-mini/chat/completions?api-version=2024-10-21 http";
    assert!(head.starts_with(path), "{head}");
    assert_eq!(body["model"], "gpt-5-mini");
}

#[test]
fn the_key_of_the_environment_goes_to_azure_alone() {
    let build = |base_url: &str| {
        AzureOpenAiProvider::builder()
            .environment(environment())
            .base_url(base_url)
            .build()
    };
    build("https://tides.openai.azure.com").unwrap();
    build("https://tides.services.ai.azure.com/openai/v1").unwrap();
    for elsewhere in [
        "https://example.com",
        "http://tides.openai.azure.com",
        "https://openai.azure.com.example.com",
    ] {
        let error = build(elsewhere).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{elsewhere}");
    }
    let error = AzureOpenAiProvider::builder().build().unwrap_err();
    assert_eq!(error.to_string(), "`base_url` is missing");
}

/// A job of one agent with this provider.
fn job(provider: &str) -> (Folder, Result<Job, duologue::Error>) {
    let folder = folder();
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let text = format!(
        "run_id: azure\nprompts: {}\nprovider: {provider}\nagents:\n  - {{name: planner, prompt_pack: planner, model: gpt-5-mini, variables: {{topic: tides}}}}\n",
        prompts.display()
    );
    std::fs::write(folder.path().join("job.yaml"), text).unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "SUITE_KEY=azure-key-of-the-suite\n",
    )
    .unwrap();
    let job = Job::load(folder.path().join("job.yaml"), &JobOverrides::default());
    (folder, job)
}

#[tokio::test]
async fn a_job_names_deployment_and_version() {
    let server = Server::start(|_, _| Action::Send(good()));
    let base_url = server.base_url().replace("/v1", "");
    let (_folder, job) = job(&format!(
        "{{kind: azure, base_url: \"{base_url}\", api_key_env: SUITE_KEY, deployment: planner-eu, api_version: \"2024-10-21\"}}"
    ));
    let report = job
        .unwrap()
        .run(&CancellationToken::new(), &|_| {})
        .await
        .unwrap();
    assert_eq!(report.status, JobStatus::Succeeded, "{report:#?}");
    let request = server.requests().remove(0).to_lowercase();
    let path = "post /openai/deployments/planner-eu/chat/completions?api-version=2024-10-21 http";
    assert!(request.starts_with(path), "{request}");
    assert!(
        request.contains("api-key: azure-key-of-the-suite"),
        "{request}"
    );
}

#[test]
fn a_wrong_key_of_the_job_file_is_told_with_those_that_are_allowed() {
    let (_folder, job) = job("{kind: azure, deploiment: planner-eu}");
    let error = job.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = format!("{error:#} {}", error.hint().unwrap_or_default());
    assert!(text.contains("deploiment"), "{text}");
    assert!(text.contains("deployment"), "{text}");
}
