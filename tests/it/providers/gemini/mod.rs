//! Gemini: what goes out, what comes back in one piece or many, and a server not written here.

mod answers;
mod encode;
mod schema;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod streams;

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::Path;

use duologue::chat::Response;
use duologue::provider::ProviderError;

/// Compares each file below `tests/it/fixtures/{folder}` with what `outcome` makes of its first part;
/// the second, after a line `---`, is what is expected. `UPDATE_FIXTURES=1` writes that one anew.
fn check_fixtures(folder: &str, least: usize, outcome: impl Fn(&str) -> String) {
    const SEPARATOR: &str = "\n---\n";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= least, "only {} fixtures found", files.len());
    let mut wrong = String::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (given, expected) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
        let outcome = outcome(given);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, format!("{given}{SEPARATOR}{outcome}")).unwrap();
        } else if outcome != expected {
            let path = path.display();
            writeln!(wrong, "{path}\nexpected:\n{expected}got:\n{outcome}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn lines_of(result: &Result<Response, ProviderError>) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(lines, "{name}: {value}").unwrap();
        }
    };
    match result {
        Ok(response) => {
            line("text", Some(format!("{:?}", response.text)));
            let finish = response.finish_reason.as_ref();
            line("finish", finish.map(|reason| format!("{reason:?}")));
            line("reasoning", response.reasoning.clone());
            for call in &response.tool_calls {
                let call = format!("{} {} {}", call.id, call.name, call.arguments);
                line("tool call", Some(call));
            }
            let usage = response.usage;
            let known = !usage.is_unknown();
            line(
                "usage",
                known.then(|| serde_json::to_string(&usage).unwrap()),
            );
            line("model", response.model.clone());
            line("id", response.id.clone());
            let data = &response.provider_data;
            let kept = !data.is_empty();
            line("data", kept.then(|| serde_json::to_string(data).unwrap()));
        }
        Err(error) => {
            let again = if error.is_retryable() {
                "retryable"
            } else {
                "final"
            };
            line("error", Some(format!("{} ({again})", error.kind())));
            line("message", Some(error.to_string()));
            line("source", error.source().map(ToString::to_string));
            line(
                "retry after",
                error.retry_after().map(|wait| format!("{wait:?}")),
            );
            line("hint", error.hint().map(str::to_owned));
        }
    }
    lines
}
