//! The thread that renders call files and the summary from the journal.
//!
//! It is told where a finished record lies and reads it back from there: a waiting record costs
//! sixteen bytes, a file shows what the journal holds, and recovery after a crash is the same work.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use futures::channel::oneshot;

use super::config::Views;
use super::journal::{self, Event, Journal, Span};
use super::reader::Tail;
use super::record::Record;
use super::summary::{Losses, Summary};
use super::view::CallFiles;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

const REFRESH: Duration = Duration::from_secs(1);

enum Task {
    Finished(Span),
    Flush(oneshot::Sender<Option<String>>),
}

/// What the callers and the thread both know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    losses: Mutex<Losses>,
    started: AtomicU64,
    finished: AtomicU64,
}

impl Shared {
    pub(crate) fn call_started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_finished(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lose(&self, error: &dyn std::fmt::Display, count: impl FnOnce(&mut Losses)) {
        let mut losses = self.losses();
        count(&mut losses);
        if losses.first_error.is_empty() {
            losses.first_error = error.to_string();
        }
    }

    fn losses(&self) -> MutexGuard<'_, Losses> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_flight(&self) -> u64 {
        self.started
            .load(Ordering::Relaxed)
            .saturating_sub(self.finished.load(Ordering::Relaxed))
    }
}

/// The thread's handle; dropping it renders what is left and ends the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works on.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) journal: Arc<Journal>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) files: CallFiles,
    pub(crate) views: Views,
    /// Totals of this process alone, with the run's id, level and format filled in.
    pub(crate) own: Summary,
    /// The journals of other processes of this run.
    pub(crate) others: Tail,
}

impl Writer {
    pub(crate) fn spawn(work: Work) -> io::Result<Self> {
        let (tasks, inbox) = channel();
        let source = work.journal.reader()?;
        let thread = Builder::new()
            .name("duologue-log".to_owned())
            .spawn(move || {
                Thread {
                    work,
                    source,
                    told: Losses::default(),
                    dirty: false,
                }
                .run(&inbox);
            })?;
        Ok(Self {
            tasks: Some(tasks),
            thread: Some(thread),
        })
    }

    pub(crate) fn finished(&self, span: Span) {
        if let Some(tasks) = &self.tasks {
            // The thread ends only with this sender, or by a panic that `flush` reports.
            let _ = tasks.send(Task::Finished(span));
        }
    }

    pub(crate) async fn flush(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        if let Some(tasks) = &self.tasks {
            let _ = tasks.send(Task::Flush(reply));
        }
        match answer.await {
            Ok(None) => Ok(()),
            Ok(Some(lost)) => Err(Error::new(ErrorKind::Log, lost)
                .with_hint("free some space or restore the directory; `duologue logs recover DIR` renders missing call files")),
            Err(oneshot::Canceled) => Err(Error::new(ErrorKind::Log, "the log's writer thread is gone")
                .with_hint("the journal is complete; `duologue logs recover DIR` renders the call files")),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    work: Work,
    source: File,
    told: Losses,
    dirty: bool,
}

impl Thread {
    fn run(mut self, inbox: &Receiver<Task>) {
        let mut refresh_at = Instant::now() + REFRESH;
        loop {
            let wait = if self.dirty {
                refresh_at.saturating_duration_since(Instant::now())
            } else {
                REFRESH
            };
            match inbox.recv_timeout(wait) {
                Ok(Task::Finished(span)) => {
                    if !self.dirty {
                        refresh_at = Instant::now() + REFRESH;
                    }
                    self.dirty = true;
                    self.finished(span);
                }
                Ok(Task::Flush(reply)) => {
                    self.summarize();
                    let _ = reply.send(self.news());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break self.summarize(),
            }
            if self.dirty && Instant::now() >= refresh_at {
                self.summarize();
            }
        }
    }

    fn finished(&mut self, span: Span) {
        let record = match journal::read_at(&mut self.source, span) {
            Ok(line) => line.record,
            Err(problem) => {
                self.work
                    .shared
                    .lose(&problem, |losses| losses.call_files += 1);
                return;
            }
        };
        let Some(record) = record else { return };
        self.work.own.add(&record);
        let wanted = match self.work.views {
            Views::All => true,
            Views::Failed => !record.is_success(),
            Views::None => false,
        };
        if wanted {
            self.render(&record);
        }
    }

    fn render(&mut self, record: &Record) {
        match self.work.files.write(record) {
            Ok(file) => {
                let event = Event::Rendered {
                    call_id: &record.call_id,
                    file: &file,
                };
                if let Err(error) = self.work.journal.append(&event) {
                    self.work
                        .shared
                        .lose(&format!("{error:#}"), |losses| losses.journal_events += 1);
                }
            }
            Err(error) => {
                let error = format!("cannot write a call file: {error}");
                self.work
                    .shared
                    .lose(&error, |losses| losses.call_files += 1);
            }
        }
    }

    fn summarize(&mut self) {
        self.dirty = false;
        if !self.work.journal.is_in_place() {
            let path = self.work.journal.path().display().to_string();
            self.work.shared.lose(
                &format!("the journal `{path}` was removed while the run went on"),
                |_| {},
            );
        }
        self.work.others.catch_up();
        let losses = self.work.shared.losses().clone();
        let mut summary = self.work.others.totals().clone().merged(&self.work.own);
        summary.updated_at = rfc3339(SystemTime::now());
        summary.calls_in_flight += self.work.shared.in_flight();
        summary.losses = Some(losses).filter(|losses| !losses.is_empty());
        if let Err(error) = self.work.files.write_summary(&summary) {
            self.work
                .shared
                .lose(&format!("cannot write the summary: {error}"), |_| {});
        }
    }

    /// What was lost since the last flush, in words.
    fn news(&mut self) -> Option<String> {
        let now = self.work.shared.losses().clone();
        if now == self.told {
            return None;
        }
        let (events, files) = (
            now.journal_events - self.told.journal_events,
            now.call_files - self.told.call_files,
        );
        let text = format!(
            "{events} journal events and {files} call files could not be written: {}",
            now.first_error
        );
        self.told = now;
        Some(text)
    }
}
