//! What a provider says about a failure, wherever in the body it says it.

use std::error::Error as StdError;
use std::fmt;

use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::{secret, text};

/// Longer words of a provider are clipped.
const MAX_CHARS: usize = 300;

/// The provider's words, as found in the body.
#[derive(Debug, Default)]
pub(in crate::provider) struct Words {
    /// The message; empty when there is none worth quoting.
    pub(in crate::provider) message: String,
    /// `code`, `type` and `status` in lower case, whichever were text.
    pub(in crate::provider) codes: Vec<String>,
    /// A `code` that is an HTTP status.
    pub(in crate::provider) status: Option<u16>,
}

/// What the body is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::provider) enum Shape {
    /// JSON, with or without an error in it.
    Json,
    /// JSON that ends in the middle.
    CutJson,
    /// What begins as a JSON object and is none.
    BrokenJson,
    /// An event stream.
    Stream,
    /// An HTML page.
    Html,
    /// Nothing.
    Empty,
    /// Anything else.
    Text,
}

impl Words {
    /// Reads a failure's body: `{"error":{…}}`, `{"error":"…"}`, `{"detail":…}`, `{"message":…}`, a
    /// list of one of these, HTML, plain text or nothing.
    pub(in crate::provider) fn read(body: &[u8]) -> (Shape, Self) {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        match serde_json::from_str::<Value>(text) {
            _ if text.is_empty() => (Shape::Empty, Self::default()),
            Ok(value @ (Value::Object(_) | Value::Array(_))) => {
                (Shape::Json, Self::from_json(&value))
            }
            Err(error) if error.is_eof() && text.starts_with(['{', '[']) => {
                (Shape::CutJson, Self::default())
            }
            Err(_) if text.starts_with('{') => (Shape::BrokenJson, Self::from_text(text)),
            Err(_) if text.starts_with('<') => (Shape::Html, Self::default()),
            Err(_) if text.starts_with("data:") || text.starts_with("event:") => {
                (Shape::Stream, Self::default())
            }
            Ok(_) | Err(_) => (Shape::Text, Self::from_text(text)),
        }
    }

    /// The words of an error value, as it stands in a body or in a choice.
    pub(in crate::provider) fn from_json(value: &Value) -> Self {
        let mut words = Self::default();
        words.collect(value, 0);
        words
    }

    fn from_text(text: &str) -> Self {
        Self {
            message: text.to_owned(),
            ..Self::default()
        }
    }

    fn collect(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) if self.message.is_empty() => self.message.clone_from(text),
            Value::Array(list) if depth < 4 => {
                for item in list {
                    self.collect(item, depth + 1);
                }
            }
            Value::Object(map) if depth < 4 => self.collect_object(map, depth),
            _ => {}
        }
    }

    fn collect_object(&mut self, map: &Map<String, Value>, depth: usize) {
        for key in ["code", "type", "status"] {
            match map.get(key) {
                Some(Value::String(code)) => self.code(code),
                Some(Value::Number(code)) => self.number(code.as_f64()),
                _ => {}
            }
        }
        // `msg` is FastAPI's, inside of the list under `detail`; `innererror` is Azure's.
        for key in ["message", "msg", "error", "detail", "errors", "innererror"] {
            if let Some(inner) = map.get(key) {
                self.collect(inner, depth + 1);
            }
        }
    }

    fn code(&mut self, code: &str) {
        match code.trim().parse::<f64>() {
            Ok(number) => self.number(Some(number)),
            Err(_) => self.codes.push(code.trim().to_ascii_lowercase()),
        }
    }

    fn number(&mut self, code: Option<f64>) {
        let status = (400..600).find(|status| code == Some(f64::from(*status)));
        self.status = self.status.or(status);
    }

    /// Whether one of the codes is among `known`.
    pub(in crate::provider) fn has_code(&self, known: &[&str]) -> bool {
        self.codes.iter().any(|code| known.contains(&code.as_str()))
    }

    /// Whether a code or the message contains one of `phrases` (lower case).
    pub(in crate::provider) fn mentions(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| {
            message.contains(phrase) || self.codes.iter().any(|code| code.contains(phrase))
        })
    }

    /// The words as an error's source: one line, clipped, this process's secrets replaced.
    pub(in crate::provider) fn into_source(self) -> Option<ProviderWords> {
        let mut line = self
            .message
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if line.is_empty() {
            line.clone_from(self.codes.first()?);
        }
        let mut secrets = secret::all();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        for secret in &secrets {
            line = line.replace(secret.expose_secret(), "***");
        }
        Some(ProviderWords(text::clip(&line, MAX_CHARS)))
    }
}

/// What the provider said. It may echo parts of a prompt, and so stays below the error's own line.
#[derive(Debug)]
pub(in crate::provider) struct ProviderWords(String);

impl fmt::Display for ProviderWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the provider said: {}", self.0)
    }
}

impl StdError for ProviderWords {}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    #[test]
    fn the_processs_own_secrets_are_not_repeated() {
        let key = format!("key-{}", "w0rds".repeat(4));
        secret::register(&SecretString::from(key.clone()));
        let words = Words::from_text(&format!("bad key\n{key} given"));
        assert_eq!(
            words
                .into_source()
                .map(|words| words.to_string())
                .as_deref(),
            Some("the provider said: bad key *** given")
        );
    }
}
