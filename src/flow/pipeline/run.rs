//! What all documents of one run share.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::arguments::Arguments;
use super::options::PipelineOptions;
use super::settings::Pipeline;
use super::slots::Slots;
use super::stage::Work;
use super::tally::Tally;
use crate::agent::{AgentRunner, Budget};
use crate::attempt::millis;
use crate::call_log::CallLog;
use crate::clock::rfc3339;
use crate::error::{Error, Result, with_causes};
use crate::flow::artifact::ArtifactWriter;
use crate::flow::directory::RunDirectory;
use crate::flow::store::StageStore;
use crate::lifecycle::{EventError, LifecycleEvent, Phase, Subject};
use crate::text;

/// Longest text of a failure or a problem, in characters.
const MAX_MESSAGE: usize = 1000;
/// One line per document that failed.
pub(super) const FAILURES: &str = "failures.jsonl";

/// One run of a pipeline. Nothing of it is shared with another one.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) runner: &'a AgentRunner,
    pub(super) directory: Option<RunDirectory>,
    pub(super) store: Option<StageStore>,
    pub(super) artifacts: Option<ArtifactWriter>,
    pub(super) slots: Slots,
    /// The arguments of tool stages, by the stage's place.
    pub(super) arguments: Vec<Option<Arguments>>,
    pub(super) budget: Option<Budget>,
    /// The caller's: it stops calls as well.
    pub(super) cancel: CancellationToken,
    /// Nothing new begins when it is cancelled; calls under way come to their end.
    pub(super) halt: CancellationToken,
    tally: Mutex<Tally>,
    started: Duration,
}

impl<'a> Run<'a> {
    pub(super) fn open(
        pipeline: &'a Pipeline,
        runner: &'a AgentRunner,
        options: PipelineOptions,
    ) -> Result<Self> {
        let root = options.directory.or_else(|| directory_of(runner));
        let resume = options.resume;
        let opened = root.map(|root| open(root, resume, options.config.as_ref(), runner.log()));
        let (directory, store) = opened.transpose()?.unzip();
        let arguments = pipeline.stages.iter().map(|stage| match &stage.work {
            Work::Tool { arguments, .. } => Arguments::compile(arguments).map(Some),
            Work::Agent(_) | Work::Function(_) => Ok(None),
        });
        Ok(Self {
            artifacts: artifacts(pipeline, directory.as_ref(), runner),
            slots: Slots::of(&pipeline.limits),
            arguments: arguments.collect::<Result<_>>()?,
            tally: Mutex::new(Tally::of(pipeline)),
            started: runner.clock().elapsed(),
            halt: options.cancel.child_token(),
            cancel: options.cancel,
            budget: options.budget,
            store,
            pipeline,
            runner,
            directory,
        })
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing new may begin.
    pub(super) fn is_halted(&self) -> bool {
        self.halt.is_cancelled()
    }

    /// Stops the run so that it can be resumed: going on would fail, or lose what is paid for.
    pub(super) fn pause(&self, error: &Error) {
        let mut problem = self.shown(error);
        if let Some(hint) = error.hint() {
            problem = format!("{problem} ({hint})");
        }
        let mut tally = self.tally();
        tally.paused = true;
        tally.problem(problem);
        drop(tally);
        self.halt.cancel();
    }

    /// An error as it may leave: sanitized, not long.
    pub(super) fn shown(&self, error: &Error) -> String {
        let sanitizer = self.runner.log().outgoing_sanitizer();
        text::clip(&sanitizer.clean(&with_causes(error)), MAX_MESSAGE)
    }

    pub(super) fn elapsed_ms(&self, since: Duration) -> u64 {
        millis(self.runner.clock().elapsed().saturating_sub(since))
    }

    pub(super) fn duration_ms(&self) -> u64 {
        self.elapsed_ms(self.started)
    }

    pub(super) fn now(&self) -> String {
        rfc3339(self.runner.clock().now())
    }

    /// An event of this run.
    pub(super) fn event(&self, subject: Subject, phase: Phase) -> LifecycleEvent {
        let mut event = LifecycleEvent::new(subject, phase, self.runner.log().run_id());
        event.flow = Some(self.pipeline.name.clone());
        event
    }

    pub(super) fn event_error(&self, error: &Error) -> EventError {
        EventError {
            kind: error.kind(),
            message: self.shown(error),
        }
    }

    pub(super) fn tell(&self, event: LifecycleEvent) {
        if let Err(error) = self.runner.tell(event) {
            self.pause(&error);
        }
    }
}

/// The directory of the run, as the runner's log has it.
fn directory_of(runner: &AgentRunner) -> Option<PathBuf> {
    let journal = runner.log().journal()?;
    Some(journal.parent()?.parent()?.to_owned())
}

/// The run's directory, with a copy of the configuration and the failures of this process alone:
/// documents that failed before are tried again.
fn open(
    root: PathBuf,
    resume: bool,
    config: Option<&Value>,
    log: &CallLog,
) -> Result<(RunDirectory, StageStore)> {
    let directory = if resume {
        RunDirectory::open(root)?
    } else {
        RunDirectory::open_new(root)?
    };
    // First: another process may have the run.
    let store = StageStore::open(&directory.store())?;
    if let Some(config) = config {
        directory.write_config(config, log.outgoing_sanitizer())?;
    }
    if directory.path(FAILURES).exists() {
        directory.write(FAILURES, b"")?;
    }
    Ok((directory, store))
}

fn artifacts(
    pipeline: &Pipeline,
    directory: Option<&RunDirectory>,
    runner: &AgentRunner,
) -> Option<ArtifactWriter> {
    let output = pipeline.output.as_ref()?;
    let inside = || directory.map(|directory| directory.path("artifacts"));
    let place = output.directory.clone().or_else(inside)?;
    let writer = ArtifactWriter::new(place).run(runner.log().run_id());
    Some(match &output.extensions {
        Some(allowed) => writer.extensions(allowed),
        None => writer,
    })
}
