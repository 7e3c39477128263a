//! The providers over HTTP that a job file can name.

use std::sync::Arc;

use super::http_config::{AnthropicConfig, AzureConfig, HttpConfig, OpenAiConfig};
use super::load::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{
    AnthropicProvider, AzureOpenAiProvider, GeminiProvider, HttpProviderBuilder, HttpService,
    OllamaProvider, OpenAiProvider, Provider,
};

impl Job {
    pub(super) fn openai(&self, config: &OpenAiConfig, key: &str) -> Result<Arc<dyn Provider>> {
        let mut builder = OpenAiProvider::builder();
        if let Some(profile) = &config.profile {
            builder = builder.profile(self.profile(profile, key)?);
        }
        self.over_http(builder, &config.http, key)
    }

    pub(super) fn anthropic(
        &self,
        config: &AnthropicConfig,
        key: &str,
    ) -> Result<Arc<dyn Provider>> {
        let builder = AnthropicProvider::builder().api_version(config.api_version);
        self.over_http(builder, &config.http, key)
    }

    pub(super) fn gemini(&self, config: &HttpConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.over_http(GeminiProvider::builder(), config, key)
    }

    pub(super) fn azure(&self, config: &AzureConfig, key: &str) -> Result<Arc<dyn Provider>> {
        let mut builder = AzureOpenAiProvider::builder();
        if let Some(name) = &config.deployment {
            builder = builder.deployment(name);
        }
        if let Some(version) = &config.api_version {
            builder = builder.api_version(version);
        }
        self.over_http(builder, &config.http, key)
    }

    pub(super) fn ollama(&self, config: &HttpConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.over_http(OllamaProvider::builder(), config, key)
    }

    fn over_http<S: HttpService>(
        &self,
        builder: HttpProviderBuilder<S>,
        config: &HttpConfig,
        key: &str,
    ) -> Result<Arc<dyn Provider>> {
        let builder = config.apply(builder.environment(self.environment.clone()));
        let provider = builder.build().map_err(|error: Error| match error.kind() {
            ErrorKind::Auth => error.within(&self.key(&format!("{key}.api_key_env"))),
            _ => error.within(&self.key(key)),
        })?;
        Ok(Arc::new(provider))
    }
}
