//! A setting of a review loop that is not allowed.

use std::fmt::Display;

use serde_json::Value;

use crate::config;
use crate::error::Error;

/// A setting that is not allowed, by its key as it stands in a job file below `review`.
#[derive(Debug)]
pub(super) struct Problem {
    key: String,
    what: Box<What>,
}

#[derive(Debug)]
enum What {
    Value {
        value: Value,
        allowed: String,
        cause: Option<String>,
    },
    Broken(Error),
}

/// A number as a person writes it: `5`, where it would be `5.0` as JSON.
pub(super) fn figure(number: impl Display) -> Value {
    number.to_string().parse().unwrap_or_default()
}

impl Problem {
    pub(super) fn new(key: &str, value: impl Into<Value>, allowed: impl Into<String>) -> Self {
        Self::of(
            key,
            What::Value {
                value: value.into(),
                allowed: allowed.into(),
                cause: None,
            },
        )
    }

    /// What `key` holds is broken in itself.
    pub(super) fn broken(key: &str, error: Error) -> Self {
        Self::of(key, What::Broken(error))
    }

    fn of(key: &str, what: What) -> Self {
        Self {
            key: key.to_owned(),
            what: Box::new(what),
        }
    }

    pub(super) fn because(mut self, reason: String) -> Self {
        if let What::Value { cause, .. } = &mut *self.what {
            *cause = Some(reason);
        }
        self
    }

    /// The same problem of a setting that stands below `key`.
    pub(super) fn below(mut self, key: &str) -> Self {
        self.key = format!("{key}.{}", self.key);
        self
    }

    /// The error, where the loop's settings stand below `key` of `origin`.
    pub(super) fn error(self, origin: &str, key: Option<&str>) -> Error {
        let key = match key {
            Some(key) => format!("{key}.{}", self.key),
            None => self.key,
        };
        let place = format!("{origin}, key `{key}`");
        match *self.what {
            What::Broken(error) => error.within(&place),
            What::Value {
                value,
                allowed,
                cause,
            } => {
                let error = config::not_allowed(&place, &value, &allowed);
                match cause {
                    Some(cause) => error.with_source(cause),
                    None => error,
                }
            }
        }
    }
}
