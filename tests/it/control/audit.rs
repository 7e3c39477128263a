//! The audit store in a file: what it keeps, what it keeps out, and what it refuses.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::SystemTime;

use duologue::error::ErrorKind;
use duologue::flow::audit::{
    AuditFilter, AuditStore, Audited, AuditedRun, MemoryAudit, SqliteAudit,
};
use duologue::flow::control::{ControlPlane, Event, FlowContext, MemoryQueue, RunState};
use duologue::flow::envelope::Envelope;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{busy, tides};
use crate::log_support::{child as start, tell, told};
use crate::support::folder;

/// A control plane whose history goes to `store`.
fn plane(store: impl AuditStore + 'static) -> ControlPlane {
    ControlPlane::builder()
        .audit(store)
        .flow("good", |context: FlowContext| async move {
            context.step("reader", async { Ok(()) }).await?;
            Ok(tides())
        })
        .flow("broken", |_: FlowContext| async { Err(busy()) })
        .flow("leaky", |context: FlowContext| async move {
            let secret = ["ghp_", &"a1B2".repeat(9)].concat();
            context.note("seen", json!({"token": secret})).await;
            Envelope::builder("table")
                .row("1", json!({"text": format!("use {secret}")}))
                .build()
        })
        .build()
        .unwrap()
}

fn ingest(plane: &ControlPlane, flow: &str, id: &str) {
    pollster::block_on(plane.ingest(Event::new(flow, Value::Null).run_id(id))).unwrap();
}

fn runs(store: &dyn AuditStore, filter: &AuditFilter) -> Vec<AuditedRun> {
    pollster::block_on(store.runs(filter)).unwrap()
}

#[test]
fn a_history_reads_back_as_it_is_in_memory() {
    let folder = folder();
    let path = folder.path().join("deep/audit.sqlite");
    let (file, memory) = (SqliteAudit::open(&path).unwrap(), MemoryAudit::new());
    for store in [plane(file.clone()), plane(memory.clone())] {
        ingest(&store, "good", "a");
        ingest(&store, "broken", "b");
        store.audited().unwrap();
    }
    drop(file);
    let file = SqliteAudit::open_existing(&path).unwrap();
    for id in ["a", "b"] {
        let of = |store: &dyn AuditStore| {
            let mut history = pollster::block_on(store.history(id)).unwrap().unwrap();
            for entry in &mut history.entries {
                entry.time.clear();
                if let Audited::Trace(step) = &mut entry.what {
                    step.duration_ms = None;
                }
                if let Audited::Envelope { envelope } = &mut entry.what {
                    assert_eq!(envelope.violations(), []);
                    **envelope = Envelope::failed("any", "any");
                    envelope.metadata.retrieved_at.clear();
                }
            }
            (
                history.run.state,
                history.run.attempt,
                history.run.error,
                history.entries,
            )
        };
        assert_eq!(of(&file), of(&memory));
    }
    assert_eq!(pollster::block_on(file.history("c")).unwrap(), None);
    let states: Vec<_> = runs(&file, &AuditFilter::new())
        .into_iter()
        .map(|run| (run.run_id, run.state))
        .collect();
    assert_eq!(
        states,
        [
            ("b".to_owned(), RunState::Failed),
            ("a".to_owned(), RunState::Succeeded)
        ]
    );
}

