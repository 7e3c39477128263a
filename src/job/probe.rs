//! A job's endpoint, as a probe asks it, and what a probe found.

use std::path::Path;

use super::file::ProviderConfig;
use super::load::Job;
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::probe::ProbeTarget;
use crate::provider::EndpointProfile;

impl Job {
    /// The endpoint of the job's provider, to be asked for `model`, else for that of its first agent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a provider that cannot be probed.
    pub fn probe_target(&self, model: Option<&str>) -> Result<ProbeTarget> {
        let ProviderConfig::OpenAi(config) = &self.provider else {
            let message = format!("{}: cannot be probed", self.key("provider.kind"));
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("allowed: `openai`; or give the address of an endpoint"));
        };
        let config = &config.http;
        let first = self.agents.first().map(|agent| agent.spec.model.as_str());
        let model = model.or(first).unwrap_or_default();
        let base_url = config.base_url.as_deref();
        let mut target = ProbeTarget::new(base_url.unwrap_or("https://api.openai.com/v1"), model)
            .environment(self.environment.clone());
        match (&config.api_key_env, base_url) {
            (Some(name), _) => target = target.api_key_env(name),
            (None, None) => target = target.api_key_env("OPENAI_API_KEY"),
            (None, Some(_)) => {}
        }
        if let Some(timeout) = config.timeout {
            target = target.timeout(timeout);
        }
        for (name, value) in &config.headers {
            target = target.header(name, value);
        }
        for (name, value) in &config.query {
            target = target.query(name, value);
        }
        Ok(target)
    }

    /// The profile in the file that `{key}.profile` names.
    pub(super) fn profile(&self, path: &Path, key: &str) -> Result<EndpointProfile> {
        EndpointProfile::from_file(config::tidy(&self.base.join(path)))
            .map_err(|error| error.within(&self.key(&format!("{key}.profile"))))
    }
}
