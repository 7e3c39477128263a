//! The floor: the same call with reqwest and serde, and nothing else.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Result;
use super::answer::{KEY, Plan, SYSTEM, topic};

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
                "json_schema": {"name": "planner", "strict": true, "schema": schemars::schema_for!(Plan).to_value()},
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
