//! The Messages API and Ollama's, against a server that was not written here (aimock, from npm).

use std::path::Path;
use std::sync::{Arc, Mutex};

use duologue::call_log::RunLog;
use duologue::chat::{Delta, FinishReason, Message, Request, Response, ToolDefinition};
use duologue::job::{Job, JobOverrides, JobReport, JobStatus};
use duologue::provider::{AnthropicProvider, CallContext, OllamaProvider, Provider};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::aimock::{Aimock, KEY};
use crate::support::{Folder, folder};

/// The dialects, and where the server has them.
fn providers(server: &Aimock) -> Vec<(Arc<dyn Provider>, &'static str)> {
    let anthropic = AnthropicProvider::builder().base_url(&server.url);
    let ollama = OllamaProvider::builder().base_url(&server.url);
    vec![
        (
            Arc::new(anthropic.api_key(KEY).build().expect("a provider")),
            "/v1/messages",
        ),
        (
            Arc::new(ollama.api_key(KEY).build().expect("a provider")),
            "/api/chat",
        ),
    ]
}

/// A call and what was told of it.
async fn ask(provider: &dyn Provider, request: &Request, streamed: bool) -> (Response, String) {
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    let mut call = CallContext::new("planner");
    if streamed {
        call = call.with_listener(Arc::new(move |delta: &Delta<'_>| {
            if let Delta::Text(text) = delta {
                heard.lock().expect("no panic").push_str(text);
            }
        }));
    }
    let answer = provider.generate_json(request, &call).await;
    let told = told.lock().expect("no panic").clone();
    (answer.expect("an answer"), told)
}

#[tokio::test]
async fn a_tool_turn_is_answered_streamed_and_not() {
    let Some(server) = Aimock::start("dialects.json") else {
        return;
    };
    for (provider, path) in providers(&server) {
        for streamed in [false, true] {
            let question = Message::user("When is high tide in Brest? Answer in JSON.");
            let mut request = Request::new("tide-model", vec![question]);
            let harbour = json!({"type": "object", "properties": {"harbour": {"type": "string"}}});
            request.tools = vec![ToolDefinition::new("tides", "Says when.", harbour)];
            // The server then checks that thinking comes back with its signature.
            if path == "/v1/messages" {
                let thinking = json!({"type": "enabled", "budget_tokens": 1024});
                request.extra.insert("thinking".to_owned(), thinking);
            }

            let (response, _) = ask(&*provider, &request, streamed).await;

            assert_eq!(response.finish_reason, Some(FinishReason::ToolCalls));
            assert_eq!(response.reasoning.as_deref(), Some("Which harbour?"));
            let call = &response.tool_calls[0];
            assert_eq!(call.name, "tides");
            assert_eq!(call.arguments, json!({"harbour": "Brest"}));
            request.messages.push(Message::of_response(&response));
            request
                .messages
                .push(Message::tool(&call.id, "high at 06:12"));

            let (answer, told) = ask(&*provider, &request, streamed).await;

            assert_eq!(answer.text, r#"{"high": "06:12"}"#, "{path}");
            assert_eq!(answer.finish_reason, Some(FinishReason::Stop));
            assert_eq!(told, if streamed { answer.text } else { String::new() });
        }
        assert_eq!(server.requests(path), 4, "{path}");
    }
}

#[tokio::test]
async fn an_agent_runs_over_each_dialect() {
    let Some(server) = Aimock::start("dialects.json") else {
        return;
    };
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    for (provider, path) in providers(&server) {
        let runner = AgentRunner::new(Arc::clone(&provider), prompts.as_path());
        let spec = AgentSpec::new("planner", "planner", "planner-model");
        let plan = runner.run(&spec, json!({"topic": "tides"})).await;
        assert_eq!(plan.expect("a plan").data["title"], "Tides");
        assert_eq!(server.requests(path), 1, "{path}");
    }
}

/// A job folder with a provider of this kind, as YAML.
fn job(provider: &str) -> Folder {
    let folder = folder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        "run_id: real\nprompts: {prompts}\nprovider: {provider}\nagents:\n  \
         - {{name: planner, prompt_pack: planner, model: planner-model, response_schema: {schemas}/plan.json, variables: {{topic: tides}}}}\n  \
         - {{name: busy, prompt_pack: planner, model: broken-model, variables: {{topic: tides}}}}\n",
        prompts = root.join("prompts").display(),
        schemas = root.join("examples/jobs/schemas").display(),
    );
    std::fs::write(folder.path().join("job.yaml"), text).expect("the job is written");
    std::fs::write(folder.path().join(".env"), format!("SUITE_KEY={KEY}\n"))
        .expect("the key is written");
    folder
}

async fn run(folder: &Folder) -> JobReport {
    let job = Job::load(folder.path().join("job.yaml"), &JobOverrides::default());
    let job = job.expect("the job is fine");
    let report = job.run(&CancellationToken::new(), &|_| {}).await;
    report.expect("the job runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_names_its_provider_by_kind() {
    let Some(server) = Aimock::start("dialects.json") else {
        return;
    };
    for (kind, path) in [("anthropic", "/v1/messages"), ("ollama", "/api/chat")] {
        let folder = job(&format!(
            "{{kind: {kind}, base_url: \"{}\", api_key_env: SUITE_KEY, max_retries: 1}}",
            server.url
        ));

        let report = run(&folder).await;

        assert_eq!(report.status, JobStatus::Partial, "{report:#?}");
        let plan = report.results[0].data.as_ref().expect("a plan");
        assert_eq!(plan["title"], "Tides");
        let failure = report.results[1].error.as_ref().expect("an error");
        assert_eq!(failure.kind, ErrorKind::Unavailable);
        let log = RunLog::open(folder.path().join("artifacts/real")).expect("a log");
        let records = log.records();
        assert!(records.iter().all(|record| record.provider == kind));
        let attempts: usize = records.iter().map(|record| record.attempts.len()).sum();
        assert_eq!(attempts, 3, "a plan, a failure and its retry");
        assert_eq!(server.requests(path), attempts, "{kind}");
    }
}
