//! Writing entries: one transaction each.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::WorkError;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{AuditEntry, Audited};

pub(super) fn put(
    connection: &mut Connection,
    entry: &AuditEntry,
    owner: Option<&str>,
) -> Result<(), WorkError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    put_in(&transaction, entry, owner)?;
    Ok(transaction.commit()?)
}

pub(super) fn put_in(
    transaction: &Transaction<'_>,
    entry: &AuditEntry,
    owner: Option<&str>,
) -> Result<(), WorkError> {
    match &entry.what {
        Audited::State(change) => {
            let owner = owner.filter(|_| change.ends_with_process);
            let error = change.error.as_ref().map(json).transpose()?;
            transaction.prepare(CHANGE_STATE)?.execute(params![
                entry.run_id,
                entry.flow,
                change.state.as_str(),
                entry.attempt,
                entry.time,
                error,
                owner,
            ])?;
            insert(transaction, entry, "state", &json(change)?)
        }
        Audited::Envelope { envelope } => {
            know_run(transaction, entry)?;
            insert(transaction, entry, "envelope", &json(envelope)?)
        }
        Audited::Trace(trace) => {
            know_run(transaction, entry)?;
            insert(transaction, entry, "trace", &json(trace)?)
        }
    }
}

/// [`AuditedRun::may_take`](crate::flow::audit::AuditedRun): a final state stays, and so does what a later
/// attempt has begun; an interrupted run may go on, or begin all over.
const CHANGE_STATE: &str = "
    INSERT INTO runs (run_id, flow, state, attempt, created_at, changed_at, error, owner)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)
    ON CONFLICT (run_id) DO UPDATE
    SET state = excluded.state, attempt = excluded.attempt, changed_at = excluded.changed_at,
        error = excluded.error, owner = excluded.owner
    WHERE runs.state IN ('queued', 'running', 'interrupted')
        AND (excluded.attempt >= runs.attempt
            OR runs.state = 'interrupted' AND (excluded.state = 'running' OR excluded.attempt = 0))";

/// An entry of a run that has no state yet.
fn know_run(transaction: &Transaction<'_>, entry: &AuditEntry) -> rusqlite::Result<()> {
    let sql = "INSERT INTO runs (run_id, flow, state, attempt, created_at, changed_at)
        VALUES (?1, ?2, 'queued', ?3, ?4, ?4) ON CONFLICT DO NOTHING";
    let mut statement = transaction.prepare(sql)?;
    statement.execute(params![entry.run_id, entry.flow, entry.attempt, entry.time])?;
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    entry: &AuditEntry,
    kind: &str,
    body: &str,
) -> Result<(), WorkError> {
    let sql = "INSERT INTO entries (run_id, attempt, time, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = transaction.prepare(sql)?;
    statement.execute(params![entry.run_id, entry.attempt, entry.time, kind, body])?;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "an audit entry is no JSON").with_source(error)
    })
}
