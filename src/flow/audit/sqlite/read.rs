//! Reading runs and their entries.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::WorkError;
use super::owner::abandoned;
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{AuditEntry, AuditFilter, Audited, AuditedRun, RunHistory};

/// The runs, where those whose process is gone (?1: a JSON list of owners) are interrupted.
const RUNS: &str = "
    SELECT run_id, flow,
        CASE WHEN state IN ('queued', 'running') AND owner IN (SELECT value FROM json_each(?1))
            THEN 'interrupted' ELSE state END AS state,
        attempt, created_at, changed_at, error, rowid AS place
    FROM runs";

type RunRow = (String, String, String, u32, String, String, Option<String>);

/// Times are compared as text: all of them are written by [`rfc3339`].
pub(super) fn runs(
    connection: &Connection,
    path: &Path,
    filter: &AuditFilter,
) -> Result<Vec<AuditedRun>, WorkError> {
    let gone = text_of(&abandoned(connection, path)?)?;
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let sql = format!(
        "SELECT * FROM ({RUNS})
        WHERE (?2 IS NULL OR flow = ?2) AND (?3 = '[]' OR state IN (SELECT value FROM json_each(?3)))
            AND (?4 IS NULL OR created_at >= ?4)
        ORDER BY created_at DESC, place DESC LIMIT ?5"
    );
    let limit = filter.limit.and_then(|limit| i64::try_from(limit).ok());
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(
        params![
            gone,
            filter.flow,
            text_of(&states)?,
            filter.since.map(rfc3339),
            limit.unwrap_or(-1)
        ],
        run_row,
    )?;
    rows.map(|row| Ok(run_of(row?)?)).collect()
}

pub(super) fn history(
    connection: &Connection,
    path: &Path,
    run_id: &str,
) -> Result<Option<RunHistory>, WorkError> {
    let gone = text_of(&abandoned(connection, path)?)?;
    let mut statement = connection.prepare(&format!("{RUNS} WHERE run_id = ?2"))?;
    let row = statement
        .query_row(params![gone, run_id], run_row)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let run = run_of(row)?;
    let mut statement = connection
        .prepare("SELECT attempt, time, kind, body FROM entries WHERE run_id = ?1 ORDER BY id")?;
    let rows = statement.query_map([run_id], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let mut entries = Vec::new();
    for row in rows {
        let (attempt, time, kind, body): (u32, String, String, String) = row?;
        entries.push(AuditEntry {
            run_id: run.run_id.clone(),
            flow: run.flow.clone(),
            attempt,
            time,
            what: what_of(&kind, &body)?,
        });
    }
    Ok(Some(RunHistory { run, entries }))
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn run_of(row: RunRow) -> Result<AuditedRun> {
    let (run_id, flow, state, attempt, created_at, changed_at, error) = row;
    Ok(AuditedRun {
        state: state.parse()?,
        error: error.map(|error| value_of(&error)).transpose()?,
        run_id,
        flow,
        attempt,
        created_at,
        changed_at,
    })
}

fn what_of(kind: &str, body: &str) -> Result<Audited> {
    match kind {
        "state" => Ok(Audited::State(value_of(body)?)),
        "envelope" => Ok(Audited::Envelope {
            envelope: Box::new(value_of(body)?),
        }),
        "trace" => Ok(Audited::Trace(value_of(body)?)),
        _ => Err(unreadable(&format!("of the unknown kind `{kind}`"))),
    }
}

fn value_of<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|error| unreadable("not as it was written").with_source(error))
}

fn text_of(list: &[impl AsRef<str>]) -> Result<String> {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&list)
        .map_err(|error| Error::new(ErrorKind::Internal, "a list is no JSON").with_source(error))
}

fn unreadable(how: &str) -> Error {
    Error::new(
        ErrorKind::Log,
        format!("an entry of the audit store is {how}"),
    )
    .with_hint("something else has written into the file")
}
