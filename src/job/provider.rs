//! Who answers a job: from `provider` in its file to a provider.

use std::path::Path;
use std::sync::Arc;

use super::file::{JobBudget, ProviderConfig, ReplayConfig, ScriptedConfig, not_allowed};
use super::http_config::HttpConfig;
use super::load::Job;
use crate::agent::{AgentRunner, Budget};
use crate::call_log::{CallLog, Sanitizer};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::Lifecycle;
use crate::pricing::PriceTable;
use crate::prompt::PromptLibrary;
use crate::provider::{Limited, Provider, RetryPolicy, ScriptedProvider};
use crate::replay::{ReplayMode, ReplayProvider};
use crate::tool::ToolSet;

/// Whether a replay may give answers in which the sanitizer replaced something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redacted {
    /// It may.
    Allowed,
    /// Such a call fails, or falls through.
    Refused,
}

/// What answers a job: the prompts, the provider, and the scripted and the replaying one again so
/// that what they have left can be looked at.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) prompts: PromptLibrary,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) scripted: Option<Arc<ScriptedProvider>>,
    pub(super) replay: Option<ReplayProvider>,
    pub(super) tools: ToolSet,
    pub(super) retry: RetryPolicy,
    pub(super) prices: PriceTable,
    pub(super) budget: Option<Budget>,
    pub(super) lifecycle: Lifecycle,
}

impl Answering {
    /// A runner on all of it; several share the prompts that are compiled, and the budget.
    pub(super) fn runner(&self, log: CallLog) -> AgentRunner {
        let mut builder = AgentRunner::builder(self.provider.clone(), self.prompts.clone())
            .logger(log)
            .retry(self.retry)
            .prices(self.prices.clone())
            .lifecycle(self.lifecycle.clone())
            .tools(self.tools.clone());
        if let Some(budget) = &self.budget {
            builder = builder.budget(budget.clone());
        }
        builder.build()
    }
}

impl Job {
    /// The same job, answered by the records of the run in `from` in place of its provider. In mode
    /// `fall_through` the job's own provider, or its `fallback`, answers what the run does not.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] in mode `fall_through` when the job replays already and has no `fallback`.
    pub fn replaying(mut self, from: &Path, mode: ReplayMode, redacted: Redacted) -> Result<Self> {
        let from = std::path::absolute(from).unwrap_or_else(|_| from.to_owned());
        let own = match self.provider {
            ProviderConfig::Replay(replay) => replay.fallback,
            own => Some(Box::new(own)),
        };
        let config = ReplayConfig {
            from,
            mode,
            fallback: own.filter(|_| mode == ReplayMode::FallThrough),
            allow_redacted: redacted == Redacted::Allowed,
        };
        check_replay(&config, &format!("`{}`", self.path.display()), "provider")?;
        self.provider = ProviderConfig::Replay(config);
        Ok(self)
    }

    pub(super) fn answering(&self) -> Result<Answering> {
        self.answering_by(&self.provider, "provider")
    }

    pub(super) fn answering_by(&self, config: &ProviderConfig, key: &str) -> Result<Answering> {
        match config {
            ProviderConfig::OpenAi(config) => {
                let provider = || self.openai(config, key);
                self.answering_over_http("openai", &config.http, key, provider)
            }
            ProviderConfig::Anthropic(config) => {
                let provider = || self.anthropic(config, key);
                self.answering_over_http("anthropic", &config.http, key, provider)
            }
            ProviderConfig::Gemini(config) => {
                self.answering_over_http("gemini", config, key, || self.gemini(config, key))
            }
            ProviderConfig::Azure(config) => {
                let provider = || self.azure(config, key);
                self.answering_over_http("azure", &config.http, key, provider)
            }
            ProviderConfig::Ollama(config) => {
                self.answering_over_http("ollama", config, key, || self.ollama(config, key))
            }
            ProviderConfig::Scripted(config) => self.answering_by_script(config, key),
            ProviderConfig::Replay(config) => self.answering_by_replay(config, key),
            ProviderConfig::Fallback(config) => self.answering_by_fallback(config, key),
        }
    }

    fn answering_over_http(
        &self,
        kind: &str,
        config: &HttpConfig,
        key: &str,
        provider: impl FnOnce() -> Result<Arc<dyn Provider>>,
    ) -> Result<Answering> {
        if self.environment.is_offline()? {
            let message = format!(
                "{}: `{kind}` is a real provider, and `{}` forbids requests",
                self.key(&format!("{key}.kind")),
                crate::env::OFFLINE
            );
            return Err(Error::new(ErrorKind::Offline, message));
        }
        let provider = provider()?;
        let provider = match config.limits {
            Some(limits) => Arc::new(Limited::new(provider, limits)),
            None => provider,
        };
        Ok(self.only(provider, config.max_retries))
    }

    fn answering_by_script(&self, config: &ScriptedConfig, key: &str) -> Result<Answering> {
        let replies = config::tidy(&self.base.join(&config.replies));
        let scripted = ScriptedProvider::from_file(replies)
            .map_err(|error| error.within(&self.key(&format!("{key}.replies"))))?;
        let scripted = Arc::new(scripted);
        Ok(Answering {
            scripted: Some(scripted.clone()),
            ..self.only(scripted, config.max_retries)
        })
    }

