//! Azure: where requests go, what names the deployment, and whose key leaves.

use duologue::ErrorKind;
use duologue::chat::{Message, Request};
use duologue::env::Environment;
use duologue::provider::{
    AzureOpenAi, AzureOpenAiProvider, CallContext, HttpProviderBuilder, Provider,
};
use serde_json::Value;

use super::server::{Action, Server, good};

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
