//! The index files of large journals: made, continued, and never believed.

use std::fs;
use std::path::{Path, PathBuf};

use duologue::call_log::{LlmLogging, RunLog, Views};
use duologue::query::{Run, Stats};

use crate::log_support::{open, run as run_agent, willing};

const CALLS: u64 = 1_001;

/// Bytes of a journal that one thread takes at once.
const PART: usize = 8 * 1024 * 1024;

fn without_views() -> LlmLogging {
    LlmLogging {
        views: Views::None,
        ..LlmLogging::default()
    }
}

/// Adds a journal of so many calls to `{folder}/run`.
fn add_journal(folder: &Path, calls: u64) {
    let runner = willing(open(folder, "run", without_views()));
    for item in 0..calls {
        run_agent(
            &runner,
            ["planner", "judge"][usize::from(item % 3 == 0)],
            item,
        );
    }
}

/// The files of the run's journal directory with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("run/journal")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// What a run answers must be what the whole log says, however it was found.
fn assert_right(folder: &Path) {
    let whole = RunLog::open(folder.join("run")).unwrap();
    let run = Run::open(folder.join("run")).unwrap();
    let found: Vec<_> = run.records().map(Result::unwrap).collect();
    assert_eq!(found, whole.records());
    let stats = Stats::of(&[run]).unwrap();
    let summary = whole.summary();
    assert_eq!(
        (
            stats.total.calls,
            stats.total.calls_by_status,
            stats.total.usage
        ),
        (summary.calls, summary.calls_by_status, summary.usage)
    );
}

#[test]
fn a_large_journal_gets_its_index_when_it_is_closed_and_a_small_one_gets_none() {
    let folder = crate::support::folder();
    add_journal(folder.path(), 3);
    assert_right(folder.path());
    assert!(files(folder.path(), ".index").is_empty());
    add_journal(folder.path(), CALLS);
    let index = files(folder.path(), ".index");
    assert_eq!(index.len(), 1);
    assert_right(folder.path());
    // The journals are those that were there, whatever lies beside them.
    assert_eq!(
        Run::open(folder.path().join("run")).unwrap().len(),
        3 + 1_001
    );
}

#[test]
fn an_index_that_is_missing_or_broken_is_made_anew() {
    let folder = crate::support::folder();
    add_journal(folder.path(), CALLS);
    let index = files(folder.path(), ".index").remove(0);
    let good = fs::read(&index).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for broken in [
        &b""[..],
        b"duologue.index/1\n",
        &good[..good.len() / 2],
        &flipped,
    ] {
        fs::write(&index, broken).unwrap();
        assert_right(folder.path());
        assert!(fs::read(&index).unwrap() == good, "{} bytes", broken.len());
    }
    fs::remove_file(&index).unwrap();
    assert_right(folder.path());
    assert!(fs::read(&index).unwrap() == good);
}

#[test]
fn an_index_of_another_journal_is_not_believed() {
    let (one, other) = (crate::support::folder(), crate::support::folder());
    add_journal(one.path(), CALLS);
    add_journal(other.path(), CALLS);
    let index = files(one.path(), ".index").remove(0);
    fs::copy(files(other.path(), ".index").remove(0), &index).unwrap();
    assert_right(one.path());
}

#[test]
fn damage_after_the_index_was_made_is_noticed() {
    let folder = crate::support::folder().damaged();
    add_journal(folder.path(), CALLS);
    let journal = files(folder.path(), ".jsonl").remove(0);
    let mut bytes = fs::read(&journal).unwrap();
    let lines: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    // The end of the 500th call: what is left of it is its start.
    let end = lines[2 * 500] + 40;
    bytes[end] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let indexed = Run::open(folder.path().join("run")).unwrap();
    let stats = Stats::of(std::slice::from_ref(&indexed)).unwrap();
    let whole = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(stats.total.calls_by_status, whole.summary().calls_by_status);
    assert_eq!(stats.total.calls_by_status["interrupted"], 1);
    let place = whole
        .records()
        .iter()
        .position(|record| record.status == Some(duologue::call_log::CallStatus::Interrupted));
    let shown = indexed.record(place.unwrap()).unwrap().unwrap();
    assert_eq!(shown, whole.records()[place.unwrap()]);
    // It is told by the question that meets it, and by every run that is opened after it.
    assert_eq!((indexed.unreadable(), stats.unreadable_lines), (1, 1));
    assert_eq!(indexed.problems(), whole.problems());
    let again = Run::open(folder.path().join("run")).unwrap();
    assert_eq!(again.unreadable(), 1);
    assert!(files(folder.path(), ".index").is_empty());
}

