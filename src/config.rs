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
