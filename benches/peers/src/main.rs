//! One structured call as other crates make it, to the server that the main benches use.
//!
//! `duologue-peers MODE CALLS`, where MODE is bare, async-openai, genai or rig.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the shared files serve more than this"
)]

#[path = "../../common/answer.rs"]
mod answer;
#[path = "../../common/bare.rs"]
mod bare;
#[path = "../../common/server.rs"]
mod server;
#[path = "../../common/stages.rs"]
mod stages;

use std::time::{Duration, Instant};

use answer::{KEY, Plan, SYSTEM, topic};

/// The outcome of a part.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn user(number: usize) -> String {
    format!("Make a plan about this topic: {}", topic(number))
}

async fn bare(base_url: &str, calls: usize) -> Result {
    let bare = bare::Bare::new(base_url)?;
    for number in 0..calls {
        assert_eq!(bare.call(number).await?.0.steps.len(), 4);
    }
    Ok(())
}

async fn async_openai(base_url: &str, calls: usize) -> Result {
    use async_openai::types::chat::{
        ChatCompletionRequestSystemMessageArgs, ChatCompletionRequestUserMessageArgs,
        CreateChatCompletionRequestArgs, ResponseFormat, ResponseFormatJsonSchema,
    };
    let config = async_openai::config::OpenAIConfig::new()
        .with_api_base(base_url)
        .with_api_key(KEY);
    let client = async_openai::Client::with_config(config);
    let schema = schemars::schema_for!(Plan).to_value();
    for number in 0..calls {
        let system = ChatCompletionRequestSystemMessageArgs::default()
            .content(SYSTEM)
            .build()?;
        let user = ChatCompletionRequestUserMessageArgs::default()
            .content(user(number))
            .build()?;
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-5-mini")
            .temperature(0.2)
            .messages([system.into(), user.into()])
            .response_format(ResponseFormat::JsonSchema {
                json_schema: ResponseFormatJsonSchema {
                    name: "planner".to_owned(),
                    description: None,
                    schema: schema.clone(),
                    strict: Some(true),
                },
            })
            .build()?;
        let response = client.chat().create(request).await?;
        let choice = response.choices.first().ok_or("no choice")?;
        let text = choice.message.content.as_deref().unwrap_or_default();
        assert_eq!(serde_json::from_str::<Plan>(text)?.steps.len(), 4);
    }
    Ok(())
}

async fn genai(base_url: &str, calls: usize) -> Result {
    use genai::adapter::AdapterKind;
    use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, JsonSpec};
    use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
    use genai::{ModelIden, ServiceTarget};
    let endpoint = format!("{base_url}/");
    let target = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> std::result::Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(endpoint.clone()),
                auth: AuthData::from_single(KEY),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    let client = genai::Client::builder()
        .with_service_target_resolver(target)
        .build()?;
    let format = JsonSpec::new("planner", schemars::schema_for!(Plan).to_value());
    let options = ChatOptions::default()
        .with_temperature(0.2)
        .with_response_format(ChatResponseFormat::JsonSpec(format));
    for number in 0..calls {
        let request = ChatRequest::default()
            .with_system(SYSTEM)
            .append_message(ChatMessage::user(user(number)));
        let response = client
            .exec_chat("gpt-5-mini", request, Some(&options))
            .await?;
        let text = response.first_text().ok_or("no text")?;
        assert_eq!(serde_json::from_str::<Plan>(text)?.steps.len(), 4);
    }
    Ok(())
}

async fn rig(base_url: &str, calls: usize) -> Result {
    use rig_core::client::CompletionClient;
    use rig_core::completion::TypedPrompt;
    use rig_core::providers::openai;
    let client = openai::Client::builder()
        .api_key(KEY)
        .base_url(base_url)
        .build()?
        .completions_api();
    let agent = client
        .agent("gpt-5-mini")
        .preamble(SYSTEM)
        .temperature(0.2)
        .build();
    for number in 0..calls {
        let plan: Plan = agent.prompt_typed(user(number)).await?;
        assert_eq!(plan.steps.len(), 4);
    }
    Ok(())
}

fn main() -> Result {
    if server::was_server()? {
        return Ok(());
    }
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().ok_or("which mode?")?;
    let calls: usize = arguments.next().ok_or("how many calls?")?.parse()?;
    let server = server::Server::start(Duration::ZERO)?;
    let url = &server.base_url;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    runtime.block_on(async {
        match mode.as_str() {
            "bare" => bare(url, calls).await,
            "async-openai" => async_openai(url, calls).await,
            "genai" => genai(url, calls).await,
            "rig" => rig(url, calls).await,
            _ => Err(format!("`{mode}` is no mode").into()),
        }
    })?;
    let micros = begun.elapsed().as_secs_f64() * 1e6 / calls as f64;
    println!("{mode:13} {micros:8.1} µs per call");
    Ok(())
}
