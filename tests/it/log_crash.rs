//! Whatever ends a process, what it acknowledged is in the journal, and recovery shows every call
//! that was begun.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use duologue::AgentRunner;
use duologue::call_log::{CallStatus, LlmLogging, Record, RunLog};
use duologue::chat::{Request, Response};
use duologue::provider::{CallContext, Provider, ProviderError, Reply, ScriptedProvider};
use futures::FutureExt;
use proptest::prelude::*;
use serde_json::json;

use crate::log_support::{
    agent, call_files, child as start, files, item, open, read, run, runner, summary, tell, told,
    willing,
};

use crate::support::{Folder, folder};

const THREADS: u64 = 3;
/// The item whose request never comes back, among so many.
const STUCK: u64 = 20;

/// Tells of every request that left, and answers most of them.
#[derive(Debug)]
struct Telling {
    die_at: Option<(u64, fn())>,
    requests: AtomicU64,
}

#[async_trait]
impl Provider for Telling {
    fn name(&self) -> &'static str {
        "telling"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let attempt = call.attempts().open();
        let prompt = &request.messages.last().unwrap().content;
        tell(&format!("started {prompt}"));
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some((_, die)) = self.die_at.filter(|(at, _)| *at == number) {
            die();
        }
        let digits = prompt.trim_start_matches("item ").trim_end_matches('.');
        if digits.parse::<u64>().unwrap() % STUCK == STUCK - 1 {
            std::future::pending::<()>().await;
        }
        attempt.close(None);
        Ok(Response::text(r#"{"title": "Tides"}"#))
    }
}

/// The child: runs agents on several threads until it dies, or stops after `how` many answers.
pub(crate) fn child(how: &str, directory: &Path) {
    let die: Option<(u64, fn())> = match how {
        "exit" => Some((25, || std::process::exit(0))),
        "abort" => Some((25, || std::process::abort())),
        "panic=abort" => {
            std::panic::set_hook(Box::new(|_| std::process::abort()));
            Some((25, || panic!("a provider gave up")))
        }
        _ => None,
    };
    let most = how.parse().unwrap_or(u64::MAX);
    let provider = Telling {
        die_at: die,
        requests: AtomicU64::new(0),
    };
    let runner = runner(provider, open(directory, "run", LlmLogging::default()));
    let answers = Arc::new(AtomicU64::new(0));
    for thread in 0..THREADS {
        let (runner, answers) = (runner.clone(), answers.clone());
        std::thread::spawn(move || work(&runner, thread, most, &answers));
    }
    loop {
        std::thread::park();
    }
}

fn work(runner: &AgentRunner, thread: u64, most: u64, answers: &AtomicU64) {
    for step in 0.. {
        let number = step * THREADS + thread;
        if number % STUCK == STUCK - 1 {
            let runner = runner.clone();
            std::thread::spawn(move || run(&runner, "planner", number));
            continue;
        }
        run(runner, "planner", number);
        tell(&format!("finished item {number}."));
        if answers.fetch_add(1, Ordering::Relaxed) >= most {
            break;
        }
    }
    loop {
        std::thread::park();
    }
}

/// What a child said before it died.
#[derive(Debug, Default)]
struct Said {
    started: BTreeSet<u64>,
    finished: BTreeSet<u64>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let Some((event, prompt)) = told(line).and_then(|words| words.split_once(" item ")) else {
            return;
        };
        // The last line may be cut: then nobody was told.
        let Some(number) = prompt
            .strip_suffix('.')
            .and_then(|digits| digits.parse().ok())
        else {
            return;
        };
        match event {
            "started" => self.started.insert(number),
            _ => self.finished.insert(number),
        };
    }
}

