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
    /// The answer is what is not in its place.
    Flush(oneshot::Sender<Option<String>>),
}

/// What the callers and the thread both know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    tally: Mutex<Tally>,
    started: AtomicU64,
    finished: AtomicU64,
}

/// What was lost: ever, and since the last flush that somebody waited for.
#[derive(Debug, Default)]
struct Tally {
    ever: Losses,
    news: Losses,
}

impl Shared {
    pub(crate) fn call_started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_finished(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts `lost`.
    pub(crate) fn lose(&self, lost: &Losses) {
        let mut tally = self.tally();
        tally.ever.add(lost);
        tally.news.add(lost);
    }

    fn take_news(&self) -> Losses {
        std::mem::take(&mut self.tally().news)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
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
    shared: Arc<Shared>,
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
        let shared = work.shared.clone();
        let thread = Builder::new()
            .name("duologue-log".to_owned())
            .spawn(move || {
                Thread {
                    work,
                    source,
                    dirty: false,
                    warned: false,
                }
                .run(&inbox);
            })?;
        Ok(Self {
            tasks: Some(tasks),
            shared,
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
        let problem = answer
            .await
            .unwrap_or_else(|oneshot::Canceled| Some("the log's writer thread is gone".to_owned()));
        // Taken here and not by the thread: a flush that is dropped takes no news away.
        let news = self.shared.take_news();
        let lost = (!news.is_empty()).then(|| news.to_string());
        let text = match (lost, problem) {
            (None, None) => return Ok(()),
            (Some(lost), Some(problem)) => format!("{lost}; {problem}"),
            (lost, problem) => lost.or(problem).unwrap_or_default(),
        };
        Err(Error::new(ErrorKind::Log, text).with_hint(
            "free some space or restore the directory; `duologue logs recover DIR` renders missing call files",
        ))
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
    dirty: bool,
    warned: bool,
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
                    // Whoever asked may be gone by now.
                    let _ = reply.send(self.summarize().err());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.summarize();
                    return;
                }
            }
            if self.dirty && Instant::now() >= refresh_at {
                // Only a summary that is still missing at a flush is worth an error.
                let _ = self.summarize();
            }
        }
    }

    fn finished(&mut self, span: Span) {
        let record = match journal::read_at(&mut self.source, span) {
            Ok(line) => line.record,
            Err(problem) => return self.lose(&Losses::of_call_file(problem)),
        };
        let Some(record) = record else { return };
        self.work.own.add(&record);
        if self.work.views.include(&record) {
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
                    self.lose(&Losses::of_event(format!("{error:#}")));
                }
            }
            Err(error) => {
                let error = format!("cannot write a call file: {error}");
                self.lose(&Losses::of_call_file(error));
            }
        }
    }

    fn lose(&mut self, lost: &Losses) {
        self.work.shared.lose(lost);
        self.warn(&lost.first_error);
    }

    /// Says once what the callers cannot see; they hear of lost records from the journal itself.
    fn warn(&mut self, problem: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(
                error = problem,
                "files of the LLM call log cannot be written; the run goes on"
            );
        }
    }

    /// Writes the summary; the error says why it, or the journal, is not where it should be.
    fn summarize(&mut self) -> std::result::Result<(), String> {
        self.dirty = false;
        let written = self.write_summary();
        let result = if self.work.journal.is_in_place() {
            written.map_err(|error| format!("cannot write the summary: {error}"))
        } else {
            let path = self.work.journal.path().display();
            Err(format!(
                "the journal `{path}` was removed while the run went on"
            ))
        };
        if let Err(problem) = &result {
            self.warn(problem);
        }
        result
    }

    fn write_summary(&mut self) -> io::Result<()> {
        let _turn = self.work.files.turn();
        self.work.others.catch_up();
        let losses = self.work.shared.tally().ever.clone();
        let mut summary = self.work.others.totals().merged(&self.work.own);
        summary.updated_at = rfc3339(SystemTime::now());
        summary.calls_in_flight += self.work.shared.in_flight();
        summary.losses = Some(losses).filter(|losses| !losses.is_empty());
        self.work.files.write_summary(&summary)
    }
}
