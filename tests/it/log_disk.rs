//! A log that cannot be written: the run goes on, and the loss is told by `flush`, in the summary
//! and once through `tracing`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use duologue::ErrorKind;
use duologue::call_log::{CallLog, Durability, LlmLogging, OnError};
use duologue::provider::{Reply, ScriptedProvider};
use serde_json::{Value, json};
use tracing::span;

use crate::log_support::{
    agent, call_files, child as start, child_after, files, item, open, read, report_of, run,
    runner, summary, tell, try_open, willing,
};

use crate::support::folder;

const CALLS: u64 = 40;

/// Counts what the crate reports, on all threads of a child.
struct Reports {
    lost_records: &'static AtomicU64,
    lost_files: &'static AtomicU64,
}

static LOST_RECORDS: AtomicU64 = AtomicU64::new(0);
static LOST_FILES: AtomicU64 = AtomicU64::new(0);

impl tracing::Subscriber for Reports {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let count = match *event.metadata().level() {
            tracing::Level::ERROR => self.lost_records,
            _ => self.lost_files,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The child: half of its calls, some damage, the other half; then it tells how that went.
pub(crate) fn child(damage: &str, directory: &Path) {
    let reports = Reports {
        lost_records: &LOST_RECORDS,
        lost_files: &LOST_FILES,
    };
    tracing::subscriber::set_global_default(reports).unwrap();
    let (damage, on_error) = match damage.strip_suffix("+fail") {
        Some(damage) => (damage, OnError::Fail),
        None => (damage, OnError::Warn),
    };
    let settings = LlmLogging {
        on_error,
        ..LlmLogging::default()
    };
    let log = match try_open(directory, "run", settings) {
        Ok(log) => log,
        Err(error) => return tell(&json!({"refused": format!("{error:#}")}).to_string()),
    };
    let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).forever()]);
    let runner = runner(provider.clone(), log.clone());
    let mut succeeded = 0;
    let mut failures = Vec::new();
    let mut requests = 0;
    for call in 0..CALLS {
        if call == CALLS / 2 {
            log.flush_blocking().ok();
            inflict(damage, &directory.join("run"));
        }
        requests = provider.requests().len();
        match pollster::block_on(runner.run(&agent("planner"), json!({"item": call}))) {
            Ok(_) => succeeded += 1,
            Err(error) => failures.push(error.kind()),
        }
    }
    let report = json!({
        "succeeded": succeeded,
        "failures": failures,
        "last_call_left": provider.requests().len() > requests,
        "flush": told_by(&log, true),
        "second_flush": told_by(&log, false),
        "lost_records_reported": LOST_RECORDS.load(Ordering::Relaxed),
        "lost_files_reported": LOST_FILES.load(Ordering::Relaxed),
    });
    tell(&report.to_string());
}

fn told_by(log: &CallLog, asynchronously: bool) -> Value {
    let flushed = if asynchronously {
        pollster::block_on(log.flush())
    } else {
        log.flush_blocking()
    };
    match flushed {
        Ok(()) => Value::Null,
        Err(error) if error.kind() == ErrorKind::Log => json!(format!("{error:#}")),
        Err(error) => panic!("not an error of the log: {error:?}"),
    }
}