/// Runs a child to its death; it is killed after it has said `kill_after` lines.
fn live_and_die(how: &str, directory: &Path, kill_after: Option<usize>) -> Said {
    let mut child = start(&format!("crash:{how}"), directory).spawn().unwrap();
    let mut said = Said::default();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (count, line) in lines.map_while(Result::ok).enumerate() {
        said.hear(&line);
        if Some(count) == kill_after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    said
}

fn assert_nothing_lost(directory: &Path, said: &Said) {
    let directory = directory.join("run");
    let log = read(&directory);
    let states: BTreeMap<u64, CallStatus> = log
        .records()
        .iter()
        .map(|record| (item(record), record.status.unwrap()))
        .collect();
    assert_eq!(
        states.len(),
        log.records().len(),
        "one record for each call"
    );
    for number in &said.started {
        assert!(states.contains_key(number), "call {number} left no record");
    }
    for number in &said.finished {
        assert_eq!(states[number], CallStatus::Succeeded, "call {number}");
    }
    let interrupted = |status: &CallStatus| *status == CallStatus::Interrupted;
    assert!(
        states
            .values()
            .all(|status| { interrupted(status) || *status == CallStatus::Succeeded })
    );
    assert_recovers(
        &directory,
        states.values().filter(|s| interrupted(s)).count(),
    );
}

fn assert_recovers(directory: &Path, interrupted: usize) {
    let calls = read(directory).records().len();
    let recovery = RunLog::open(directory).unwrap().recover().unwrap();
    assert_eq!(recovery.interrupted, interrupted);
    assert_eq!(call_files(directory).len(), calls);
    let leftovers = |name: &&String| name.contains(".tmp-");
    assert_eq!(files(directory).keys().find(leftovers), None);
    let summary = summary(directory);
    assert_eq!(summary.calls, calls as u64);
    assert_eq!(summary.calls_in_flight, 0);
    assert_eq!(
        summary
            .calls_by_status
            .get("interrupted")
            .copied()
            .unwrap_or(0),
        interrupted as u64
    );

    let before = files(directory);
    let again = RunLog::open(directory).unwrap().recover().unwrap();
    assert_eq!((again.interrupted, again.rendered), (0, 0));
    assert!(
        before == files(directory),
        "the second recovery changed a file"
    );
    let log = read(directory);
    for record in log.records() {
        let file = log.call_file(&record.call_id).unwrap();
        let shown: Record = serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(shown, *record);
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    for kill_after in [2, 9, 38, 71, 120] {
        let directory = folder();
        let said = live_and_die("200", directory.path(), Some(kill_after));
        assert!(said.started.len() > kill_after / 4);
        assert_nothing_lost(directory.path(), &said);
    }
}

#[test]
fn an_exit_without_flush_loses_nothing() {
    dies_by_itself("exit");
}

#[test]
fn an_abort_in_mid_call_loses_nothing() {
    dies_by_itself("abort");
}

#[test]
fn a_panic_that_aborts_loses_nothing() {
    dies_by_itself("panic=abort");
}

fn dies_by_itself(how: &str) {
    let directory = folder();
    let said = live_and_die(how, directory.path(), None);
    assert!(said.started.len() >= 25);
    assert_nothing_lost(directory.path(), &said);
}

#[test]
fn a_run_goes_on_in_a_new_process_after_a_crash() {
    let directory = folder();
    live_and_die("exit", directory.path(), None);
    let crashed = read(&directory.path().join("run")).summary();
    let interrupted = crashed.calls_by_status["interrupted"];

    // Before recovery, after it, and once more: the same calls are counted once each time.
    for later in 1..=3 {
        let log = open(directory.path(), "run", LlmLogging::default());
        run(&willing(log.clone()), "judge", 1_000_000 + later);
        log.flush_blocking().unwrap();
        drop(log);
        let summary = summary(&directory.path().join("run"));
        assert_eq!(summary.calls, crashed.calls + later);
        assert_eq!(summary.calls_by_status["interrupted"], interrupted);
        RunLog::open(directory.path().join("run"))
            .unwrap()
            .recover()
            .unwrap();
    }
}

/// A run of two calls, and the bytes of its only journal.
fn journal() -> (Folder, PathBuf, Vec<u8>) {
    let directory = folder();
    let log = open(directory.path(), "run", LlmLogging::default());
    let journal = log.journal().unwrap().to_owned();
    let runner = willing(log);
    run(&runner, "planner", 1);
    run(&runner, "planner", 2);
    drop(runner);
    let bytes = fs::read(&journal).unwrap();
    (directory, journal, bytes)
}

/// Where each line ends, and the item whose call it begins, if it begins one.
fn lines(journal: &[u8]) -> Vec<(usize, Option<u64>)> {
    let mut end = 0;
    let mut lines = Vec::new();
    for line in journal.split(|byte| *byte == b'\n').skip(1) {
        end += 1 + line.len();
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        let record = serde_json::from_value(event["record"].clone()).ok();
        let started = record.filter(|_| event["event"] == "started");
        lines.push((end, started.as_ref().map(item)));
    }
    lines
}

#[test]
fn a_journal_torn_anywhere_takes_no_neighbour_along() {
    let (directory, journal, bytes) = journal();
    let directory = directory.damaged();
    let run_directory = directory.path().join("run");
    let log = open(directory.path(), "run", LlmLogging::default());
    run(&willing(log), "judge", 3);
    let lines = lines(&bytes);

    for cut in lines[0].0..bytes.len() {
        fs::write(&journal, &bytes[..cut]).unwrap();
        let log = RunLog::open(&run_directory).unwrap();
        let whole = lines.iter().filter(|(end, _)| *end <= cut);
        let known: Vec<u64> = whole.filter_map(|(_, item)| *item).chain([3]).collect();
        let read: Vec<u64> = log.records().iter().map(item).collect();
        assert_eq!(read, known, "cut at {cut}");
        assert!(log.records().iter().all(|record| record.status.is_some()));
        let torn = lines.iter().all(|(end, _)| *end != cut) && bytes[cut - 1] != b'\n';
        assert_eq!(log.problems().len(), usize::from(torn), "cut at {cut}");
    }
}

#[test]
fn what_follows_a_torn_line_in_the_same_journal_still_reads() {
    let (directory, journal, bytes) = journal();
    let directory = directory.damaged();
    let last = bytes.iter().rposition(|byte| *byte == b'\n').unwrap();
    for cut in [last + 1, last + 2, last + 40, bytes.len() - 1] {
        // What a full disk leaves: a cut line, and whole ones once there is space again.
        let torn = [&bytes[..cut], &bytes[..]].concat();
        fs::write(&journal, torn).unwrap();
        let log = read(&directory.path().join("run"));
        let states: HashMap<u64, _> = log.records().iter().map(|r| (item(r), r.status)).collect();
        assert_eq!(states.len(), 2);
        assert!(states.values().all(|s| *s == Some(CallStatus::Succeeded)));
    }
}

#[test]
fn a_live_process_is_not_interrupted_and_keeps_its_own_call_files() {
    let directory = folder();
    let log = open(directory.path(), "run", LlmLogging::default());
    let stuck = runner(ScriptedProvider::new([Reply::never()]), log.clone());
    let spec = agent("planner");
    let mut waiting = Box::pin(stuck.run(&spec, json!({"item": 1})));
    assert!((&mut waiting).now_or_never().is_none());

    let mut seen = read(&directory.path().join("run"));
    assert_eq!(seen.records()[0].status, None);
    assert_eq!(seen.summary().calls_in_flight, 1);
    let recovery = seen.recover().unwrap();
    assert_eq!((recovery.interrupted, recovery.rendered), (0, 0));

    drop(waiting);
    log.flush_blocking().unwrap();
    let directory = directory.path().join("run");
    assert_eq!(
        read(&directory).records()[0].status,
        Some(CallStatus::Cancelled)
    );
    assert_eq!(call_files(&directory), ["call_001_planner.yaml"]);
}

/// A run whose only journal holds these bytes.
fn run_of(bytes: &[u8]) -> Folder {
    let directory = folder().damaged();
    fs::create_dir(directory.path().join("journal")).unwrap();
    fs::write(directory.path().join("journal/1-1.jsonl"), bytes).unwrap();
    directory
}

static JOURNAL: LazyLock<Vec<u8>> = LazyLock::new(|| journal().2);

/// A line whose checksum is right, whatever it says.
fn sealed(body: &serde_json::Value) -> String {
    let mut text = body.to_string();
    text.pop();
    let crc = crc32fast::hash(text.as_bytes());
    format!("\n{text},\"crc\":\"{crc:08x}\"}}")
}

#[test]
fn the_largest_figures_add_up_without_a_panic() {
    let record = json!({
        "call_id": "a", "status": "failed", "iteration": u32::MAX, "sequence": u64::MAX,
        "duration_ms": u64::MAX, "usage": {"input_tokens": u64::MAX, "output_tokens": u64::MAX},
    });
    let mut other = record.clone();
    other["call_id"] = "b".into();
    let lines =
        [record, other].map(|record| sealed(&json!({"event": "finished", "record": record})));
    let directory = run_of(lines.concat().as_bytes());
    let log = RunLog::open(directory.path()).unwrap();
    assert_eq!((log.problems().len(), log.summary().calls), (0, 2));
    assert_eq!(log.summary().duration_ms, u64::MAX);
}

#[test]
fn a_line_of_a_newer_version_is_passed_over() {
    let newer = sealed(&json!({"event": "annotated", "record": {"call_id": "x", "mood": "good"}}));
    let directory = run_of(&[newer.as_bytes(), &JOURNAL].concat());
    let log = RunLog::open(directory.path()).unwrap();
    assert_eq!((log.problems().len(), log.records().len()), (0, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_readable_as_a_journal(
        noise in proptest::collection::vec(any::<u8>(), 0..400),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = JOURNAL.clone();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.extend_from_slice(&noise);
        let directory = run_of(&bytes);
        let mut log = RunLog::open(directory.path()).unwrap();
        prop_assert!(log.records().len() <= 2);
        log.summary();
        log.recover().unwrap();
    }
}
