//! A response or a failure as lines, for the expectations below fixtures.

use std::error::Error as _;
use std::fmt::Write as _;

use duologue::chat::{Response, ToolCall};
use duologue::provider::ProviderError;

pub(super) fn response_lines(response: &Response) -> String {
    let mut lines = format!("text: {:?}\n", response.text);
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(lines, "{name}: {value}").unwrap();
        }
    };
    for ToolCall {
        id,
        name,
        arguments,
        ..
    } in &response.tool_calls
    {
        line("call", Some(format!("{id} {name} {arguments}")));
    }
    let reason = response.finish_reason.as_ref();
    line("finish", reason.map(|reason| format!("{reason:?}")));
    line("reasoning", response.reasoning.clone());
    line("refusal", response.refusal.clone());
    let usage = (!response.usage.is_unknown()).then_some(&response.usage);
    line(
        "usage",
        usage.map(|usage| serde_json::to_string(usage).unwrap()),
    );
    line("model", response.model.clone());
    line("id", response.id.clone());
    let data = (!response.provider_data.is_empty()).then_some(&response.provider_data);
    line(
        "data",
        data.map(|data| serde_json::to_string(data).unwrap()),
    );
    lines
}

pub(super) fn error_lines(error: &ProviderError) -> String {
    let again = if error.is_retryable() {
        "retryable"
    } else {
        "final"
    };
    let mut lines = format!("error: {} ({again})\nmessage: {error}\n", error.kind());
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(lines, "{name}: {value}").unwrap();
        }
    };
    // What the HTTP library says of a broken body is not ours.
    let source = error.source().map(ToString::to_string);
    line(
        "source",
        source.filter(|text| text.starts_with("the provider")),
    );
    line(
        "retry after",
        error.retry_after().map(|wait| format!("{wait:?}")),
    );
    line("hint", error.hint().map(str::to_owned));
    lines
}