#[test]
fn runs_are_found_by_flow_state_time_and_number() {
    let folder = folder();
    let file = SqliteAudit::open(folder.path().join("audit.sqlite")).unwrap();
    let plane = plane(file.clone());
    for (flow, id) in [("good", "a"), ("broken", "b"), ("good", "c")] {
        ingest(&plane, flow, id);
    }
    let listed = |filter: AuditFilter| -> Vec<String> {
        let runs = runs(&file, &filter).into_iter();
        runs.map(|run| run.run_id).collect()
    };
    assert_eq!(listed(AuditFilter::new()), ["c", "b", "a"]);
    assert_eq!(listed(AuditFilter::new().limit(2)), ["c", "b"]);
    assert_eq!(listed(AuditFilter::new().flow("good").limit(1)), ["c"]);
    let states = AuditFilter::new()
        .state(RunState::Failed)
        .state(RunState::Dead);
    assert_eq!(listed(states), ["b"]);
    assert!(listed(AuditFilter::new().since(SystemTime::now())).is_empty());
    assert_eq!(
        listed(AuditFilter::new().since(SystemTime::UNIX_EPOCH)).len(),
        3
    );
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_and_holds_no_secrets() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = folder();
    let path = folder.path().join("deep/audit.sqlite");
    let file = SqliteAudit::open(&path).unwrap();
    ingest(&plane(file.clone()), "leaky", "a");
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let (name, mode) = entry
            .map(|entry| (entry.path(), entry.metadata().unwrap()))
            .unwrap();
        assert_eq!(
            mode.permissions().mode() & 0o777,
            0o600,
            "{}",
            name.display()
        );
        let bytes = std::fs::read(&name).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("a1B2a1B2"),
            "{}",
            name.display()
        );
    }
    let mode = path
        .parent()
        .unwrap()
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let history = pollster::block_on(file.history("a")).unwrap().unwrap();
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(text.matches("<REDACTED:").count(), 2, "{text}");
    drop(file);
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "no lock and no journal stays behind");
}

#[test]
fn a_file_that_is_missing_foreign_or_newer_is_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("audit.sqlite");
    let refused = |path: &Path| {
        let error = SqliteAudit::open_existing(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Log);
        assert!(error.hint().is_some());
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        error
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    };
    assert_eq!(refused(&path), "there is no audit store `FILE`");

    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "no database, but long enough to be looked at as one".repeat(40),
    )
    .unwrap();
    assert_eq!(refused(&text), "`FILE` is no audit store");
    assert!(SqliteAudit::open(&text).is_err());
    assert!(
        std::fs::read_to_string(&text)
            .unwrap()
            .starts_with("no database")
    );

    let other = folder.path().join("other.sqlite");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    assert_eq!(refused(&other), "`FILE` is no audit store");
    assert!(SqliteAudit::open(&other).is_err());

    drop(SqliteAudit::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    let newer = "the audit store `FILE` has version 2; this program reads 1";
    assert_eq!(refused(&path), newer);
    assert!(SqliteAudit::open(&path).is_err());
}

#[test]
fn several_threads_and_handles_write_into_one_file() {
    let folder = folder();
    let path = folder.path().join("audit.sqlite");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let plane = plane(SqliteAudit::open(path).unwrap());
                for run in 0..10 {
                    ingest(&plane, "good", &format!("{thread}-{run}"));
                }
                plane.audited().unwrap();
            });
        }
    });
    let file = SqliteAudit::open_existing(&path).unwrap();
    let done = runs(&file, &AuditFilter::new().state(RunState::Succeeded));
    assert_eq!(done.len(), 40);
}

