//! The settings that providers over HTTP share, and those that one kind alone has.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::anthropic::ApiVersion;
use crate::provider::{RateLimits, StructuredOutputMode};

/// A provider over HTTP, of whichever kind.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Base of the API. Default: the kind's own address, such as `https://api.openai.com/v1`.
    pub base_url: Option<String>,
    /// The environment variable that holds the key. Default: the kind's own, such as
    /// `OPENAI_API_KEY`, for its own address; no key for another `base_url`.
    pub api_key_env: Option<String>,
    /// Longest time of one attempt. Default 60 s.
    #[serde(with = "config::duration")]
    #[schemars(schema_with = "config::duration::schema")]
    pub timeout: Option<Duration>,
    /// How often a failed attempt is repeated. Default 3.
    pub max_retries: Option<u32>,
    /// In a fallback: the model that it is asked for. Default: the agent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much may go to each model. Default: no limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<RateLimits>,
    /// How the answer's schema is enforced. Default `auto`.
    pub structured_output: StructuredOutputMode,
    /// Further headers. Not for keys: those stand in the environment.
    pub headers: BTreeMap<String, String>,
    /// Further query parameters.
    pub query: BTreeMap<String, String>,
}

/// `kind: openai`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiConfig {
    /// What it shares with the other kinds.
    #[serde(flatten)]
    pub http: HttpConfig,
    /// What a probe of the endpoint found (`duologue probe`), a file. Default: what the host suggests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<PathBuf>,
}

impl OpenAiConfig {
    pub(super) fn read(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        const OWN: [&str; 1] = ["profile"];
        let [profile] = take_out(&mut value, OWN);
        Ok(Self {
            http: config::from_value_beside(value, origin, key, &OWN)?,
            profile: read_own(profile, origin, key, OWN[0])?,
        })
    }
}

/// `kind: anthropic`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct AnthropicConfig {
    /// What it shares with the other kinds.
    #[serde(flatten)]
    pub http: HttpConfig,
    /// The version of the API that requests are written for. Default `2026-10-21`; `2023-06-01` has
    /// `temperature`.
    pub api_version: ApiVersion,
}

impl AnthropicConfig {
    pub(super) fn read(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        const OWN: [&str; 1] = ["api_version"];
        let [api_version] = take_out(&mut value, OWN);
        Ok(Self {
            http: config::from_value_beside(value, origin, key, &OWN)?,
            api_version: read_own(api_version, origin, key, OWN[0])?,
        })
    }
}

/// `kind: azure`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
#[non_exhaustive]
pub struct AzureConfig {
    /// What it shares with the other kinds; `base_url` is the resource's address and must be there.
    #[serde(flatten)]
    pub http: HttpConfig,
    /// The deployment that answers. Default: the one that is named like the agent's model.
    pub deployment: Option<String>,
    /// The dated version of the API, such as `2024-10-21`. Default: the v1 API, which has none.
    pub api_version: Option<String>,
}

impl AzureConfig {
    pub(super) fn read(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        const OWN: [&str; 2] = ["deployment", "api_version"];
        let [deployment, api_version] = take_out(&mut value, OWN);
        Ok(Self {
            http: config::from_value_beside(value, origin, key, &OWN)?,
            deployment: read_own(deployment, origin, key, OWN[0])?,
            api_version: read_own(api_version, origin, key, OWN[1])?,
        })
    }
}

/// Takes the keys that one kind alone has out of its settings.
fn take_out<const N: usize>(value: &mut Value, names: [&str; N]) -> [Option<Value>; N] {
    names.map(|name| value.as_object_mut()?.shift_remove(name))
}

/// What stands under such a key, or its default.
fn read_own<T: DeserializeOwned + Default>(
    own: Option<Value>,
    origin: &str,
    key: &str,
    name: &str,
) -> Result<T> {
    match own {
        Some(own) => config::from_value_at(own, origin, &format!("{key}.{name}")),
        None => Ok(T::default()),
    }
}

impl HttpConfig {
    /// A key in place of its variable's name must not travel on into messages.
    pub(super) fn check(&self, origin: &str, key: &str) -> Result<()> {
        let is_name = self.api_key_env.as_ref().is_none_or(|name| {
            name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if is_name {
            return Ok(());
        }
        let message = format!("{origin}, key `{key}.api_key_env`: is no name of a variable");
        Err(Error::new(ErrorKind::Config, message).with_hint(
            "allowed: the name of the environment variable that holds the key, not the key",
        ))
    }

    /// `builder` with these settings.
    #[cfg(feature = "http")]
    pub(super) fn apply<S: crate::provider::HttpService>(
        &self,
        mut builder: crate::provider::HttpProviderBuilder<S>,
    ) -> crate::provider::HttpProviderBuilder<S> {
        builder = builder.structured_output(self.structured_output);
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url);
        }
        builder = match &self.api_key_env {
            Some(name) => builder.api_key_env(name),
            None => builder.usual_api_key(),
        };
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in &self.query {
            builder = builder.query(name, value);
        }
        builder
    }
}

/// Debug names headers and parameters, and hides their values and the address.
impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("api_key_env", &self.api_key_env)
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("model", &self.model)
            .field("limits", &self.limits)
            .field("structured_output", &self.structured_output)
            .field("headers", &self.headers.keys())
            .field("query", &self.query.keys())
            .finish_non_exhaustive()
    }
}
