//! What a parser says, in the words of the person who wrote the file.

use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::text;

/// Longest value and longest line that an error repeats.
const MAX_SHOWN: usize = 80;

/// The error for a file that is not well formed, with the line at `place` (line and column, from 1).
pub(super) fn broken(
    path: &Path,
    format: &str,
    content: &str,
    place: Option<(usize, usize)>,
    message: &str,
) -> Error {
    let file = path.display();
    let Some((line, column)) = place.filter(|(line, _)| *line > 0) else {
        return Error::new(ErrorKind::Config, format!("`{file}` is not valid {format}"))
            .with_source(message.to_owned());
    };
    let message = message
        .trim_start_matches("error: ")
        .trim_start_matches(&format!("line {line} column {column}: "))
        .trim_end_matches(&format!(" at line {line} column {column}"))
        .trim_end_matches(&format!(" at line {line}, column {column}"));
    let shown = content.lines().nth(line - 1).unwrap_or_default().trim_end();
    Error::new(
        ErrorKind::Config,
        format!("`{file}` is not valid {format} in line {line}, column {column}"),
    )
    .with_source(format!(
        "{message}\n{line} | {}",
        text::clip(shown, MAX_SHOWN)
    ))
}

/// The error for a value that serde refused at `path` of `origin`; `others` are keys that are allowed
/// there, and that serde does not know.
pub(super) fn refused(origin: &str, path: &str, message: &str, others: &[&str]) -> Error {
    let at = |path: &str| match path {
        "" => origin.to_owned(),
        path => format!("{origin}, key `{path}`"),
    };
    let config = |message: String| Error::new(ErrorKind::Config, message);
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field ") {
        let name = quoted.next().unwrap_or_default();
        let key = match path {
            "" => name,
            path => path,
        };
        let known: Vec<&str> = quoted.chain(others.iter().copied()).collect();
        return config(format!("{origin}: unknown key `{key}`"))
            .with_hint(text::did_you_mean(name, known.iter().copied()));
    }
    if message.starts_with("unknown variant ") {
        let name = quoted.next().unwrap_or_default();
        return config(format!("{}: is `{name}`", at(path)))
            .with_hint(format!("allowed: {}", text::quoted_list(quoted)));
    }
    if message.starts_with("missing field ") {
        let name = quoted.next().unwrap_or_default();
        let key = match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        return config(format!("{origin}: key `{key}` is missing"));
    }
    // Serde also reads a mapping from a list of its values, and counts those.
    if message.starts_with("invalid length ") && message.contains("expected struct ") {
        return config(format!("{}: is a list", at(path)))
            .with_hint("allowed: a mapping of keys to values");
    }
    let mismatch = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.rsplit_once(", expected "));
    match mismatch {
        Some((found, expected)) => config(format!("{}: is {}", at(path), found_words(found)))
            .with_hint(format!("allowed: {}", expected_words(expected))),
        None => config(format!("{}: {message}", at(path))),
    }
}

/// What serde calls the value that it met.
fn found_words(found: &str) -> String {
    let shown = |value: &str| text::clip(value.trim_matches('`'), MAX_SHOWN);
    match found.split_once(' ') {
        Some(("string", value)) => format!("the text {}", text::clip(value, MAX_SHOWN)),
        Some(("integer" | "boolean", value)) => shown(value),
        Some(("floating", value)) => shown(value.trim_start_matches("point ")),
        _ => match found {
            "null" | "unit value" => "empty".to_owned(),
            "sequence" => "a list".to_owned(),
            "map" => "a mapping".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// What serde wanted, without the names of Rust's types.
fn expected_words(expected: &str) -> &str {
    match expected {
        "a string" | "string or map" | "path string" => "a text",
        "a boolean" => "`true` or `false`",
        "f64" | "f32" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        nonzero if nonzero.starts_with("a nonzero ") => "a whole number, 1 or more",
        "a sequence" => "a list",
        "a map" => "a mapping of keys to values",
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum ") => {
            "a mapping of keys to values"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_value_is_shown_with_what_is_allowed() {
        let error = refused(
            "`job.yaml`",
            "concurrency",
            "invalid type: string \"many\", expected usize",
            &[],
        );
        assert_eq!(
            error.to_string(),
            "`job.yaml`, key `concurrency`: is the text \"many\""
        );
        assert_eq!(error.hint(), Some("allowed: a whole number, 0 or more"));
    }
}
