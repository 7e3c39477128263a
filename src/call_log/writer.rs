//! The thread that renders call files and the summary from the journal.
//!
//! It is handed the records that are to be shown, as long as few bytes of them wait, and reads the
//! others back from the journal: memory is bounded, nothing is lost. The totals of this process are
//! added up by the callers, so calls without a file of their own cost the thread nothing.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use futures::channel::oneshot;

use super::config::Views;
use super::index::{JournalIndex, MOST_WITHOUT_FILE};
use super::journal::{self, Event, Journal};
use super::line::Span;
use super::reader::Tail;
use super::record::Record;
use super::summary::{Losses, Summary};
use super::view::CallFiles;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};

const REFRESH: Duration = Duration::from_secs(1);

/// Records that wait may take about this many bytes together.
const MAX_WAITING: usize = 4 * 1024 * 1024;

enum Task {
    /// A call that gets a file: where its record lies, and the record if there was room for it.
    Finished(Span, Option<Box<Record>>),
    /// The answer is what is not in its place.
    Flush(oneshot::Sender<Option<String>>),
}

/// What the callers and the thread both know.
#[derive(Debug)]
pub(crate) struct Shared {
    tally: Mutex<Tally>,
    /// Totals of this process alone, with the run's id, level and format.
    own: Mutex<Summary>,
    started: AtomicU64,
    finished: AtomicU64,
    waiting: AtomicUsize,
}

/// What was lost: ever, and since the last flush that somebody waited for.
#[derive(Debug, Default)]
struct Tally {
    ever: Losses,
    news: Losses,
}

impl Shared {
    /// `own` is a summary without calls, which names the run, its level and its format.
    pub(crate) fn new(own: Summary) -> Self {
        Self {
            tally: Mutex::default(),
            own: Mutex::new(own),
            started: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(crate) fn call_started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_finished(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a call whose record is in the journal to the totals.
    pub(crate) fn count(&self, record: &Record) {
        self.own().add(record);
    }

    fn own(&self) -> MutexGuard<'_, Summary> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for a waiting record of `bytes`, if there is some.
    fn takes_room(&self, bytes: usize) -> bool {
        let has_room = self.waiting.fetch_add(bytes, Ordering::Relaxed) < MAX_WAITING;
        if !has_room {
            self.gives_room(bytes);
        }
        has_room
    }

    fn gives_room(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
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
    views: Views,
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
    /// The journals of other processes of this run.
    pub(crate) others: Tail,
}

impl Writer {
    pub(crate) fn spawn(work: Work) -> io::Result<Self> {
        let (tasks, inbox) = channel();
        let source = work.journal.reader()?;
        let (shared, views) = (work.shared.clone(), work.views);
        let thread = Builder::new()
            .name("duologue-log".to_owned())
            .spawn(move || {
                Thread {
                    work,
                    source,
                    summarized: 0,
                    warned: false,
                }
                .run(&inbox);
            })?;
        Ok(Self {
            tasks: Some(tasks),
            views,
            shared,
            thread: Some(thread),
        })
    }

    /// Asks for the file of a call whose record is at `span`, if such calls get one.
    pub(crate) fn finished(&self, span: Span, record: &Record) {
        if !self.views.include(record) {
            return;
        }
        let room = self.shared.takes_room(span.len);
        let record = room.then(|| Box::new(record.clone()));
        if let Some(tasks) = &self.tasks {
            // The thread ends only with this sender, or by a panic that `flush` reports.
            let _ = tasks.send(Task::Finished(span, record));
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
    /// How many calls had ended at the last summary.
    summarized: u64,
    warned: bool,
}

impl Thread {
    fn run(mut self, inbox: &Receiver<Task>) {
        let mut refresh_at = Instant::now() + REFRESH;
        loop {
            match inbox.recv_timeout(refresh_at.saturating_duration_since(Instant::now())) {
                Ok(Task::Finished(span, record)) => self.finished(span, record),
                Ok(Task::Flush(reply)) => {
                    // Whoever asked may be gone by now.
                    let _ = reply.send(self.summarize().err());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.summarize();
                    self.index();
                    return;
                }
            }
            if Instant::now() >= refresh_at {
                refresh_at = Instant::now() + REFRESH;
                if self.summarized != self.work.shared.finished.load(Ordering::Relaxed) {
                    // Only a summary that is still missing at a flush is worth an error.
                    let _ = self.summarize();
                }
            }
        }
    }

    /// Lets the first query of a large run be as quick as the later ones.
    fn index(&self) {
        let calls = self.work.shared.finished.load(Ordering::Relaxed);
        if calls > MOST_WITHOUT_FILE as u64 {
            // The index is a cache: whoever misses it makes it.
            let _ = JournalIndex::open(self.work.journal.path());
        }
    }

    fn finished(&mut self, span: Span, record: Option<Box<Record>>) {
        if let Some(record) = record {
            self.render(&record);
            return self.work.shared.gives_room(span.len);
        }
        match journal::read_at(&mut self.source, span) {
            Ok(line) => {
                if let Some(record) = line.record {
                    self.render(&record);
                }
            }
            Err(problem) => self.lose(&Losses::of_call_file(problem)),
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
        self.summarized = self.work.shared.finished.load(Ordering::Relaxed);
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
        let mut summary = self.work.others.totals().merged(&self.work.shared.own());
        summary.updated_at = rfc3339(SystemTime::now());
        summary.calls_in_flight += self.work.shared.in_flight();
        summary.losses = Some(losses).filter(|losses| !losses.is_empty());
        self.work.files.write_summary(&summary.completed())
    }
}
