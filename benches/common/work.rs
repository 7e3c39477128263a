//! The work that is measured: one structured call with a strict schema and a typed answer of
//! 700 bytes, as this crate does it and by hand.

use async_trait::async_trait;
use duologue::call_log::{CallLog, LlmLogging, LoggerConfig, Views, create_llm_logger};
use duologue::chat::{Request, Response, Usage};
use duologue::prompt::PromptLibrary;
use duologue::provider::{CallContext, Provider, ProviderError};
use duologue::{AgentRunner, AgentSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

use super::Result;

/// The answer that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// A short title.
    pub(crate) title: String,
    /// Hours of work.
    pub(crate) hours: f64,
    /// How sure the planner is, in percent.
    pub(crate) confidence: u8,
    /// The steps in their order.
    pub(crate) steps: Vec<Step>,
    /// What may go wrong.
    pub(crate) risks: Vec<String>,
}

/// One step of a [`Plan`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// A few words.
    pub(crate) name: String,
    /// One or two sentences.
    pub(crate) detail: String,
    /// Whether the step may be left out.
    pub(crate) optional: bool,
}

/// The answer, 700 bytes of JSON.
pub(crate) const ANSWER: &str = r#"{"title":"Read the tides at the harbour","hours":6.5,"confidence":87,"steps":[{"name":"Find the gauge","detail":"Walk to the end of the eastern pier and look for the white staff with black marks.","optional":false},{"name":"Write down the level","detail":"Every thirty minutes, note time and level in metres to two digits; take the mean of five waves.","optional":false},{"name":"Compare with the table","detail":"Look the day up in the printed table and note the difference of each high and low water.","optional":false},{"name":"Draw a curve","detail":"Put the levels on paper and draw a smooth line.","optional":true}],"risks":["Strong wind moves the level by decimetres.","The staff is frozen."]}"#;

const SYSTEM: &str = "You are a planner. You turn a topic into a short plan that somebody else can carry out without asking back.\n\nRules:\n- Order the steps so that each one needs only what the steps before it produced.\n- A step has one outcome that can be checked. Name it in a few words; say in one or two sentences how to get there.\n- Use between 3 and 7 steps. Leave out what does not bring the plan forward.\n";

/// What a server sends back.
pub(crate) fn completion() -> String {
    serde_json::json!({
        "id": "chatcmpl-9f86d081884c7d65",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-5-mini-2026-08-07",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER, "refusal": null},
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 318,
            "completion_tokens": 172,
            "total_tokens": 490,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    })
    .to_string()
}

/// The topic of call `number`: no two prompts are the same.
pub(crate) fn topic(number: usize) -> String {
    format!("how to read the tides at a harbour without instruments, for the crew of boat {number}")
}

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
    let mut llm_logging = LlmLogging::default();
    llm_logging.views = views;
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

#[cfg(feature = "openai")]
pub(crate) use http::{Bare, runner};

#[cfg(feature = "openai")]
mod http {
    use duologue::provider::OpenAiProvider;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::{
        AgentRunner, CallLog, Deserialize, JsonSchema, Plan, Result, SYSTEM, prompts, topic,
    };

    const KEY: &str = "bench-key-without-value";

    /// A runner over HTTP.
    pub(crate) fn runner(base_url: &str, log: CallLog) -> Result<AgentRunner> {
        let provider = OpenAiProvider::builder()
            .base_url(base_url)
            .api_key(KEY)
            .build()?;
        Ok(AgentRunner::builder(provider, prompts())
            .logger(log)
            .build())
    }

    /// The same call by hand: reqwest and serde, nothing else.
    #[derive(Debug)]
    pub(crate) struct Bare {
        client: reqwest::Client,
        url: String,
        format: Value,
    }

    #[derive(Serialize)]
    struct Body<'a> {
        model: &'a str,
        messages: [Message<'a>; 2],
        temperature: f64,
        response_format: &'a Value,
    }

    #[derive(Serialize)]
    struct Message<'a> {
        role: &'a str,
        content: &'a str,
    }

    #[derive(Deserialize)]
    struct Completion {
        choices: Vec<Choice>,
        usage: Usage,
    }

    #[derive(Deserialize)]
    struct Choice {
        message: Answer,
    }

    #[derive(Deserialize)]
    struct Answer {
        content: String,
    }

    #[derive(Deserialize)]
    struct Usage {
        prompt_tokens: u64,
        completion_tokens: u64,
    }

    impl Bare {
        /// A client for the server at `base_url`.
        pub(crate) fn new(base_url: &str) -> Result<Self> {
            Ok(Self {
                client: reqwest::Client::builder()
                    .no_proxy()
                    .tls_certs_only([])
                    .build()?,
                url: format!("{base_url}/chat/completions"),
                format: json!({
                    "type": "json_schema",
                    "json_schema": {"name": "planner", "strict": true, "schema": schema_of::<Plan>()},
                }),
            })
        }

        /// Asks for the plan of `number`.
        pub(crate) async fn call(&self, number: usize) -> Result<(Plan, u64)> {
            let user = format!("Make a plan about this topic: {}", topic(number));
            let body = serde_json::to_vec(&Body {
                model: "gpt-5-mini",
                messages: [
                    Message {
                        role: "system",
                        content: SYSTEM,
                    },
                    Message {
                        role: "user",
                        content: &user,
                    },
                ],
                temperature: 0.2,
                response_format: &self.format,
            })?;
            let answer = self
                .client
                .post(&self.url)
                .bearer_auth(KEY)
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await?;
            let completion: Completion = serde_json::from_slice(&answer)?;
            let choice = completion.choices.first().ok_or("no choice")?;
            let plan = serde_json::from_str(&choice.message.content)?;
            let usage = completion.usage;
            Ok((plan, usage.prompt_tokens + usage.completion_tokens))
        }
    }

    fn schema_of<T: JsonSchema>() -> Value {
        schemars::schema_for!(T).to_value()
    }
}
