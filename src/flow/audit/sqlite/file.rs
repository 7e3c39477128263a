//! The file: making it, opening it, its version, and what its errors mean.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};

/// `DUOL`: a database of another program is not written into.
const APPLICATION_ID: i32 = 0x4455_4f4c;
const VERSION: i32 = 1;

/// How long another process may hold the file.
const BUSY: Duration = Duration::from_secs(20);

/// The wait before a file that another process sets up is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(20);

const TABLES: &str = "
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        flow TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        error TEXT,
        owner TEXT
    ) STRICT;
    CREATE INDEX runs_by_time ON runs (created_at);
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        attempt INTEGER NOT NULL,
        time TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_run ON entries (run_id, id);
";

/// Opens the file for writing; makes it (0600) and its directory (0700) where they are missing.
///
/// Also gives the file's own path: the locks beside it have the same names, however it was called.
pub(super) fn create(path: &Path) -> Result<(Connection, PathBuf)> {
    make_private(path).map_err(|error| {
        Error::new(
            ErrorKind::Log,
            format!("cannot make the audit store `{}`", path.display()),
        )
        .with_source(error)
        .with_hint("name a file in a directory that you may write to")
    })?;
    let own = own_path(path)?;
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&own, flags)?;
        connection.busy_timeout(BUSY)?;
        let is_new = set_up_patiently(&mut connection)?;
        Ok((connection, is_new))
    };
    let (connection, is_new) = open().map_err(|error| failed(path, "open", error))?;
    if !is_new {
        check(&connection, path)?;
    }
    Ok((connection, own))
}

fn own_path(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        let message = format!("cannot find the audit store `{}`", path.display());
        Error::new(ErrorKind::Log, message)
            .with_source(error)
            .with_hint("check who may read its directory")
    })
}

/// `SQLite` itself does not wait for others where the mode of the journal changes.
fn set_up_patiently(connection: &mut Connection) -> rusqlite::Result<bool> {
    let begun = Instant::now();
    loop {
        let set_up = set_up(connection);
        let is_busy = |error: &rusqlite::Error| {
            let code = error.sqlite_error_code();
            matches!(
                code,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
        };
        if !set_up.as_ref().is_err_and(is_busy) || begun.elapsed() >= BUSY {
            return set_up;
        }
        std::thread::sleep(TRY_AGAIN);
    }
}

/// Makes the tables in a file that has none; whether it did so.
fn set_up(connection: &mut Connection) -> rusqlite::Result<bool> {
    // Before the transaction: the mode of the journal cannot change within one.
    let is_empty = is_empty(connection)?;
    if is_empty {
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    connection.pragma_update(None, "synchronous", "normal")?;
    if !is_empty {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let is_new = self::is_empty(&transaction)?;
    if is_new {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(is_new)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM sqlite_schema";
    Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))? == 0)
}

/// Opens a file that is there, only to read it.
pub(super) fn open_to_read(path: &Path) -> Result<(Connection, PathBuf)> {
    if !path.is_file() {
        let message = format!("there is no audit store `{}`", path.display());
        return Err(Error::new(ErrorKind::Log, message).with_hint(
            "name the file that the control plane's `SqliteAudit` writes; by default it is `artifacts/audit.sqlite`",
        ));
    }
    let own = own_path(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(&own, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| failed(path, "open", error))?;
    check(&connection, path)?;
    Ok((connection, own))
}

/// Refuses what others made, and what a newer version did.
fn check(connection: &Connection, path: &Path) -> Result<()> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(|error| failed(path, "open", error))
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application != APPLICATION_ID {
        return Err(foreign(path));
    }
    if version != VERSION {
        let message = format!(
            "the audit store `{}` has version {version}; this program reads {VERSION}",
            path.display()
        );
        return Err(Error::new(ErrorKind::Log, message)
            .with_hint("read it with the version of `duologue` that wrote it, or a later one"));
    }
    Ok(())
}

fn foreign(path: &Path) -> Error {
    let message = format!("`{}` is no audit store", path.display());
    Error::new(ErrorKind::Log, message)
        .with_hint("name the file that the control plane's `SqliteAudit` writes")
}

/// What an error of `SQLite` means to who uses the store.
pub(super) fn failed(path: &Path, what: &str, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    if code == Some(ErrorCode::NotADatabase) {
        return foreign(path).with_source(error);
    }
    let hint = match code {
        Some(ErrorCode::DiskFull) => "free some space",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has held it for 20 s; look for one that hangs"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "check who may read and write the file and its directory"
        }
        Some(ErrorCode::DatabaseCorrupt) => "`sqlite3 FILE .recover` saves what can be read of it",
        _ => "check that the file is there, and that its disk works",
    };
    let message = format!("cannot {what} the audit store `{}`", path.display());
    Error::new(ErrorKind::Log, message)
        .with_source(error)
        .with_hint(hint)
}

fn make_private(path: &Path) -> io::Result<()> {
    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
