//! Reading YAML and JSON into typed data, with errors that name the file, the key and what is allowed.
//!
//! This is the only file that names the YAML crate for reading.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

pub(crate) mod duration;
mod explain;
mod path;

pub(crate) use path::{shown, tidy};

/// The content of a YAML or JSON file, whichever its ending says (`.json`, else YAML).
pub(crate) fn read_value(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(Error::new(
            ErrorKind::Config,
            format!("`{}` is empty", path.display()),
        ));
    }
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if is_json {
        serde_json::from_str(text).map_err(|error| {
            let place = (error.line(), error.column());
            explain::broken(path, "JSON", text, Some(place), &error.to_string())
        })
    } else {
        serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map(|place| {
                let number = |figure| usize::try_from(figure).unwrap_or(usize::MAX);
                (number(place.line()), number(place.column()))
            });
            let message = error
                .without_snippet()
                .render_with_formatter(&serde_yaml::UserMessageFormatter);
            explain::broken(path, "YAML", text, place, &message)
        })
    }
}

/// `document` as YAML.
pub(crate) fn to_yaml(document: &impl serde::Serialize) -> Result<String> {
    serde_yaml::to_string(document).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "the document cannot be written as YAML",
        )
        .with_source(error)
    })
}

/// The content of a YAML text that comes with the crate.
pub(crate) fn value_of(text: &str) -> Result<Value> {
    serde_yaml::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Internal, "a bundled file is no YAML").with_source(error)
    })
}

/// `value` as a `T`; `origin` (a file name) stands in the error.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value, origin: &str) -> Result<T> {
    from_value_at(value, origin, "")
}

/// [`from_value`], where `value` is what `origin` holds under `key`.
pub(crate) fn from_value_at<T: DeserializeOwned>(
    value: Value,
    origin: &str,
    key: &str,
) -> Result<T> {
    from_value_beside(value, origin, key, &[])
}

/// [`from_value_at`], where keys that somebody else reads stand beside those of `T`.
pub(crate) fn from_value_beside<T: DeserializeOwned>(
    value: Value,
    origin: &str,
    key: &str,
    others: &[&str],
) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let others = if inner.contains(['.', '[']) {
            &[]
        } else {
            others
        };
        let path = match (key, inner.as_str()) {
            (key, ".") => key.to_owned(),
            ("", inner) => inner.to_owned(),
            (key, inner) => format!("{key}.{inner}"),
        };
        explain::refused(origin, &path, &error.into_inner().to_string(), others)
    })
}

/// The error for a value that is not allowed at `place`.
pub(crate) fn not_allowed(place: &str, value: &Value, allowed: &str) -> Error {
    let shown = match value {
        Value::Null => "empty".to_owned(),
        Value::String(text) if text.trim().is_empty() => "empty".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => format!("the text {text:?}"),
        single => single.to_string(),
    };
    Error::new(ErrorKind::Config, format!("{place}: is {shown}"))
        .with_hint(format!("allowed: {allowed}"))
}

/// Sets one value by its dotted key: `a.b.0=c`. Lists are indexed; missing mappings are made.
pub(crate) fn set(root: &mut Value, assignment: &str) -> Result<()> {
    let broken = |why: String| {
        Error::new(
            ErrorKind::Config,
            format!("cannot set `{assignment}`: {why}"),
        )
        .with_hint("allowed: `key.key.0=value`")
    };
    let (path, text) = assignment
        .split_once('=')
        .ok_or_else(|| broken("there is no `=`".to_owned()))?;
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let mut place = root;
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = match place {
            Value::Object(map) => map.entry(key).or_insert(Value::Null),
            Value::Array(list) => {
                let length = list.len();
                let index: usize = key
                    .parse()
                    .map_err(|_| broken(format!("`{key}` is no index into a list")))?;
                list.get_mut(index)
                    .ok_or_else(|| broken(format!("index {index} is beyond a list of {length}")))?
            }
            _ => return Err(broken(format!("`{key}` lies below a single value"))),
        };
    }
    *place = value;
    Ok(())
}

/// The lines of a JSONL file, each an object; empty lines are skipped.
pub(crate) fn read_objects(path: &Path) -> Result<Vec<serde_json::Map<String, Value>>> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| {
                let place = format!(
                    "`{}` line {} is not a JSON object",
                    path.display(),
                    index + 1
                );
                // The parser saw one line alone; its place there would mislead.
                let cause = error.to_string();
                let cause = cause.split(" at line 1 column ").next().unwrap_or_default();
                Error::new(ErrorKind::Config, place)
                    .with_source(cause.to_owned())
                    .with_hint("allowed: one object of variables per line")
            })
        })
        .collect()
}

/// The error for a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("cannot read `{}`", path.display()),
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its name matters")]
        log_level: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its name matters")]
        inner: Vec<Sample>,
    }

    #[test]
    fn an_unknown_key_is_named_with_its_path_and_the_nearest_known_one() {
        let value = serde_json::json!({"log_level": "full", "inner": [{"loglevel": "full"}]});
        let error = from_value::<Sample>(value, "job.yaml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "job.yaml: unknown key `inner[0].loglevel`"
        );
        assert_eq!(error.hint(), Some("did you mean `log_level`?"));
    }
}
