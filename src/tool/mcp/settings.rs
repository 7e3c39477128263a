//! A server's configuration, made ready: references replaced, paths resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::McpServerConfig;
use super::options::McpOptions;
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::secret;

/// One server, ready to be connected to.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    pub(super) tools: Vec<String>,
    pub(super) acts_on_world: Option<bool>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

#[derive(Debug)]
pub(super) enum Endpoint {
    Program(Program),
    Http(Address),
}

/// What is started.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) command: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, SecretString>,
    pub(super) cwd: PathBuf,
}

/// Where a server runs.
#[derive(Debug)]
pub(super) struct Address {
    /// It may hold a key.
    pub(super) url: SecretString,
    pub(super) headers: BTreeMap<String, SecretString>,
}

impl Settings {
    pub(super) fn new(name: &str, config: &McpServerConfig, options: &McpOptions) -> Result<Self> {
        let key = format!("mcp_servers.{name}");
        config.check_at(name, &options.origin, &key)?;
        let place = |field: &str| format!("{}, key `{key}.{field}", options.origin);
        let resolved =
            |values, field| McpServerConfig::resolved(values, &options.environment, &place(field));
        let endpoint = match (&config.command, &config.url) {
            (Some(command), _) => Endpoint::Program(Program {
                command: program(command, &options.base),
                args: config.args.clone(),
                env: resolved(&config.env, "env")?,
                cwd: options
                    .base
                    .join(config.cwd.as_deref().unwrap_or(Path::new(""))),
            }),
            (None, url) => {
                refuse_offline(options, &format!("{}`", place("url")))?;
                Endpoint::Http(Address {
                    url: url.clone().unwrap_or_default().into(),
                    headers: resolved(&config.headers, "headers")?,
                })
            }
        };
        Ok(Self {
            name: name.to_owned(),
            endpoint,
            tools: config.tools.clone(),
            acts_on_world: config.acts_on_world,
            timeout: config.call_timeout(),
            connect_timeout: config.time_to_connect(),
        })
    }
}

/// A name is looked for in `PATH`; a path is relative to `base`, wherever the server will work.
fn program(command: &str, base: &Path) -> PathBuf {
    let path = Path::new(command);
    if path.components().count() > 1 && path.is_relative() {
        let whole = base.join(path);
        return std::path::absolute(&whole).unwrap_or(whole);
    }
    path.to_owned()
}

fn refuse_offline(options: &McpOptions, place: &str) -> Result<()> {
    if !options.environment.is_offline()? {
        return Ok(());
    }
    let message = format!(
        "{place}: is a server over HTTP, and `{}` forbids requests",
        env::OFFLINE
    );
    Err(Error::new(ErrorKind::Offline, message)
        .with_hint("a server that is started by `command` is allowed"))
}

/// What takes secrets out of a text that a server wrote.
#[derive(Clone)]
pub(super) struct Clean(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Clean {
    pub(super) fn by(clean: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(clean))
    }

    pub(super) fn apply(&self, text: &str) -> String {
        (self.0)(text)
    }
}

/// Takes out what is registered, word for word.
impl Default for Clean {
    fn default() -> Self {
        Self::by(|text| {
            let secrets = secret::all();
            secrets.iter().fold(text.to_owned(), |text, secret| {
                text.replace(secret.expose_secret(), "<REDACTED:own-secret>")
            })
        })
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clean")
    }
}
