//! What all documents of one run share.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::arguments::Arguments;
use super::earlier::Earlier;
use super::options::PipelineOptions;
use super::settings::Pipeline;
use super::slots::Slots;
use super::stage::Work;
use super::tally::Tally;
use super::task::Fixed;
use crate::agent::{AgentRunner, Budget};
use crate::attempt::millis;
use crate::call_log::CallLog;
use crate::clock::rfc3339;
use crate::error::{Error, Result, with_causes};
use crate::flow::artifact::ArtifactWriter;
use crate::flow::directory::RunDirectory;
use crate::flow::store::StageStore;
use crate::flow::thread::on_thread;
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
    pub(super) earlier: Earlier,
    pub(super) artifacts: Option<ArtifactWriter>,
    pub(super) slots: Slots,
    /// The arguments of tool stages, by the stage's place.
    pub(super) arguments: Vec<Option<Arguments>>,
    /// What the requests of agent stages have in common, by the stage's place.
    pub(super) fixed: Vec<OnceLock<Fixed>>,
    pub(super) budget: Option<Budget>,
    /// The caller's: it stops calls as well.
    pub(super) cancel: CancellationToken,
    /// Nothing new begins when it is cancelled; calls under way come to their end.
    pub(super) halt: CancellationToken,
    tally: Mutex<Tally>,
    started: Duration,
}

impl<'a> Run<'a> {
    pub(super) async fn open(
        pipeline: &'a Pipeline,
        runner: &'a AgentRunner,
        options: PipelineOptions,
    ) -> Result<Self> {
        let root = options.directory.or_else(|| directory_of(runner));
        let resume = options.resume;
        let mut earlier = Earlier::default();
        let (mut directory, mut store) = (None, None);
        if let Some(root) = root {
            let opened = open(root, resume, options.config.as_ref(), runner.log()).await?;
            (directory, store, earlier) = (Some(opened.0), Some(opened.1), opened.2);
        }
        let arguments = pipeline.stages.iter().map(|stage| match &stage.work {
            Work::Tool { arguments, .. } => Arguments::compile(arguments).map(Some),
            Work::Agent(_) | Work::Function(_) => Ok(None),
        });
        Ok(Self {
            artifacts: artifacts(pipeline, directory.as_ref(), runner),
            slots: Slots::of(&pipeline.limits),
            arguments: arguments.collect::<Result<_>>()?,
            fixed: pipeline.stages.iter().map(|_| OnceLock::new()).collect(),
            tally: Mutex::new(Tally::of(pipeline)),
            started: runner.clock().elapsed(),
            halt: options.cancel.child_token(),
            cancel: options.cancel,
            budget: options.budget,
            store,
            earlier,
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
        tally.paused_by.get_or_insert(error.kind());
        tally.problem(problem);
        drop(tally);
        self.halt.cancel();
    }

    /// An error as it may leave: sanitized, not long.
    pub(super) fn shown(&self, error: &Error) -> String {
        text::clip(&self.clean_text(&with_causes(error)), MAX_MESSAGE)
    }

    /// A text as it may leave.
    pub(super) fn clean_text(&self, text: &str) -> String {
        self.runner.log().outgoing_sanitizer().clean(text)
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

/// The run's directory, with a copy of the configuration, its store, and what failed before.
async fn open(
    root: PathBuf,
    resume: bool,
    config: Option<&Value>,
    log: &CallLog,
) -> Result<(RunDirectory, StageStore, Earlier)> {
    let directory = if resume {
        RunDirectory::open(root)?
    } else {
        RunDirectory::open_new(root)?
    };
    // First: another process may have the run.
    let inside = directory.clone();
    let opened = on_thread(move || {
        let store = StageStore::open(&inside.store())?;
        Ok((store, Earlier::read(&inside)?))
    });
    let (store, earlier) = opened.await?;
    if let Some(config) = config {
        directory.write_config(config, log.outgoing_sanitizer())?;
    }
    Ok((directory, store, earlier))
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
