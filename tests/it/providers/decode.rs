//! What servers send back: one file per case, with the outcome below the answer.
//!
//! A file holds a status line, headers, a blank line, the body, a line `---` and what `decode` makes
//! of it. `UPDATE_FIXTURES=1` writes that part anew; review the difference by eye.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use duologue::chat::Response;
use duologue::provider::openai::decode;
use duologue::provider::{HttpAnswer, ProviderError};

const SEPARATOR: &str = "\n---\n";

#[test]
fn every_fixture_is_understood_as_written_below_it() {
    let mut wrong = String::new();
    let files = fixtures();
    assert!(files.len() > 50, "only {} fixtures found", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (answer, expected) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
        let outcome = outcome(answer);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, format!("{answer}{SEPARATOR}{outcome}")).unwrap();
        } else if outcome != expected {
            writeln!(
                wrong,
                "{}\nexpected:\n{expected}got:\n{outcome}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/openai");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn outcome(answer: &str) -> String {
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap().strip_prefix("HTTP ").unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let answer = HttpAnswer {
        status: status.parse().unwrap(),
        headers: &headers,
        body: body.as_bytes(),
    };
    match decode(&answer, "gpt-5-mini") {
        Ok(response) => response_lines(&response),
        Err(error) => error_lines(&error),
    }
}

pub(super) fn response_lines(response: &Response) -> String {
    let mut lines = format!("text: {:?}\n", response.text);
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(lines, "{name}: {value}").unwrap();
        }
    };
    line(
        "finish",
        response
            .finish_reason
            .as_ref()
            .map(|reason| format!("{reason:?}")),
    );
    line("reasoning", response.reasoning.clone());
    line("refusal", response.refusal.clone());
    line(
        "calls",
        (!response.tool_calls.is_empty())
            .then(|| serde_json::to_string(&response.tool_calls).unwrap()),
    );
    line(
        "usage",
        (!response.usage.is_unknown()).then(|| serde_json::to_string(&response.usage).unwrap()),
    );
    line("model", response.model.clone());
    line("id", response.id.clone());
    line(
        "data",
        (!response.provider_data.is_empty())
            .then(|| serde_json::to_string(&response.provider_data).unwrap()),
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
    line("source", error.source().map(ToString::to_string));
    line(
        "retry after",
        error.retry_after().map(|wait| format!("{wait:?}")),
    );
    line("hint", error.hint().map(str::to_owned));
    lines
}
