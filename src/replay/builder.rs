//! From a run's directory to a [`ReplayProvider`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ReplayMode;
use super::key::redacted_hash;
use super::provider::{Counts, ReplayProvider, Shared};
use super::recording::Recording;
use super::tools::RecordedTools;
use crate::call_log::{Record, RunLog, SanitizeConfig, Sanitizer, find_runs};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Provider;

/// Builds a [`ReplayProvider`].
#[derive(Debug)]
#[must_use]
pub struct ReplayProviderBuilder {
    directory: PathBuf,
    mode: ReplayMode,
    fallback: Option<Arc<dyn Provider>>,
    allow_redacted: bool,
    sanitizer: Option<Sanitizer>,
}

impl ReplayProviderBuilder {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            mode: ReplayMode::default(),
            fallback: None,
            allow_redacted: false,
            sanitizer: None,
        }
    }

    /// What happens to a request that no record answers. Default: [`ReplayMode::Strict`].
    pub fn mode(mut self, mode: ReplayMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sends what no record answers to `provider`: [`ReplayMode::FallThrough`].
    pub fn fall_through_to(mut self, provider: impl Provider + 'static) -> Self {
        self.fallback = Some(Arc::new(provider));
        self.mode(ReplayMode::FallThrough)
    }

    /// Replays also answers in which the sanitizer replaced something, placeholders and all.
    /// Default: such a call fails, or falls through.
    pub fn allow_redacted(mut self) -> Self {
        self.allow_redacted = true;
        self
    }

    /// What requests and records are redacted by before they are compared. Default: all rules.
    pub fn sanitizer(mut self, sanitizer: Sanitizer) -> Self {
        self.sanitizer = Some(sanitizer);
        self
    }

    /// Reads the run. Lines of its journals that cannot be read are left out, and counted in what a
    /// miss says.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when the directory holds no run, the run was recorded at level `minimal`, or
    /// there is no call in it and nothing to fall through to; [`ErrorKind::Config`] for
    /// [`ReplayMode::FallThrough`] without a provider.
    pub fn build(self) -> Result<ReplayProvider> {
        if self.mode == ReplayMode::FallThrough && self.fallback.is_none() {
            let message = "mode `fall_through` has no provider to fall through to";
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("name one, or use mode `strict` or `first_unused`"));
        }
        let sanitizer = match self.sanitizer {
            Some(sanitizer) => sanitizer,
            None => Sanitizer::new(&SanitizeConfig::default())?,
        };
        let run = open(&self.directory)?;
        let problems = run.problems().len();
        let offers = run.tool_offers().to_vec();
        let tools = run.tool_calls().to_vec();
        let mut records = run.into_records();
        records.retain(|record| !was_never_made(record));
        // What the sanitizer took out of the tools' definitions, it takes out of a request's too.
        let hashes: HashMap<&str, String> = offers
            .iter()
            .map(|offer| {
                (
                    &*offer.tools_hash,
                    redacted_hash(&offer.definitions, &sanitizer),
                )
            })
            .collect();
        for record in &mut records {
            if let Some(hash) = record
                .tools_hash
                .as_mut()
                .filter(|hash| hashes.contains_key(&***hash))
            {
                hash.clone_from(&hashes[&**hash]);
            }
        }
        let total = records.len();
        let name = provider_name(&records);
        let recording = Recording::new(records, &sanitizer);
        let usable = recording.calls().len();
        if usable == 0 && (total > 0 || self.fallback.is_none()) {
            return Err(nothing_to_replay(&self.directory, total));
        }
        Ok(ReplayProvider {
            shared: Arc::new(Shared {
                tools: Arc::new(RecordedTools::new(
                    self.directory.clone(),
                    sanitizer.clone(),
                    &offers,
                    tools,
                )),
                from: self.directory,
                name,
                mode: self.mode,
                fallback: self.fallback,
                allow_redacted: self.allow_redacted,
                sanitizer,
                recording,
                unreadable: problems + total - usable,
                counts: Counts::default(),
            }),
        })
    }
}

/// The run in `directory`; a directory of runs gets the way to them.
fn open(directory: &Path) -> Result<RunLog> {
    RunLog::open(directory).map_err(|error| {
        let runs = find_runs(directory).unwrap_or_default();
        match runs.last() {
            Some(run) => error.with_hint(format!(
                "it holds runs: name one, such as `{}`",
                run.display()
            )),
            None => error,
        }
    })
}

/// Whether `record` stands for the call that an execution would have made next when it ended.
fn was_never_made(record: &Record) -> bool {
    record.messages.is_empty()
        && record.attempts.is_empty()
        && record.raw_answer.is_none()
        && record.error.is_some()
        && !record.templates.is_empty()
}

fn nothing_to_replay(directory: &Path, records: usize) -> Error {
    let directory = directory.display();
    if records == 0 {
        return Error::new(
            ErrorKind::Log,
            format!("`{directory}` holds no call to replay"),
        );
    }
    Error::new(
        ErrorKind::Log,
        format!(
            "`{directory}` was recorded at level `minimal`, which holds no prompts and no answers"
        ),
    )
    .with_hint("record it anew with `log_level: standard`")
}

fn provider_name(records: &[Record]) -> String {
    let mut names = records.iter().map(|record| &record.provider);
    match names.next() {
        Some(first) if names.all(|name| name == first) => first.clone(),
        _ => "replay".to_owned(),
    }
}
