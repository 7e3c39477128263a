//! An object as a document: which of its fields is the id, the URL and the text.

use serde_json::{Map, Value};

use super::Document;
use crate::error::{Error, ErrorKind};
use crate::text;

const URLS: &[&str] = &["url", "source_url", "link"];
const TEXTS: &[&str] = &["text", "markdown", "content"];

/// A longer id is a field that is none.
const MAX_ID_BYTES: usize = 1_000;

/// Under which names the fields of a document are found. `meta.title` is the field `title` of the
/// object `meta`, unless a field bears the whole name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldNames {
    /// The id. Default: `id`, else one that is made of the document's place.
    pub id: Option<String>,
    /// The URL. Default: the first of `url`, `source_url` and `link` that holds one.
    pub url: Option<String>,
    /// The text. Default: the first of `text`, `markdown` and `content` that holds one.
    pub text: Option<String>,
}

impl FieldNames {
    /// The same names, with the id under `name`.
    pub fn with_id(mut self, name: impl Into<String>) -> Self {
        self.id = Some(name.into());
        self
    }

    /// The same names, with the URL under `name`.
    pub fn with_url(mut self, name: impl Into<String>) -> Self {
        self.url = Some(name.into());
        self
    }

    /// The same names, with the text under `name`.
    pub fn with_text(mut self, name: impl Into<String>) -> Self {
        self.text = Some(name.into());
        self
    }

    /// Where a text is looked for.
    pub(super) fn texts(&self) -> Vec<&str> {
        match &self.text {
            Some(name) => vec![name],
            None => TEXTS.to_vec(),
        }
    }

    /// `object` as a document, whose id is `made` when it has none.
    pub(super) fn document(&self, mut object: Map<String, Value>, made: String) -> Found {
        let id = match take_id(&mut object, self.id.as_deref().unwrap_or("id")) {
            Ok(id) => id,
            Err(error) => return Found::Broken { id: None, error },
        };
        let text = match take_text(&mut object, &self.texts(), true) {
            Ok(Some(text)) => text,
            Ok(None) => return Found::WithoutText,
            Err(error) => return Found::Broken { id, error },
        };
        let url = match &self.url {
            Some(name) => take_text(&mut object, &[name], true),
            // What happens to bear a common name need not be a URL.
            None => take_text(&mut object, URLS, false),
        };
        match url {
            Ok(url) => Found::Document(Document {
                id: id.unwrap_or(made),
                url,
                text,
                fields: object,
            }),
            Err(error) => Found::Broken { id, error },
        }
    }
}

/// What an item of a source is.
pub(super) enum Found {
    Document(Document),
    WithoutText,
    Broken { id: Option<String>, error: Error },
}

impl Found {
    pub(super) fn broken(error: Error) -> Self {
        Self::Broken { id: None, error }
    }

    /// The same, an error led by its place.
    pub(super) fn at(self, place: &str) -> Self {
        match self {
            Self::Broken { id, error } => Self::Broken {
                id,
                error: error.within(place),
            },
            other => other,
        }
    }
}

fn take_id(object: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    let id = match lookup(object, name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(id)) if id.trim().is_empty() => return Ok(None),
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        Some(other) => return Err(wrong_type(name, other, "a text or a number")),
    };
    if id.len() > MAX_ID_BYTES {
        let message = format!("`{name}` has {} bytes", id.len());
        let hint = format!("allowed: an id of up to {MAX_ID_BYTES} bytes");
        return Err(Error::new(ErrorKind::Config, message).with_hint(hint));
    }
    take(object, name);
    Ok(Some(id))
}

/// The first of these fields that holds a text. Another kind of value is an error if `strictly`.
fn take_text(
    object: &mut Map<String, Value>,
    names: &[&str],
    strictly: bool,
) -> Result<Option<String>, Error> {
    let mut wrong = None;
    for name in names {
        match lookup(object, name) {
            Some(Value::String(text)) if !text.trim().is_empty() => {
                return Ok(match take(object, name) {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                });
            }
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => wrong = wrong.or(Some(wrong_type(name, other, "a text"))),
        }
    }
    wrong.filter(|_| strictly).map_or(Ok(None), Err)
}

fn wrong_type(name: &str, found: &Value, allowed: &str) -> Error {
    let name = text::clip(name, 64);
    Error::new(ErrorKind::Config, format!("`{name}` is {}", kind_of(found)))
        .with_hint(format!("allowed: {allowed}"))
}

/// What a value is, with its article.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn lookup<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    lookup(object.get(first)?.as_object()?, rest)
}

fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(value) = object.shift_remove(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    take(object.get_mut(first)?.as_object_mut()?, rest)
}
