//! Providers: what goes out, what comes back, and what happens in between.

mod anthropic;
#[cfg(feature = "http")]
mod azure;
mod decode;
mod encode;
mod fallback;
#[cfg(feature = "http")]
mod fallback_http;
mod gemini;
#[cfg(feature = "http")]
mod http;
mod limit;
mod limit_rates;
mod ollama;
#[cfg(feature = "http")]
mod outcome;
mod retry;
#[cfg(feature = "http")]
mod runtimes;
mod scripted;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod settings;
#[cfg(feature = "http")]
mod streams;
mod strict;
#[cfg(feature = "http")]
mod wire_table;

use duologue::ErrorKind;
use duologue::attempt::Attempt;
use duologue::chat::{Message, Request, Response};
use duologue::provider::{CallContext, Provider, ProviderError};

fn request() -> Request {
    Request::new("gpt-5-mini", vec![Message::user("answer in JSON")])
}

/// A provider without a key, and nothing else changed.
#[cfg(feature = "http")]
fn plain(base_url: &str) -> duologue::provider::OpenAiProvider {
    duologue::provider::OpenAiProvider::builder()
        .base_url(base_url)
        .no_api_key()
        .build()
        .unwrap()
}

/// One call and the attempts it made.
async fn call(provider: &dyn Provider) -> (Result<Response, ProviderError>, Vec<Attempt>) {
    let context = CallContext::new("planner");
    let result = provider.generate_json(&request(), &context).await;
    (result, context.attempts().to_vec())
}

fn kinds(attempts: &[Attempt]) -> Vec<Option<ErrorKind>> {
    attempts.iter().map(|attempt| attempt.error).collect()
}
