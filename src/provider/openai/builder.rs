//! Settings of an [`OpenAiProvider`], checked before the first request.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::{endpoint, reach};
use super::provider::OpenAiProvider;
use super::{DeveloperRole, Dialect, StructuredOutputMode, TokenLimitField, Translator};
use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::http::{Clients, Target, Timeouts, Transport};
use crate::secret;

const OPENAI: &str = "https://api.openai.com/v1";
const OPENAI_KEY: &str = "OPENAI_API_KEY";

/// Builds an [`OpenAiProvider`].
#[must_use]
pub struct OpenAiProviderBuilder {
    base_url: Option<String>,
    key: Key,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    timeouts: Timeouts,
    structured_output: StructuredOutputMode,
    token_limit_field: Option<TokenLimitField>,
    developer_role: Option<DeveloperRole>,
    environment: Environment,
}

enum Key {
    Unsaid,
    None,
    Given(SecretString),
    In(String),
}

impl Default for OpenAiProviderBuilder {
    fn default() -> Self {
        Self {
            base_url: None,
            key: Key::Unsaid,
            headers: Vec::new(),
            query: Vec::new(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                first_byte: None,
                idle: Duration::from_secs(30),
                attempt: Duration::from_secs(60),
            },
            structured_output: StructuredOutputMode::Auto,
            token_limit_field: None,
            developer_role: None,
            environment: Environment::process(),
        }
    }
}

impl OpenAiProviderBuilder {
    /// Where the server is, usually ending in `/v1`. Default: `https://api.openai.com/v1`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The key itself.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.key = Key::Given(key.into());
        self
    }

    /// The environment variable that holds the key. Default: `OPENAI_API_KEY`, but only for the
    /// default `base_url`, so that the key never goes to another server by accident.
    pub fn api_key_env(mut self, name: impl Into<String>) -> Self {
        self.key = Key::In(name.into());
        self
    }

    /// No key, for servers that want none or that have it in another header.
    pub fn no_api_key(mut self) -> Self {
        self.key = Key::None;
        self
    }

    /// A further header of every request; it may replace one of ours.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A further query parameter of every request.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// How long one attempt may take from the request to the last byte. Default: 60 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeouts.attempt = limit;
        self
    }

    /// How long a connection may take to stand. Default: 10 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.connect = limit;
        self
    }

    /// How long the answer may take to begin. Default: as long as the whole attempt.
    pub fn first_byte_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.first_byte = Some(limit);
        self
    }

    /// How long an answer that has begun may pause. Default: 30 s.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.idle = limit;
        self
    }

    /// How the server is asked to keep to the schema. Default: [`StructuredOutputMode::Auto`].
    pub fn structured_output(mut self, mode: StructuredOutputMode) -> Self {
        self.structured_output = mode;
        self
    }

    /// The field that limits the answer's tokens. Default: by host, see [`Dialect::for_host`].
    pub fn token_limit_field(mut self, field: TokenLimitField) -> Self {
        self.token_limit_field = Some(field);
        self
    }

    /// The role under which developer messages go. Default: by host, see [`Dialect::for_host`].
    pub fn developer_role(mut self, role: DeveloperRole) -> Self {
        self.developer_role = Some(role);
        self
    }

    /// Where [`api_key_env`](Self::api_key_env) and the guard
    /// [`DUOLOGUE_OFFLINE`](crate::env::OFFLINE) look; the process's own guard always holds. Default: this process's environment.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The provider. No request is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] when the key is missing or cannot be sent; [`ErrorKind::Config`] when
    /// `base_url`, a header or a timeout is not usable.
    pub fn build(self) -> Result<OpenAiProvider> {
        self.check_timeouts()?;
        let mut url = endpoint(self.base_url.as_deref().unwrap_or(OPENAI))?;
        let headers = self.header_map()?;
        for (name, value) in &self.query {
            secret::register_named(name, value);
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(OpenAiProvider {
            translator: Translator::new(self.dialect(&url)),
            transport: Transport {
                clients: Clients::new(reach(&url)),
                timeouts: self.timeouts,
                environment: self.environment,
            },
            target: Target { url, headers },
        })
    }

    fn dialect(&self, url: &Url) -> Dialect {
        let mut dialect = Dialect::for_host(url.host_str().unwrap_or_default());
        dialect.structured_output = self.structured_output;
        dialect.token_limit_field = self.token_limit_field.unwrap_or(dialect.token_limit_field);
        dialect.developer_role = self.developer_role.unwrap_or(dialect.developer_role);
        dialect
    }

    fn check_timeouts(&self) -> Result<()> {
        let Timeouts {
            connect,
            first_byte,
            idle,
            attempt,
        } = self.timeouts;
        let named = [
            ("timeout", Some(attempt)),
            ("connect_timeout", Some(connect)),
            ("first_byte_timeout", first_byte),
            ("idle_timeout", Some(idle)),
        ];
        match named
            .iter()
            .find(|(_, limit)| *limit == Some(Duration::ZERO))
        {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(ErrorKind::Config, format!("`{name}` is 0"))
                .with_hint("use a longer time, such as `60s`")),
        }
    }

    fn header_map(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let agent = concat!("duologue/", env!("CARGO_PKG_VERSION"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Some(key) = self.key()? {
            let bearer = format!("Bearer {}", key.expose_secret());
            let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
                Error::new(
                    ErrorKind::Auth,
                    format!("{} cannot be sent in a header", self.key),
                )
                .with_hint("it holds a line break or another control character")
            })?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        for (name, value) in &self.headers {
            secret::register_named(name, value);
            let (name, value) = custom_header(name, value)?;
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The key, registered with the sanitizer.
    fn key(&self) -> Result<Option<SecretString>> {
        let key = match &self.key {
            Key::None => return Ok(None),
            Key::Given(key) => key.expose_secret().to_owned(),
            Key::In(name) => self.read_environment(name)?,
            Key::Unsaid if self.base_url.is_none() => self.read_environment(OPENAI_KEY)?,
            Key::Unsaid => {
                return Err(
                    Error::new(ErrorKind::Auth, "no key is set for this `base_url`")
                        .with_hint("set `api_key_env`, or say that there is none"),
                );
            }
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(Error::new(
                ErrorKind::Auth,
                format!("{} is empty", self.key),
            ));
        }
        let key = SecretString::from(key);
        secret::register(&key);
        Ok(Some(key))
    }

    fn read_environment(&self, name: &str) -> Result<String> {
        self.environment.get(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Auth,
                format!("environment variable `{name}` is not set"),
            )
            .with_hint(format!("put the provider's key into `{name}`"))
        })
    }
}

fn custom_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let broken = || Error::new(ErrorKind::Config, format!("header `{name}` cannot be sent"));
    let header_name =
        HeaderName::from_bytes(name.as_bytes()).map_err(|error| broken().with_source(error))?;
    let mut value = HeaderValue::from_str(value).map_err(|error| broken().with_source(error))?;
    value.set_sensitive(true);
    Ok((header_name, value))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(name) => write!(f, "the key in `{name}`"),
            Self::Unsaid => write!(f, "the key in `{OPENAI_KEY}`"),
            Self::Given(_) | Self::None => f.write_str("the key"),
        }
    }
}

/// Debug names headers and parameters, and hides their values and the key.
impl fmt::Debug for OpenAiProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("OpenAiProviderBuilder")
            .field("key", &"***")
            .field("headers", &names(&self.headers))
            .field("query", &names(&self.query))
            .field("timeouts", &self.timeouts)
            .field("structured_output", &self.structured_output)
            .finish_non_exhaustive()
    }
}
