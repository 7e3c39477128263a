//! Reading YAML and JSON into typed data, with errors that name the file, the key and what is allowed.
//!
//! This is the only file that names the YAML crate for reading.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// The content of a YAML or JSON file, whichever its ending says (`.json`, else YAML).
pub(crate) fn read_value(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    let text = text.trim_start_matches('\u{feff}');
    let broken = |error: Box<dyn std::error::Error + Send + Sync>, format| {
        Error::new(
            ErrorKind::Config,
            format!("`{}` is not valid {format}", path.display()),
        )
        .with_source(error)
    };
    if path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
    {
        serde_json::from_str(text).map_err(|error| broken(error.into(), "JSON"))
    } else {
        serde_yaml::from_str(text).map_err(|error| broken(error.to_string().into(), "YAML"))
    }
}

/// `value` as a `T`; `origin` (a file name) stands in the error.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value, origin: &str) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        describe(&path, &message, origin)
    })
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
                Error::new(ErrorKind::Config, place)
                    .with_source(error)
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

fn describe(path: &str, message: &str, origin: &str) -> Error {
    let place = if path == "." {
        String::new()
    } else {
        format!(", key `{path}`")
    };
    let error = Error::new(ErrorKind::Config, format!("{origin}{place}: {message}"));
    match unknown_name(message) {
        Some((name, known)) => error.with_hint(text::did_you_mean(name, known.iter().copied())),
        None => error,
    }
}

/// The name that serde did not know, and those it did, out of its message.
fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// Durations in settings: `90s`, `1m 30s`, `500ms`, or a number of seconds.
pub(crate) mod duration {
    use std::borrow::Cow;
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Seconds(f64),
        Text(String),
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let allowed = "a duration such as `90s`, `1m 30s` or `500ms`, or a number of seconds";
        match Option::<Raw>::deserialize(deserializer)
            .map_err(|_| D::Error::custom(format!("expected {allowed}")))?
        {
            None => Ok(None),
            Some(Raw::Seconds(seconds)) => Duration::try_from_secs_f64(seconds)
                .map(Some)
                .map_err(D::Error::custom),
            Some(Raw::Text(text)) => humantime::parse_duration(&text)
                .map(Some)
                .map_err(|error| D::Error::custom(format!("`{text}` is not {allowed}: {error}"))),
        }
    }

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number", "null"],
            "description": Cow::Borrowed("`90s`, `1m 30s`, `500ms`, or a number of seconds"),
        })
    }
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
        assert!(
            error
                .to_string()
                .starts_with("job.yaml, key `inner[0].loglevel`: unknown field"),
            "{error}"
        );
        assert_eq!(error.hint(), Some("did you mean `log_level`?"));
    }
}
