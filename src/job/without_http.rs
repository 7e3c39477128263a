//! What a job file says of providers over HTTP in a build that has none.

use std::sync::Arc;

use super::http_config::{AnthropicConfig, AzureConfig, HttpConfig, OpenAiConfig};
use super::load::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Provider;

impl Job {
    pub(super) fn openai(&self, _config: &OpenAiConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.no_http(key)
    }

    pub(super) fn anthropic(
        &self,
        _config: &AnthropicConfig,
        key: &str,
    ) -> Result<Arc<dyn Provider>> {
        self.no_http(key)
    }

    pub(super) fn gemini(&self, _config: &HttpConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.no_http(key)
    }

    pub(super) fn azure(&self, _config: &AzureConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.no_http(key)
    }

    pub(super) fn ollama(&self, _config: &HttpConfig, key: &str) -> Result<Arc<dyn Provider>> {
        self.no_http(key)
    }

    fn no_http(&self, key: &str) -> Result<Arc<dyn Provider>> {
        let place = self.key(&format!("{key}.kind"));
        let message = format!("{place}: this build has no HTTP provider");
        Err(Error::new(ErrorKind::Config, message).with_hint("build with the feature `http`"))
    }
}