fn inflict(damage: &str, run: &Path) {
    match damage {
        "removed" => fs::remove_dir_all(run).unwrap(),
        "replaced" => {
            fs::remove_dir_all(run.join("llm_calls")).unwrap();
            fs::write(run.join("llm_calls"), "in the way").unwrap();
        }
        "freed" => {
            let mut raise = Command::new("prlimit");
            raise.arg(format!("--pid={}", std::process::id()));
            raise.arg("--fsize=unlimited:unlimited");
            assert!(raise.status().unwrap().success());
        }
        "moved" => fs::rename(run, run.with_file_name("elsewhere")).unwrap(),
        _ => {}
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no loss was told: {value}"))
}

/// A child that may write no file beyond 24 KB.
fn limited(role: &str, directory: &Path) -> Command {
    // 512-byte blocks in some shells, kilobytes in others: the limit is 24 or 48 KB.
    child_after("trap '' XFSZ; ulimit -f 48", role, directory)
}

#[test]
fn a_full_disk_costs_records_and_not_the_run() {
    let directory = folder().damaged();
    let report = report_of(limited("disk:full", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert!(
        text(&report["flush"]).contains("journal events"),
        "{report}"
    );
    assert!(text(&report["flush"]).contains(".jsonl"), "{report}");
    assert_eq!(report["second_flush"], Value::Null, "a loss is told once");
    assert_eq!(report["lost_records_reported"], 1);

    let run = directory.path().join("run");
    let losses = summary(&run).losses.unwrap();
    assert!(losses.journal_events > 0);
    // What is not lost is whole: each event that did fit is read back.
    let log = read(&run);
    assert_eq!(log.problems().len(), 1, "only the cut line");
    let known = log.records().len() as u64;
    assert!(known > 5 && known < CALLS, "{known}");
    assert_eq!(summary(&run).calls, call_files(&run).len() as u64);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_has_space_again_is_written_to_as_before() {
    let directory = folder().damaged();
    let limit = "trap '' XFSZ; ulimit -S -f 16";
    let report = report_of(child_after(limit, "disk:freed", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert_eq!(report["lost_records_reported"], 1);
    // The loss was told by the flush before there was space again; nothing was lost after it.
    assert_eq!(report["flush"], Value::Null);

    let run = directory.path().join("run");
    let log = read(&run);
    let known: Vec<u64> = log.records().iter().map(item).collect();
    let later: Vec<u64> = known
        .iter()
        .copied()
        .filter(|item| *item >= CALLS / 2)
        .collect();
    assert_eq!(later, (CALLS / 2..CALLS).collect::<Vec<u64>>());
    assert!(
        known.len() < usize::try_from(CALLS).unwrap(),
        "nothing was lost"
    );
    for record in log
        .records()
        .iter()
        .filter(|record| later.contains(&item(record)))
    {
        assert!(log.call_file(&record.call_id).unwrap().exists());
    }
    assert_eq!(summary(&run).losses.unwrap().call_files, 0);
}

#[test]
fn a_full_disk_fails_the_run_before_the_request_where_the_settings_say_so() {
    let directory = folder().damaged();
    let report = report_of(limited("disk:full+fail", directory.path()));
    let failures = report["failures"].as_array().unwrap();
    assert!(
        !failures.is_empty() && failures.iter().all(|kind| kind == "log"),
        "{report}"
    );
    assert_eq!(report["last_call_left"], false);
    let run = directory.path().join("run");
    assert_eq!(summary(&run).calls_in_flight, 0);
}

#[test]
fn no_space_at_all_is_an_error_and_leaves_nothing_behind() {
    let directory = folder();
    let command = child_after("trap '' XFSZ; ulimit -f 0", "disk:none", directory.path());
    let report = report_of(command);
    assert!(
        text(&report["refused"]).contains("run/journal/"),
        "{report}"
    );
    assert!(files(directory.path()).is_empty());
    assert!(!directory.path().join("run").exists());
}

#[test]
fn a_removed_directory_costs_records_and_not_the_run() {
    let directory = folder();
    let report = report_of(start("disk:removed", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert!(
        text(&report["flush"]).starts_with("40 journal events"),
        "{report}"
    );
    assert!(text(&report["flush"]).contains("was removed while the run went on"));
    // There is still no summary, so this flush has not done its work either.
    assert!(
        text(&report["second_flush"]).contains("was removed"),
        "{report}"
    );
    assert_eq!(report["lost_records_reported"], 1);
    assert!(
        files(directory.path()).is_empty(),
        "nothing is made anew in a removed place"
    );
}

#[test]
fn a_removed_directory_fails_the_run_before_the_request_where_the_settings_say_so() {
    let directory = folder();
    let report = report_of(start("disk:removed+fail", directory.path()));
    assert_eq!(report["succeeded"], CALLS / 2);
    assert_eq!(report["last_call_left"], false);
}

#[test]
fn a_moved_directory_keeps_its_records() {
    let directory = folder();
    let report = report_of(start("disk:moved", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert!(text(&report["flush"]).contains("20 call files"), "{report}");
    let log = read(&directory.path().join("elsewhere"));
    assert_eq!(log.records().len() as u64, CALLS);
}

#[test]
fn call_files_that_cannot_be_written_cost_no_record() {
    let directory = folder();
    let report = report_of(start("disk:replaced", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert!(
        text(&report["flush"]).starts_with("0 journal events and 20 call files"),
        "{report}"
    );
    assert!(
        text(&report["second_flush"]).contains("cannot write the summary"),
        "{report}"
    );
    assert_eq!(report["lost_records_reported"], 0);
    assert_eq!(report["lost_files_reported"], 1);

    let run = directory.path().join("run");
    let mut log = read(&run);
    assert_eq!(log.records().len() as u64, CALLS);
    assert_eq!(log.recover().unwrap_err().kind(), ErrorKind::Log);
    fs::remove_file(run.join("llm_calls")).unwrap();
    assert_eq!(log.recover().unwrap().rendered as u64, CALLS);
}

#[test]
fn a_file_system_that_is_full_costs_records_and_not_the_run() {
    let directory = folder();
    let Some(_mounted) = SmallDisk::mount(directory.path(), "96k") else {
        tell("SKIPPED: no file system can be mounted here; RLIMIT_FSIZE covers most of it");
        return;
    };
    let report = report_of(start("disk:full", directory.path()));
    assert_eq!(report["succeeded"], CALLS);
    assert!(text(&report["flush"]).contains("No space left"), "{report}");
    assert_eq!(report["lost_records_reported"], 1);
    let run = directory.path().join("run");
    assert!(!read(&run).records().is_empty());
    assert!(read(&run).problems().len() <= 1);
}

/// A small file system, for as long as the value lives.
pub(crate) struct SmallDisk<'a>(pub(crate) &'a Path);

impl<'a> SmallDisk<'a> {
    pub(crate) fn mount(place: &'a Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(place);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(place))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0).output().ok();
    }
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_that_names_it_and_leaves_nothing_behind() {
    let directory = folder();
    let in_the_way = [
        ("artifacts", "artifacts"),
        ("artifacts/run", "artifacts/run"),
        ("artifacts/run/llm_calls", "artifacts/run/llm_calls"),
        ("artifacts/run/journal", "artifacts/run/journal"),
    ];
    for (place, named) in in_the_way {
        let output_dir = directory
            .path()
            .join(place.replace('/', "-"))
            .join("artifacts");
        let place = output_dir.with_file_name("").join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, "in the way").unwrap();
        let before = files(output_dir.parent().unwrap());

        let error = try_open(&output_dir, "run", LlmLogging::default()).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Log);
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.hint().unwrap().contains("output_dir"));
        assert_eq!(before, files(output_dir.parent().unwrap()));
        for made in ["llm_calls", "journal"] {
            assert!(
                !output_dir.join("run").join(made).is_dir(),
                "{made} was left behind"
            );
        }
    }
}

#[test]
fn a_log_that_survives_the_machine_works_from_many_threads() {
    let directory = folder();
    let settings = LlmLogging {
        durability: Durability::Disk,
        ..LlmLogging::default()
    };
    let log = open(directory.path(), "run", settings);
    let runner = willing(log.clone());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let runner = &runner;
            scope
                .spawn(move || (0..10).for_each(|step| run(runner, "planner", thread * 10 + step)));
        }
    });
    log.flush_blocking().unwrap();
    let run = directory.path().join("run");
    assert_eq!(read(&run).records().len(), 80);
    assert_eq!(call_files(&run).len(), 80);
}