#[test]
fn recovering_removes_an_index_that_was_never_finished() {
    let folder = crate::support::folder();
    add_journal(folder.path(), 1);
    let leftover = folder.path().join("run/journal/.tmp-4194305-x");
    fs::write(&leftover, "duologue.index/1\n").unwrap();
    let mut run = RunLog::open(folder.path().join("run")).unwrap();
    run.recover().unwrap();
    assert!(!leftover.exists());
}

#[test]
fn an_index_that_lags_behind_is_continued() {
    let folder = crate::support::folder();
    let log = open(folder.path(), "run", without_views());
    let runner = willing(log.clone());
    for item in 0..CALLS {
        run_agent(&runner, "planner", item);
    }
    assert_right(folder.path());
    let index = fs::read(files(folder.path(), ".index").remove(0)).unwrap();
    for item in 0..5 {
        run_agent(&runner, "judge", item);
    }
    assert_right(folder.path());
    assert!(fs::read(files(folder.path(), ".index").remove(0)).unwrap() == index);
    drop((log, runner));
    assert_right(folder.path());
}

/// A journal line with its checksum.
fn line(body: &str) -> String {
    let crc = crc32fast::hash(body.as_bytes());
    format!("\n{body},\"crc\":\"{crc:08x}\"}}")
}

#[test]
fn a_journal_that_several_threads_read_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let finished = |number: usize, len: usize| {
        let answer = "x".repeat(len);
        line(&format!(
            r#"{{"event":"finished","record":{{"schema":"duologue.call/1","call_id":"call_{number}","sequence":{number},"agent":"a","started_at":"2026-11-21T08:00:00.{:06}Z","status":"succeeded","raw_answer":"{answer}"}}"#,
            (number * 7_919) % 1_000_000
        ))
    };
    // The second line begins exactly where the second thread does.
    let mut text = finished(1, PART - 1 - finished(1, 0).len());
    let mut pad = 7_u32;
    for number in 2..=1_500 {
        // Lines of every length, some longer than what is read at once, one longer than a part.
        pad = pad.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += &match number {
            40 => finished(number, PART + 1_000_000),
            number if number % 300 == 0 => finished(number, 700_000),
            _ => finished(number, pad as usize % 20_000),
        };
        if number % 100 == 0 {
            text += "\ntorn {\"event\"\n";
        }
    }
    fs::create_dir_all(folder.path().join("run/journal")).unwrap();
    fs::write(folder.path().join("run/journal/1-2.jsonl"), &text).unwrap();
    assert!(text.len() > 4 * PART);
    assert_right(folder.path());
    let whole = RunLog::open(folder.path().join("run")).unwrap();
    let run = Run::open(folder.path().join("run")).unwrap();
    assert_eq!((run.len(), run.unreadable()), (1_500, 15));
    assert_eq!(run.problems(), whole.problems());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_a_query_panic(
        garbage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        index in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        at in 0_usize..400,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let good = line(r#"{"event":"started","record":{"schema":"duologue.call/1","call_id":"c","sequence":1,"agent":"a"}"#);
        let mut bytes = garbage.clone();
        let at = at.min(bytes.len());
        let tail = bytes.split_off(at);
        bytes.extend(good.bytes());
        bytes.extend([b'\n']);
        bytes.extend(tail);
        fs::create_dir_all(folder.path().join("run/journal")).unwrap();
        fs::write(folder.path().join("run/journal/1-2.jsonl"), &bytes).unwrap();
        let mut body = b"duologue.index/1\n".to_vec();
        body.extend(&index);
        body.extend(crc32fast::hash(&body).to_le_bytes());
        fs::write(folder.path().join("run/journal/.1-2.index"), &body).unwrap();
        let run = Run::open(folder.path().join("run")).unwrap();
        proptest::prop_assert_eq!(run.len(), 1);
        proptest::prop_assert!(Stats::of(&[run]).is_ok());
        duologue::query::Verification::of(&folder.path().join("run")).unwrap();
    }
}

#[test]
fn a_torn_end_hides_no_call_and_is_told_each_time() {
    let folder = crate::support::folder().damaged();
    add_journal(folder.path(), CALLS);
    let journal = files(folder.path(), ".jsonl").remove(0);
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 20]).unwrap();
    for _ in 0..2 {
        let run = Run::open(folder.path().join("run")).unwrap();
        assert_eq!((run.len(), run.unreadable()), (1_001, 1));
        let line = bytes.split(|byte| *byte == b'\n').count();
        assert_eq!(run.problems()[0].line, line);
    }
    assert_right(folder.path());
}
