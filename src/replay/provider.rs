//! [`ReplayProvider`]: a provider whose answers are records.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::ReplayMode;
use super::answer::Given;
use super::builder::ReplayProviderBuilder;
use super::key::Asked;
use super::miss;
use super::recording::{Found, RecordedCall, Recording};
use super::report::ReplayReport;
use super::tools::RecordedTools;
use crate::call_log::Sanitizer;
use crate::chat::{Request, Response};
use crate::config;
use crate::error::{ErrorKind, Result};
use crate::provider::{CallContext, Provider, ProviderError, tell_whole};
use crate::text::counted;

/// How long the pieces of a streamed replay are.
const CHUNK_CHARS: usize = 20;

/// Answers from the records of an earlier run; clones share what was used.
///
/// Its [name](Provider::name) is that of the recorded run's provider, or `replay` where there were
/// several; the record of a replayed call bears the name of the one that answered then.
///
/// ```
/// use duologue::call_log::{create_llm_logger, LoggerConfig};
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::replay::ReplayProvider;
/// use duologue::{AgentRunner, AgentSpec};
/// use serde_json::json;
///
/// let folder = tempfile::tempdir()?;
/// let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("r1".into()), ..Default::default() };
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan."), ("planner/user.tera", "Topic: {{ topic }}")]);
/// let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"}))]);
/// let recorder = AgentRunner::builder(provider, prompts.clone()).logger(create_llm_logger(&config)?).build();
/// pollster::block_on(recorder.run(&planner, json!({"topic": "tides"})))?;
///
/// let replay = ReplayProvider::from_run(folder.path().join("r1"))?;
/// let runner = AgentRunner::new(replay.clone(), prompts);
/// let plan = pollster::block_on(runner.run(&planner, json!({"topic": "tides"})))?;
/// assert_eq!(plan.data["title"], "Tides");
/// assert_eq!(replay.report().replayed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ReplayProvider {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) from: PathBuf,
    pub(super) name: String,
    pub(super) mode: ReplayMode,
    pub(super) fallback: Option<Arc<dyn Provider>>,
    pub(super) allow_redacted: bool,
    pub(super) sanitizer: Sanitizer,
    pub(super) recording: Recording,
    pub(super) tools: Arc<RecordedTools>,
    /// Journal lines that could not be read, and records that hold no prompt.
    pub(super) unreadable: usize,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    replayed: AtomicUsize,
    fell_through: AtomicUsize,
    missed: AtomicUsize,
}

fn one_more(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl ReplayProvider {
    /// The run in `directory`, strictly: a request that no record answers fails.
    ///
    /// # Errors
    /// As [`ReplayProviderBuilder::build`].
    pub fn from_run(directory: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(directory).build()
    }

    /// Starts building a provider that replays the run in `directory`.
    pub fn builder(directory: impl Into<PathBuf>) -> ReplayProviderBuilder {
        ReplayProviderBuilder::new(directory.into())
    }

    /// What was replayed so far, and which records were not.
    pub fn report(&self) -> ReplayReport {
        let shared = &self.shared;
        ReplayReport {
            from: shared.from.clone(),
            mode: shared.mode,
            replayed: shared.counts.replayed.load(Ordering::Relaxed),
            fell_through: shared.counts.fell_through.load(Ordering::Relaxed),
            missed: shared.counts.missed.load(Ordering::Relaxed),
            unreadable: shared.unreadable,
            unused: shared.recording.unused(),
        }
    }
}

impl Shared {
    /// The record that answers, or why there is none.
    fn find(&self, request: &Request, agent: &str) -> Result<&RecordedCall, ProviderError> {
        let asked = Asked::of_request(request, &self.sanitizer);
        match (self.recording.take(&asked, agent), self.mode) {
            (Found::Call(call), _) => self.usable(call),
            (_, ReplayMode::FirstUnused) => match self.recording.take_first_unused(agent) {
                Some(call) => self.usable(call),
                None => Err(self.failure(format!("no unused record of agent `{agent}` is left"))),
            },
            // Nobody reads why: the request goes elsewhere.
            (_, ReplayMode::FallThrough) => Err(self.failure(String::new())),
            (Found::UsedUp(times), ReplayMode::Strict) => Err(self.failure(format!(
                "the recorded run asked this {}, and this is time {}",
                counted(times.recorded, "time"),
                times.asked
            ))),
            (Found::Unknown, ReplayMode::Strict) => {
                let candidates = self.recording.candidates(agent);
                let nearest = miss::explain(&asked, agent, &candidates);
                Err(self.failure(nearest.unwrap_or_else(|| "it holds no call".to_owned())))
            }
        }
    }

    fn usable<'r>(&self, call: &'r RecordedCall) -> Result<&'r RecordedCall, ProviderError> {
        let place = format!("call {} (`{}`)", call.number, call.call_id);
        if let Given::Nothing(why) = call.given {
            return Err(self.failure(format!("{place} {why}")));
        }
        match &call.redacted_by {
            Some(rule) if !self.allow_redacted => Err(self
                .failure(format!("the answer of {place} was redacted by rule `{rule}`"))
                .with_hint(
                    "allow it (`allow_redacted: true`), or record the run anew with a sanitizer that leaves answers alone",
                )),
            _ => Ok(call),
        }
    }

    fn failure(&self, why: String) -> ProviderError {
        let from = config::shown(&self.from);
        let message = format!("no record of `{}` answers this request", from.display());
        let why = match self.unreadable {
            0 => why,
            count => {
                let lines = counted(count, "line");
                format!("{why}\n{lines} of that run cannot be used: damaged, or at level `minimal`")
            }
        };
        ProviderError::new(ErrorKind::NotRecorded, message).with_source(why)
    }
}

/// Debug shows the run and the mode, never a record.
impl fmt::Debug for ReplayProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayProvider")
            .field("from", &self.shared.from)
            .field("mode", &self.shared.mode)
            .field("calls", &self.shared.recording.calls().len())
            .field("fallback", &self.shared.fallback)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for ReplayProvider {
    fn name(&self) -> &str {
        &self.shared.name
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let shared = &self.shared;
        let fallback = shared
            .fallback
            .as_ref()
            .filter(|_| shared.mode == ReplayMode::FallThrough);
        // A retry of a request that fell through must not be looked up, or counted, once more.
        let falls = fallback.filter(|_| call.attempts().provider().is_some());
        if let Some(provider) = falls {
            return provider.generate_json(request, call).await;
        }
        let error = match shared.find(request, call.agent()) {
            Ok(recorded) => {
                one_more(&shared.counts.replayed);
                call.attempts()
                    .replay(&*recorded.call_id, &recorded.attempts);
                call.attempts().answered_by(&*recorded.provider);
                if let Some(response) = recorded.given.streamed().filter(|_| call.streams()) {
                    tell_whole(call, response, Some(CHUNK_CHARS)).await;
                }
                return recorded.given.again();
            }
            Err(error) => error,
        };
        let Some(provider) = fallback else {
            one_more(&shared.counts.missed);
            return Err(error);
        };
        one_more(&shared.counts.fell_through);
        call.attempts().answered_by(provider.name());
        provider.generate_json(request, call).await
    }
}
