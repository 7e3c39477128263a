//! Settings of an [`HttpProvider`], checked before the first request.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::{base, reach};
use super::provider::HttpProvider;
use super::service::HttpService;
use super::{Clients, Timeouts, Transport};
use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::StructuredOutputMode;
use crate::secret;

/// Builds an [`HttpProvider`].
#[must_use]
pub struct HttpProviderBuilder<S> {
    pub(super) service: S,
    base_url: Option<String>,
    key: Key,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    timeouts: Timeouts,
    structured_output: StructuredOutputMode,
    environment: Environment,
}

enum Key {
    Unsaid,
    /// The service's own for its own address, none for others.
    Usual,
    None,
    Given(SecretString),
    In(String),
}

impl<S: HttpService> Default for HttpProviderBuilder<S> {
    fn default() -> Self {
        Self {
            service: S::default(),
            base_url: None,
            key: Key::Unsaid,
            headers: Vec::new(),
            query: Vec::new(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                first_byte: None,
                idle: None,
                attempt: None,
            },
            structured_output: StructuredOutputMode::Auto,
            environment: Environment::process(),
        }
    }
}

impl<S: HttpService> HttpProviderBuilder<S> {
    /// Where the server is. Default: [`HttpService::BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The key itself.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.key = Key::Given(key.into());
        self
    }

    /// The environment variable that holds the key. Default: [`HttpService::API_KEY_ENV`], but only
    /// for the default `base_url`, so that the key never goes to another server by accident.
    pub fn api_key_env(mut self, name: impl Into<String>) -> Self {
        self.key = Key::In(name.into());
        self
    }

    /// The key in [`HttpService::API_KEY_ENV`] for the service's own address, and none for another.
    pub(crate) fn usual_api_key(mut self) -> Self {
        self.key = Key::Usual;
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

    /// How long one attempt may take from the request to the last byte. Default: 60 s, and for an
    /// answer that is streamed 60 s until its content begins, then no limit but the idle one.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeouts.attempt = Some(limit);
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

    /// How long an answer that has begun may pause. Default: 30 s, and for one that is streamed as
    /// long as the [timeout](Self::timeout) until its content begins: models think without a word.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.idle = Some(limit);
        self
    }

    /// How the server is asked to keep to the schema. Default: [`StructuredOutputMode::Auto`].
    pub fn structured_output(mut self, mode: StructuredOutputMode) -> Self {
        self.structured_output = mode;
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
    pub fn build(self) -> Result<HttpProvider<S>> {
        self.check_timeouts()?;
        let Some(base_url) = self.base_url.as_deref().or(S::BASE_URL) else {
            return Err(Error::new(ErrorKind::Config, "`base_url` is missing")
                .with_hint(format!("`{}` has no address of its own", S::NAME)));
        };
        let base_url = base(base_url)?;
        let headers = self.header_map(&base_url)?;
        let mut endpoint = self.service.endpoint(base_url);
        for (name, value) in &self.query {
            secret::register_named(name, value);
            endpoint.query_pairs_mut().append_pair(name, value);
        }
        Ok(HttpProvider {
            translator: self.service.translator(&endpoint, self.structured_output),
            transport: Transport {
                clients: Clients::new(reach(&endpoint)),
                timeouts: self.timeouts,
                environment: self.environment,
            },
            service: self.service,
            endpoint,
            headers,
        })
    }

    fn check_timeouts(&self) -> Result<()> {
        let Timeouts {
            connect,
            first_byte,
            idle,
            attempt,
        } = self.timeouts;
        let named = [
            ("timeout", attempt),
            ("connect_timeout", Some(connect)),
            ("first_byte_timeout", first_byte),
            ("idle_timeout", idle),
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

    fn header_map(&self, base_url: &Url) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let agent = concat!("duologue/", env!("CARGO_PKG_VERSION"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in self.service.headers() {
            let (name, mut value) = header_of(name, &value)?;
            value.set_sensitive(false);
            headers.insert(name, value);
        }
        if let Some(key) = self.key(base_url)? {
            let (name, value) = S::key_header(key.expose_secret());
            let (name, value) = header_of(name, &value).map_err(|_| {
                let message = format!("{} cannot be sent in a header", self.shown_key());
                Error::new(ErrorKind::Auth, message)
                    .with_hint("it holds a line break or another control character")
            })?;
            headers.insert(name, value);
        }
        for (name, value) in &self.headers {
            secret::register_named(name, value);
            let (name, value) = header_of(name, value)?;
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The key, registered with the sanitizer.
    fn key(&self, base_url: &Url) -> Result<Option<SecretString>> {
        let is_home = self.base_url.is_none() || S::is_home(base_url);
        if matches!(self.key, Key::Usual) && !is_home {
            return Ok(None);
        }
        let key = match (&self.key, S::API_KEY_ENV) {
            (Key::None, _) | (Key::Unsaid | Key::Usual, None) => return Ok(None),
            (Key::Given(key), _) => key.expose_secret().to_owned(),
            (Key::In(name), _) => self.read_environment(name)?,
            (Key::Usual, Some(name)) => self.read_environment(name)?,
            (Key::Unsaid, Some(name)) if is_home => self.read_environment(name)?,
            (Key::Unsaid, Some(_)) => {
                return Err(
                    Error::new(ErrorKind::Auth, "no key is set for this `base_url`")
                        .with_hint("set `api_key_env`, or say that there is none"),
                );
            }
        };
        let key = key.trim();
        if key.is_empty() {
            let message = format!("{} is empty", self.shown_key());
            return Err(Error::new(ErrorKind::Auth, message));
        }
        let key = SecretString::from(key);
        secret::register(&key);
        Ok(Some(key))
    }

    fn shown_key(&self) -> String {
        match (&self.key, S::API_KEY_ENV) {
            (Key::In(name), _) => format!("the key in `{name}`"),
            (Key::Unsaid | Key::Usual, Some(name)) => format!("the key in `{name}`"),
            _ => "the key".to_owned(),
        }
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

fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let broken = || Error::new(ErrorKind::Config, format!("header `{name}` cannot be sent"));
    let header_name =
        HeaderName::from_bytes(name.as_bytes()).map_err(|error| broken().with_source(error))?;
    let mut value = HeaderValue::from_str(value).map_err(|error| broken().with_source(error))?;
    value.set_sensitive(true);
    Ok((header_name, value))
}

/// Debug names headers and parameters, and hides their values and the key.
impl<S: HttpService> fmt::Debug for HttpProviderBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("HttpProviderBuilder")
            .field("service", &S::NAME)
            .field("key", &"***")
            .field("headers", &names(&self.headers))
            .field("query", &names(&self.query))
            .field("timeouts", &self.timeouts)
            .field("structured_output", &self.structured_output)
            .finish_non_exhaustive()
    }
}
