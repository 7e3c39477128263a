//! How fast a journal of 100,000 calls answers: `logs stats` and `logs show` as whole processes,
//! with the index file and without it, and what making that file costs.

#![expect(
    clippy::print_stdout,
    reason = "figures that criterion has no words for"
)]

mod common;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use common::Result;
use common::answer::{ANSWER, SYSTEM};
use common::work::log;
use criterion::Criterion;
use duologue::attempt::{Attempts, WireCapture};
use duologue::call_log::{CallEnd, CallLog, Record, Views};
use duologue::chat::{Message, Response, Usage};
use duologue::query::{Run, Stats};

const CALLS: usize = 100_000;
const COMMAND: &str = env!("CARGO_BIN_EXE_duologue");

/// One call of some 3 KB, through the log as every call goes.
fn one_call(log: &CallLog, number: usize) -> Result {
    let attempts = Attempts::new(WireCapture::Off);
    attempts.open().close(None);
    let call = log.begin(&attempts, || {
        let mut record = Record::default();
        record.call_id = format!("call_{number:016x}");
        record.execution_id = format!("exec_{number:016x}");
        ["planner", "judge", "editor"][number % 3].clone_into(&mut record.agent);
        "openai".clone_into(&mut record.provider);
        ["gpt-5-mini", "gpt-5"][number % 2].clone_into(&mut record.model);
        record.attempt = 1;
        let question = format!("Question {number}: where does the water go?\n").repeat(40);
        record.messages = vec![Message::system(SYSTEM), Message::user(question)];
        record
    })?;
    call.finish(|| {
        let mut end = CallEnd::default();
        end.response = Some(Response::text(ANSWER).with_usage(Usage::new(318, 172)));
        end.answer = serde_json::from_str(ANSWER).ok();
        end
    })?;
    Ok(())
}

/// A run of so many calls; its directory.
fn run_in(folder: &Path) -> Result<PathBuf> {
    let log = log(folder, Views::None)?;
    for number in 0..CALLS {
        one_call(&log, number)?;
    }
    let begun = Instant::now();
    let directory = folder.join(log.run_id());
    drop(log);
    println!(
        "closing a journal of {CALLS} calls  {:.0} ms, index file included",
        begun.elapsed().as_secs_f64() * 1e3
    );
    Ok(directory)
}

fn remove_indexes(run: &Path) -> Result {
    for entry in std::fs::read_dir(run.join("journal"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "index") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn process(arguments: &[&str], run: &Path) -> bool {
    Command::new(COMMAND)
        .arg("logs")
        .args(&arguments[..1])
        .arg(run)
        .args(&arguments[1..])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn main() -> Result {
    let folder = tempfile::tempdir()?;
    let run = run_in(folder.path())?;
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("queries");
    group.bench_function("stats process, target 1 s", |bencher| {
        bencher.iter(|| assert!(process(&["stats"], &run)));
    });
    group.bench_function("stats process without an index, target 1 s", |bencher| {
        bencher.iter_with_setup(
            || remove_indexes(&run).is_ok(),
            |_| assert!(process(&["stats"], &run)),
        );
    });
    group.bench_function("show process, target 50 ms", |bencher| {
        bencher.iter(|| assert!(process(&["show", "77777"], &run)));
    });
    group.bench_function("show process by id, target 50 ms", |bencher| {
        bencher.iter(|| assert!(process(&["show", "call_0000000000012fd1"], &run)));
    });
    group.bench_function("opening a run", |bencher| {
        bencher.iter(|| black_box(Run::open(&run).map(|run| run.len())));
    });
    let open = Run::open(&run)?;
    group.bench_function("stats of an open run", |bencher| {
        bencher.iter(|| black_box(Stats::of(std::slice::from_ref(&open))));
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
