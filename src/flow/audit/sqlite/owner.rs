//! Whose runs are under way: each process that writes holds a lock for as long as it lives.
//!
//! The lock is a file beside the store, `{store}.{token}.lock`. A run that ends with its process bears
//! the token; when nobody holds the lock any more, the run was interrupted.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::WorkError;
use super::file::failed;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{AuditEntry, Audited, StateChange};
use crate::flow::control::RunState;

/// The lock of this process; it goes when this does.
pub(super) struct Owner {
    token: String,
    path: PathBuf,
    _held: File,
}

impl Owner {
    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // One that stays is taken away by the next who opens the store.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes a lock of its own, and ends the runs of those who hold theirs no more; how many these were.
pub(super) fn register(connection: &mut Connection, path: &Path) -> Result<(Owner, usize)> {
    let mut register = || {
        // One at a time, so that a lock that was made and is not yet held is not taken for abandoned.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let owner = take_lock(path)?;
        let interrupted = interrupt_abandoned(&transaction, path)?;
        transaction.commit()?;
        Ok((owner, interrupted))
    };
    register().map_err(|error| match error {
        WorkError::Sqlite(error) => failed(path, "open", error),
        WorkError::Other(error) => error,
    })
}

fn take_lock(store: &Path) -> Result<Owner> {
    let token = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
    let path = lock_path(store, &token);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let held = options
        .open(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| {
            Error::new(ErrorKind::Log, format!("cannot lock `{}`", path.display()))
                .with_source(error)
                .with_hint(
                    "check that the directory is writable and that its file system has locks",
                )
        })?;
    Ok(Owner {
        token,
        path,
        _held: held,
    })
}

fn lock_path(store: &Path, token: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!(".{token}.lock"));
    name.into()
}

/// The owners of runs under way whose process is gone.
pub(super) fn abandoned(connection: &Connection, store: &Path) -> rusqlite::Result<Vec<String>> {
    let mut owners = connection.prepare(
        "SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL AND state IN ('queued', 'running')",
    )?;
    let owners = owners.query_map([], |row| row.get::<_, String>(0))?;
    let mut gone = Vec::new();
    for owner in owners {
        let owner = owner?;
        if is_abandoned(&lock_path(store, &owner)) {
            gone.push(owner);
        }
    }
    Ok(gone)
}

/// Whether nobody holds the lock; what cannot be found out counts as held.
fn is_abandoned(lock: &Path) -> bool {
    match File::open(lock) {
        Ok(file) => !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn interrupt_abandoned(transaction: &Transaction<'_>, store: &Path) -> Result<usize, WorkError> {
    let mut interrupted = 0;
    for owner in abandoned(transaction, store)? {
        let mut runs = transaction.prepare(
            "SELECT run_id, flow, attempt FROM runs WHERE owner = ?1 AND state IN ('queued', 'running')",
        )?;
        let runs = runs.query_map([&owner], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for run in runs.collect::<rusqlite::Result<Vec<(String, String, u32)>>>()? {
            super::write::put_in(transaction, &interruption(run), None)?;
            interrupted += 1;
        }
        transaction.execute(
            "UPDATE runs SET owner = NULL WHERE owner = ?1",
            params![owner],
        )?;
        // One that stays does no harm.
        let _ = fs::remove_file(lock_path(store, &owner));
    }
    Ok(interrupted)
}

fn interruption((run_id, flow, attempt): (String, String, u32)) -> AuditEntry {
    AuditEntry {
        run_id,
        flow,
        attempt,
        time: rfc3339(SystemTime::now()),
        what: Audited::State(StateChange {
            state: RunState::Interrupted,
            error: None,
            ends_with_process: false,
        }),
    }
}
