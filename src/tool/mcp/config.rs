//! How a server is reached, as a job file says it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::reference;
use crate::config;
#[cfg(feature = "mcp")]
use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::secret;

/// Longest time of one call, unless the server says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time until a server is ready, unless it says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest name of a server: the names of its tools, which begin with it, must stay short too.
const MAX_NAME: usize = 32;

/// A server: a command to start, which speaks over its standard input and output, or the address of
/// one that speaks streamable HTTP.
///
/// Secrets stand in the environment: `${NAME}` in a value of `env` or `headers` is replaced by that
/// variable, and what it holds is removed from everything written down. `$${` stands for `${`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["command"]}, {"required": ["url"]}]))]
#[non_exhaustive]
pub struct McpServerConfig {
    /// The program to start; one with a `/` in it is relative to the job file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its environment variables, besides `PATH`, `HOME` and a few more; no others are passed on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its working directory. Default: the job file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The address of a server that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers of every request to it, such as `Authorization: Bearer ${DOCS_TOKEN}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The tools to use, by the names that the server gives them; `*` stands for any characters.
    /// Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Whether its tools act on the world. Default: those that the server does not call read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acts_on_world: Option<bool>,
    /// Longest time of one call. Default 60 s.
    #[serde(with = "config::duration", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "config::duration::schema")]
    pub timeout: Option<Duration>,
    /// Longest time until it has started and named its tools. Default 30 s.
    #[serde(with = "config::duration", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "config::duration::schema")]
    pub connect_timeout: Option<Duration>,
}

/// Debug names variables and headers, and hides arguments, values and the address.
impl fmt::Debug for McpServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServerConfig")
            .field("command", &self.command)
            .field("args", &self.args.len())
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .field("has_url", &self.url.is_some())
            .field("headers", &self.headers.keys())
            .field("tools", &self.tools)
            .field("acts_on_world", &self.acts_on_world)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

impl McpServerConfig {
    /// A server that is started by `command`.
    pub fn command<A: Into<String>>(
        command: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            command: Some(command.into()),
            args: args.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// A server that runs at `url`.
    pub fn url(url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            ..Self::default()
        }
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    pub(crate) fn time_to_connect(&self) -> Duration {
        self.connect_timeout.unwrap_or(CONNECT_TIMEOUT)
    }

    /// What types cannot say; `key` is where the server stands in `origin`. Nothing is read from the
    /// environment and nothing is started.
    pub(crate) fn check_at(&self, name: &str, origin: &str, key: &str) -> Result<()> {
        check_name(name, origin, key)?;
        let wrong = |key: String, problem: &str, hint: &str| {
            let message = format!("{origin}, key `{key}`: {problem}");
            Err(Error::new(ErrorKind::Config, message).with_hint(hint))
        };
        match (&self.command, &self.url) {
            (Some(_), Some(_)) => {
                let hint = "a server is started by `command`, or runs already at `url`";
                return wrong(key.to_owned(), "has `command` and `url`", hint);
            }
            (None, None) => {
                let hint =
                    "give the `command` that starts the server, or the `url` at which it runs";
                return wrong(key.to_owned(), "has neither `command` nor `url`", hint);
            }
            (Some(command), None) if command.trim().is_empty() => {
                return wrong(format!("{key}.command"), "is empty", "allowed: a program");
            }
            (None, Some(url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
                let hint = "allowed: an address that begins with `http://` or `https://`";
                return wrong(format!("{key}.url"), "is no address", hint);
            }
            _ => {}
        }
        if let Some(misplaced) = self.misplaced() {
            let (there, here) = if self.url.is_some() {
                ("command", "url")
            } else {
                ("url", "command")
            };
            let problem = format!("goes with `{there}`, and this server has `{here}`");
            return wrong(format!("{key}.{misplaced}"), &problem, "take it out");
        }
        for (field, limit) in [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if limit.is_some_and(|limit| limit.is_zero()) {
                return wrong(format!("{key}.{field}"), "is 0", "allowed: more than 0");
            }
        }
        self.check_values(origin, key)
    }

    /// A key that goes with the other kind of server.
    fn misplaced(&self) -> Option<&'static str> {
        let given = if self.url.is_some() {
            [
                ("args", !self.args.is_empty()),
                ("env", !self.env.is_empty()),
                ("cwd", self.cwd.is_some()),
            ]
        } else {
            [
                ("headers", !self.headers.is_empty()),
                ("headers", false),
                ("headers", false),
            ]
        };
        let found = given.into_iter().find(|(_, given)| *given);
        found.map(|(key, _)| key)
    }

    /// References that are whole, and no keys written out.
    fn check_values(&self, origin: &str, key: &str) -> Result<()> {
        let arguments = self.args.iter().map(|text| ("args", text));
        for (field, text) in arguments.chain(self.url.iter().map(|text| ("url", text))) {
            if text.contains("${") {
                let message = format!("{origin}, key `{key}.{field}`: nothing is replaced here");
                return Err(Error::new(ErrorKind::Config, message).with_hint(
                    "other programs see arguments and addresses: put it into `env` or `headers`",
                ));
            }
        }
        for (field, values) in [("env", &self.env), ("headers", &self.headers)] {
            for (name, value) in values {
                let place = format!("{origin}, key `{key}.{field}.{name}`");
                let refers = reference::is_in(value, &place)?;
                if !refers && value.len() >= secret::MIN_LENGTH && secret::names_a_secret(name) {
                    secret::register(&SecretString::from(value.as_str()));
                    let message = format!("{place}: looks like a key that is written out");
                    return Err(Error::new(ErrorKind::Config, message).with_hint(
                        "put it into an environment variable and write `${NAME_OF_THE_VARIABLE}`",
                    ));
                }
            }
        }
        Ok(())
    }

    /// `env` or `headers` with their references replaced. What came from the environment is a secret
    /// from now on.
    #[cfg(feature = "mcp")]
    pub(super) fn resolved(
        values: &BTreeMap<String, String>,
        environment: &Environment,
        place: &str,
    ) -> Result<BTreeMap<String, SecretString>> {
        let resolve = |(name, value): (&String, &String)| {
            let place = format!("{place}.{name}`");
            Ok((
                name.clone(),
                reference::resolve(value, environment, &place)?,
            ))
        };
        values.iter().map(resolve).collect()
    }
}

fn check_name(name: &str, origin: &str, key: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let fits = !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed);
    if fits && !name.contains("__") {
        return Ok(());
    }
    let message = format!("{origin}, key `{key}`: {name:?} is no name for a server");
    let hint = format!("allowed: letters, digits, `-` and single `_`, at most {MAX_NAME}");
    Err(Error::new(ErrorKind::Config, message).with_hint(hint))
}
