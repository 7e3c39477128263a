//! The history of runs in one file, a database of `SQLite`.

mod file;
mod owner;
mod read;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{AuditEntry, AuditFilter, AuditStore, AuditedRun, RunHistory};
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};
use file::failed;
use owner::Owner;

/// Requests that may wait for the thread; who has more to ask waits.
const MAX_WAITING: usize = 1024;

type Request = Box<dyn FnOnce(&mut Connection) + Send>;

/// The history of runs in one file of `SQLite` (0600, write-ahead log), sanitized. Several processes may
/// share a file.
///
/// One thread does all the work on the file; a clone shares it, and when the last clone goes, what was
/// put is on disk. `PRAGMA user_version` is 1: tables `runs` (a row for each) and `entries` (`kind` is
/// `state`, `envelope` or `trace`, `body` is JSON).
///
/// ```
/// use duologue::flow::audit::{AuditFilter, AuditStore, SqliteAudit};
///
/// let folder = tempfile::tempdir()?;
/// let audit = SqliteAudit::open(folder.path().join("audit.sqlite"))?;
/// assert!(pollster::block_on(audit.runs(&AuditFilter::new()))?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteAudit {
    shared: Arc<Shared>,
    sanitizer: Sanitizer,
}

/// The file as it was given, for those who read of it, and its own path, by which its locks are called.
struct Paths {
    path: PathBuf,
    own: PathBuf,
}

struct Shared {
    paths: Paths,
    owner: Option<Owner>,
    interrupted: usize,
    /// Gone when the last handle is.
    requests: Option<mpsc::Sender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for SqliteAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteAudit")
            .field("path", &self.shared.paths.path)
            .finish_non_exhaustive()
    }
}

impl SqliteAudit {
    /// Opens the file, and makes it and its directory where they are missing. Runs that were under way
    /// in processes that have died become [interrupted](super::super::control::RunState::Interrupted).
    /// It blocks its thread meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when the file cannot be opened, is none of this kind, or is of a newer version.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (mut connection, own) = file::create(&path)?;
        let (owner, interrupted) = owner::register(&mut connection, &own)?;
        Self::started(Paths { path, own }, connection, Some(owner), interrupted)
    }

    /// Opens a file that is there, only to read it.
    ///
    /// # Errors
    /// As [`open`](Self::open); a file that is missing is one too.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (connection, own) = file::open_to_read(&path)?;
        Self::started(Paths { path, own }, connection, None, 0)
    }

    /// Sanitizes by other rules than the default ones.
    pub fn with_sanitizer(mut self, sanitizer: Sanitizer) -> Self {
        self.sanitizer = sanitizer;
        self
    }

    /// How many runs of dead processes were found, and marked as interrupted, when it was opened.
    pub fn interrupted(&self) -> usize {
        self.shared.interrupted
    }

    /// The file, as it was given.
    pub fn path(&self) -> &Path {
        &self.shared.paths.path
    }

    fn started(
        paths: Paths,
        mut connection: Connection,
        owner: Option<Owner>,
        interrupted: usize,
    ) -> Result<Self> {
        let (requests, mut waiting) = mpsc::channel::<Request>(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("duologue-audit".to_owned())
            .spawn(move || {
                while let Some(request) = waiting.blocking_recv() {
                    request(&mut connection);
                }
            })
            .map_err(|error| {
                let message = "cannot start the thread of the audit store";
                Error::new(ErrorKind::Internal, message).with_source(error)
            })?;
        Ok(Self {
            shared: Arc::new(Shared {
                paths,
                owner,
                interrupted,
                requests: Some(requests),
                thread: Mutex::new(Some(thread)),
            }),
            sanitizer: Sanitizer::shared_default().clone(),
        })
    }

    /// Has `work` done on the file's thread.
    async fn on_file<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let request: Request = Box::new(move |connection| {
            // Who asked may have gone; the work is done all the same.
            let _ = answer.send(work(connection));
        });
        let gone = || {
            Error::new(
                ErrorKind::Internal,
                "the thread of the audit store has ended",
            )
        };
        let requests = self.shared.requests.as_ref().ok_or_else(gone)?;
        requests.send(request).await.map_err(|_| gone())?;
        match answered.await.map_err(|_| gone())? {
            Ok(done) => Ok(done),
            Err(WorkError::Sqlite(error)) => Err(failed(&self.shared.paths.path, what, error)),
            Err(WorkError::Other(error)) => Err(error),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.requests.take());
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of it was told by the requests that went unanswered.
            let _ = thread.join();
        }
    }
}

/// What goes wrong on the file's thread.
enum WorkError {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for WorkError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

#[async_trait]
impl AuditStore for SqliteAudit {
    async fn put(&self, mut entry: AuditEntry) -> Result<()> {
        let sanitizer = self.sanitizer.clone();
        let owner = self
            .shared
            .owner
            .as_ref()
            .map(|owner| owner.token().to_owned());
        let work = move |connection: &mut Connection| {
            entry.sanitize(&sanitizer)?;
            write::put(connection, &entry, owner.as_deref())
        };
        self.on_file("write to", work).await
    }

    async fn runs(&self, filter: &AuditFilter) -> Result<Vec<AuditedRun>> {
        let (filter, path) = (filter.clone(), self.shared.paths.own.clone());
        let work = move |connection: &mut Connection| read::runs(connection, &path, &filter);
        self.on_file("read", work).await
    }

    async fn history(&self, run_id: &str) -> Result<Option<RunHistory>> {
        let (run_id, path) = (run_id.to_owned(), self.shared.paths.own.clone());
        let work = move |connection: &mut Connection| read::history(connection, &path, &run_id);
        self.on_file("read", work).await
    }
}
