//! Records on disk: the journal, written by the caller, and the views, rendered behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::config::{LlmLogging, LogLevel};
use super::journal::{Event, Journal, Opening, opened};
use super::logger::{BoundRun, CallLogger};
use super::paths::{RunPaths, run_directory};
use super::reader::Tail;
use super::record::Record;
use super::redact::Sanitizer;
use super::summary::{Losses, Summary};
use super::tool_record::{ToolOffer, ToolRecord};
use super::view::CallFiles;
use super::writer::{Shared, Work, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::LifecycleEvent;

/// Writes each event to the run's journal before it returns, and lets one thread render call files
/// and the summary. See [the layout](super#layout-of-a-run-on-disk).
///
/// A run id that exists is continued. When the last handle goes, what is left is rendered.
#[derive(Debug)]
pub struct FileCallLogger {
    directory: PathBuf,
    run_id: String,
    log_level: LogLevel,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
    next_number: u64,
    writer: Writer,
}

impl FileCallLogger {
    /// Opens or continues the run `{output_dir}/{run_id}`. Characters that have no place in a
    /// directory's name are replaced; `sanitizer` removes secrets from it.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when the directories, the journal or the thread cannot be made.
    pub fn open(
        output_dir: &Path,
        run_id: &str,
        settings: &LlmLogging,
        sanitizer: &Sanitizer,
    ) -> Result<Self> {
        let run_id = sanitizer.clean(run_id);
        let paths = RunPaths::of(run_directory(output_dir, &run_id));
        let opened = paths
            .create()
            .and_then(|()| Self::start(&paths, run_id, settings));
        if opened.is_err() {
            paths.remove_what_is_empty();
        }
        opened
    }

    fn start(paths: &RunPaths, run_id: String, settings: &LlmLogging) -> Result<Self> {
        let journal = Arc::new(Journal::create(paths, settings.durability)?);
        let level = serde_json::to_value(settings.log_level).unwrap_or_default();
        let level = level.as_str().unwrap_or_default();
        let opening = opened(&Opening {
            run_id: &run_id,
            log_level: level,
            format: settings.format.as_str(),
            views: settings.views.as_str(),
        });
        if let Err(error) = journal.append(&opening) {
            // The error below is what matters; an empty journal says nothing.
            let _ = std::fs::remove_file(journal.path());
            return Err(error);
        }

        let shared = Arc::new(Shared::new(Summary {
            schema: Summary::SCHEMA.to_owned(),
            run_id: run_id.clone(),
            log_level: level.to_owned(),
            format: settings.format.as_str().to_owned(),
            ..Summary::default()
        }));
        let next_number = paths.next_number();
        let writer = Writer::spawn(Work {
            journal: journal.clone(),
            shared: shared.clone(),
            files: CallFiles::new(paths, settings.format),
            views: settings.views,
            others: Tail::new(paths.clone(), Some(journal.path().to_owned())),
        })
        .map_err(|error| {
            Error::new(ErrorKind::Log, "cannot start the log's writer thread").with_source(error)
        })?;
        Ok(Self {
            directory: paths.root.clone(),
            run_id,
            log_level: settings.log_level,
            journal,
            shared,
            next_number,
            writer,
        })
    }

    /// The run's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn append(&self, event: &Event<'_>) -> Result<()> {
        let written = self.journal.append(event);
        written.map(drop).map_err(|error| self.lost(error))
    }

    fn lost(&self, error: Error) -> Error {
        self.shared.lose(&Losses::of_event(format!("{error:#}")));
        error
    }
}

#[async_trait]
impl CallLogger for FileCallLogger {
    fn call_started(&self, record: &Record) -> Result<()> {
        self.shared.call_started();
        self.journal
            .append(&Event::Started { record })
            .map_err(|error| self.lost(error))?;
        Ok(())
    }

    fn call_finished(&self, record: &Record) -> Result<()> {
        self.shared.call_finished();
        let span = self
            .journal
            .append(&Event::Finished { record })
            .map_err(|error| self.lost(error))?;
        self.shared.count(record);
        self.writer.finished(span, record);
        Ok(())
    }

    fn tool_started(&self, record: &ToolRecord) -> Result<()> {
        self.append(&Event::ToolStarted { tool: record })
    }

    fn tool_finished(&self, record: &ToolRecord) -> Result<()> {
        self.append(&Event::ToolFinished { tool: record })
    }

    fn tools_offered(&self, offer: &ToolOffer) -> Result<()> {
        self.append(&Event::ToolsOffered { offer })
    }

    fn happened(&self, event: &LifecycleEvent) -> Result<()> {
        self.append(&Event::Lifecycle { lifecycle: event })
    }

    async fn flush(&self) -> Result<()> {
        self.writer.flush().await
    }

    fn flush_blocking(&self) -> Result<()> {
        pollster::block_on(self.writer.flush())
    }

    fn run(&self) -> Option<BoundRun<'_>> {
        Some(BoundRun {
            run_id: &self.run_id,
            log_level: self.log_level,
            journal: self.journal.path(),
            next_sequence: self.next_number,
        })
    }
}