#[test]
fn a_store_that_cannot_be_written_fails_no_run_and_is_told_once() {
    let folder = folder();
    let path = folder.path().join("audit.sqlite");
    let plane = plane(SqliteAudit::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TABLE entries")
        .unwrap();
    ingest(&plane, "good", "a");
    assert_eq!(plane.run("a").unwrap().state(), RunState::Succeeded);
    let error = plane.audited().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(error.to_string().contains("audit.sqlite"), "{error}");
    plane.audited().unwrap();
}

/// The child: a run that never ends, and one that waits in memory.
pub(crate) fn child(directory: &Path) {
    let store = SqliteAudit::open(directory.join("audit.sqlite")).unwrap();
    let waits = ControlPlane::builder()
        .audit(store.clone())
        .queue(MemoryQueue::new())
        .flow("waits", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    ingest(&waits, "waits", "waiting");
    let plane = ControlPlane::builder()
        .audit(store)
        .flow("hangs", |_: FlowContext| async {
            tell("running");
            std::future::pending().await
        })
        .build()
        .unwrap();
    ingest(&plane, "hangs", "running");
}

#[test]
fn runs_of_a_process_that_was_killed_are_interrupted() {
    let folder = folder();
    let mut child = start("runs", folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| told(&line) == Some("running")));

    let path = folder.path().join("audit.sqlite");
    let listed = |store: &SqliteAudit| -> Vec<RunState> {
        let runs = runs(store, &AuditFilter::new()).into_iter();
        runs.map(|run| run.state).collect()
    };
    let beside = SqliteAudit::open(&path).unwrap();
    assert_eq!(beside.interrupted(), 0);
    assert_eq!(
        listed(&beside),
        [RunState::Running, RunState::Queued],
        "it lives"
    );
    child.kill().unwrap();
    child.wait().unwrap();

    let reader = SqliteAudit::open_existing(&path).unwrap();
    assert_eq!(
        listed(&reader),
        [RunState::Interrupted; 2],
        "who only reads sees it too"
    );
    let store = SqliteAudit::open(&path).unwrap();
    assert_eq!(store.interrupted(), 2);
    let history = pollster::block_on(store.history("running"))
        .unwrap()
        .unwrap();
    assert_eq!(history.run.state, RunState::Interrupted);
    assert!(matches!(
        &history.entries.last().unwrap().what,
        Audited::State(change) if change.state == RunState::Interrupted
    ));
    assert_eq!(SqliteAudit::open(&path).unwrap().interrupted(), 0, "once");
}

#[cfg(unix)]
#[test]
fn a_store_called_by_another_name_leaves_live_runs_alone() {
    let folder = folder();
    let path = folder.path().join("audit.sqlite");
    let store = SqliteAudit::open(&path).unwrap();
    let waits = ControlPlane::builder()
        .audit(store)
        .queue(MemoryQueue::new())
        .flow("waits", |_: FlowContext| async { Ok(tides()) })
        .build()
        .unwrap();
    ingest(&waits, "waits", "waiting");
    let link = folder.path().join("link.sqlite");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let reader = SqliteAudit::open_existing(&link).unwrap();
    assert_eq!(
        runs(&reader, &AuditFilter::new())[0].state,
        RunState::Queued
    );
    let beside = SqliteAudit::open(&link).unwrap();
    assert_eq!(beside.interrupted(), 0);
}

#[test]
fn a_file_that_another_is_just_setting_up_is_waited_for() {
    let folder = folder();
    let path = folder.path().join("audit.sqlite");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let opening = std::thread::spawn(move || SqliteAudit::open(path).map(drop));
    let begun = std::time::Instant::now();
    while !opening.is_finished() && begun.elapsed() < std::time::Duration::from_millis(300) {
        std::thread::yield_now();
    }
    other.execute_batch("COMMIT").unwrap();
    opening.join().unwrap().unwrap();
}

#[test]
fn names_are_kept_clean_and_short() {
    let folder = folder();
    let file = SqliteAudit::open(folder.path().join("audit.sqlite")).unwrap();
    let secret = ["ghp_", &"a1B2".repeat(9)].concat();
    let long = format!("{secret} {}", "x".repeat(9000));
    let named = long.clone();
    let plane = ControlPlane::builder()
        .audit(file.clone())
        .flow(&long, move |context: FlowContext| {
            let name = named.clone();
            async move {
                context.step(&name, async { Ok(()) }).await?;
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    ingest(&plane, &long, "a");
    let history = pollster::block_on(file.history("a")).unwrap().unwrap();
    for entry in &history.entries {
        let text = serde_json::to_string(entry).unwrap();
        assert!(!text.contains("a1B2"), "{text}");
        if let Audited::Trace(step) = &entry.what {
            assert!(step.name.len() < 300 && entry.flow.len() < 300, "{text}");
        }
    }
}
