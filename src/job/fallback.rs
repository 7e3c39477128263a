//! `kind: fallback` in a job file: a list of providers, and when the next one is asked.

use std::collections::HashSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::{ProviderConfig, not_allowed};
use super::load::Job;
use super::provider::{Answering, check_alone};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{Candidate, CircuitBreaker, FailureClass, Fallback};

/// `kind: fallback`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FallbackConfig {
    /// The providers in the order in which they are asked, of any kind but this one. Each may have a
    /// `model` of its own, and has its own `max_retries`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub providers: Vec<ProviderConfig>,
    /// The failures after which the next one is asked. Default: all but `context_overflow`.
    #[serde(default = "default_classes")]
    pub on: Vec<FailureClass>,
    /// When a provider that keeps failing is skipped.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
}

fn default_classes() -> Vec<FailureClass> {
    FailureClass::DEFAULT.to_vec()
}

/// When a provider of a fallback is skipped, and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CircuitBreakerConfig {
    /// So many calls in a row must fail. Default 5; 0 turns the breaker off.
    pub failures: Option<u32>,
    /// Within this time. Default 60 s.
    #[serde(with = "config::duration")]
    #[schemars(schema_with = "config::duration::schema")]
    pub window: Option<Duration>,
    /// So long is it skipped at first; each trial that fails doubles the next pause, up to 10 min.
    /// Default 30 s.
    #[serde(with = "config::duration")]
    #[schemars(schema_with = "config::duration::schema")]
    pub pause: Option<Duration>,
}

impl CircuitBreakerConfig {
    fn breaker(self) -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        if let Some(failures) = self.failures {
            breaker = breaker.failures(failures);
        }
        if let Some(window) = self.window {
            breaker = breaker.window(window);
        }
        if let Some(pause) = self.pause {
            breaker = breaker.pause(pause);
        }
        breaker
    }
}

impl FallbackConfig {
    pub(super) fn read(mut value: Value, origin: &str, key: &str) -> Result<Self> {
        let providers = value
            .as_object_mut()
            .and_then(|fallback| fallback.shift_remove("providers"))
            .unwrap_or_default();
        let mut config: Self = config::from_value_beside(value, origin, key, &["providers"])?;
        let place = format!("{key}.providers");
        let Value::Array(providers) = providers else {
            return Err(not_allowed(origin, &place, &providers, ALLOWED));
        };
        let providers = providers.into_iter().enumerate();
        config.providers = providers
            .map(|(index, provider)| {
                ProviderConfig::read_at(provider, origin, &format!("{place}.{index}"))
            })
            .collect::<Result<_>>()?;
        Ok(config)
    }

    pub(super) fn check(&self, origin: &str, key: &str) -> Result<()> {
        let place = format!("{key}.providers");
        if self.providers.is_empty() {
            let empty = Value::Array(Vec::new());
            return Err(not_allowed(origin, &place, &empty, ALLOWED));
        }
        for (index, provider) in self.providers.iter().enumerate() {
            let place = format!("{place}.{index}");
            // Records in place of a provider are records in place of its tools: for all, or for none.
            let found = match provider {
                ProviderConfig::Fallback(_) => Some("fallback"),
                ProviderConfig::Replay(_) => Some("replay"),
                _ => None,
            };
            if let Some(found) = found {
                let found = found.into();
                let allowed = "any kind but `fallback` and `replay`";
                return Err(not_allowed(
                    origin,
                    &format!("{place}.kind"),
                    &found,
                    allowed,
                ));
            }
            check_alone(provider, origin, &place)?;
        }
        Ok(())
    }
}

const ALLOWED: &str =
    "a list of providers, such as `[{kind: openai}, {kind: openai, base_url: …}]`";

impl Job {
    pub(super) fn answering_by_fallback(
        &self,
        config: &FallbackConfig,
        key: &str,
    ) -> Result<Answering> {
        let mut fallback: Option<Fallback> = None;
        let mut names = HashSet::new();
        for (index, provider) in config.providers.iter().enumerate() {
            let answering = self.answering_by(provider, &format!("{key}.providers.{index}"))?;
            let name = answering.provider.name().to_owned();
            let mut candidate = Candidate::new(answering.provider).retry(answering.retry);
            // Records name who answered, and two of one kind have one name.
            if !names.insert(name.clone()) {
                candidate = candidate.name(format!("{name}#{}", index + 1));
            }
            if let Some(model) = provider.model() {
                candidate = candidate.model(model);
            }
            fallback = Some(match fallback {
                Some(fallback) => fallback.or(candidate),
                None => Fallback::new(candidate),
            });
        }
        let Some(fallback) = fallback else {
            let place = self.key(&format!("{key}.providers"));
            return Err(Error::new(ErrorKind::Config, format!("{place}: is empty")));
        };
        let fallback = fallback
            .on(config.on.iter().copied())
            .circuit_breaker(config.circuit_breaker.breaker());
        Ok(self.only(std::sync::Arc::new(fallback), None))
    }
}