    fn answering_by_replay(&self, config: &ReplayConfig, key: &str) -> Result<Answering> {
        let from = config::tidy(&self.base.join(&config.from));
        let at = |name: &str| self.key(&format!("{key}.{name}"));
        self.refuse_own_run(&from, &at("from"))?;
        let mut builder = ReplayProvider::builder(from)
            .mode(config.mode)
            .sanitizer(self.key_sanitizer()?);
        if config.allow_redacted {
            builder = builder.allow_redacted();
        }
        let fallback = match &config.fallback {
            Some(fallback) => Some(self.answering_by(fallback, &format!("{key}.fallback"))?),
            None => None,
        };
        if let Some(fallback) = &fallback {
            builder = builder.fall_through_to(fallback.provider.clone());
        }
        let replay = builder.build().map_err(|error| error.within(&at("from")))?;
        let provider = Arc::new(replay.clone());
        // Never the tools themselves, not even where another provider answers: nothing is done.
        let tools = replay.tools().map_err(|error| error.within(&at("from")))?;
        Ok(match fallback {
            Some(fallback) => Answering {
                provider,
                replay: Some(replay),
                tools,
                ..fallback
            },
            None => Answering {
                replay: Some(replay),
                tools,
                ..self.only(provider, None)
            },
        })
    }

    pub(super) fn only(&self, provider: Arc<dyn Provider>, max_retries: Option<u32>) -> Answering {
        let policy = RetryPolicy::default();
        Answering {
            prompts: PromptLibrary::new(&self.prompts),
            provider,
            scripted: None,
            replay: None,
            tools: ToolSet::default(),
            retry: max_retries.map_or(policy, |retries| policy.with_max_retries(retries)),
            prices: self.prices.clone(),
            budget: self.budget.map(JobBudget::open),
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// What requests and records are compared under. A log that is written unsanitized is no reason
    /// to miss the records of a run that was sanitized: nothing of this is written.
    fn key_sanitizer(&self) -> Result<Sanitizer> {
        let sanitizer = self.llm_logging.sanitize.to_sanitizer()?;
        if sanitizer.is_off() {
            return Sanitizer::new(&crate::call_log::SanitizeConfig::default());
        }
        Ok(sanitizer)
    }

    /// A run that is continued while it is replayed would read its own writing.
    fn refuse_own_run(&self, from: &Path, place: &str) -> Result<()> {
        let logging = self.llm_logging.clone().overridden_by(&self.environment)?;
        let own = self.directory()?;
        let same = match (std::fs::canonicalize(from), std::fs::canonicalize(&own)) {
            (Ok(from), Ok(own)) => from == own,
            _ => false,
        };
        if !logging.enabled || !same {
            return Ok(());
        }
        let message = format!(
            "{place}: is `{}`, the directory that this run `{}` writes to",
            from.display(),
            self.run_id
        );
        Err(Error::new(ErrorKind::Config, message)
            .with_hint("give the run another `run_id`, or leave it out for a new one"))
    }
}

/// What the file cannot say by types: names in place of keys, and what goes together.
pub(super) fn check(config: &ProviderConfig, origin: &str, key: &str) -> Result<()> {
    if config.model().is_some() {
        let message =
            format!("{origin}, key `{key}.model`: belongs to the providers of a fallback");
        return Err(Error::new(ErrorKind::Config, message)
            .with_hint("give each agent its `model`, or put the provider into `kind: fallback`"));
    }
    check_alone(config, origin, key)
}

/// The same, where the provider may have a model of its own.
pub(super) fn check_alone(config: &ProviderConfig, origin: &str, key: &str) -> Result<()> {
    match config {
        ProviderConfig::OpenAi(config) => config.http.check(origin, key),
        ProviderConfig::Gemini(config) | ProviderConfig::Ollama(config) => {
            config.check(origin, key)
        }
        ProviderConfig::Anthropic(config) => config.http.check(origin, key),
        ProviderConfig::Azure(config) => config.http.check(origin, key),
        ProviderConfig::Scripted(_) => Ok(()),
        ProviderConfig::Replay(config) => check_replay(config, origin, key),
        ProviderConfig::Fallback(config) => config.check(origin, key),
    }
}

fn check_replay(config: &ReplayConfig, origin: &str, key: &str) -> Result<()> {
    let place = format!("{key}.fallback");
    let wrong = |problem: &str, hint: &str| {
        let message = format!("{origin}, key `{place}`: {problem}");
        Err(Error::new(ErrorKind::Config, message).with_hint(hint))
    };
    match (config.mode, config.fallback.as_deref()) {
        (ReplayMode::FallThrough, None) => wrong(
            "is missing, and `mode` is `fall_through`",
            "give a provider, such as `{kind: openai}`, or take out `mode`",
        ),
        (ReplayMode::FallThrough, Some(ProviderConfig::Replay(_))) => {
            let found = "replay".into();
            let allowed = "any kind but `replay`";
            Err(not_allowed(
                origin,
                &format!("{place}.kind"),
                &found,
                allowed,
            ))
        }
        (ReplayMode::FallThrough, Some(fallback)) => check(fallback, origin, &place),
        (_, Some(_)) => wrong(
            "goes with `mode: fall_through` alone",
            "add `mode: fall_through`, or take it out",
        ),
        (_, None) => Ok(()),
    }
}
