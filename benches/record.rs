//! What a record costs the caller: of 4 KB, standard, sanitized, against an append with `tokio::fs`;
//! with the log off; and how many records a second the journal takes.

#![expect(
    clippy::print_stdout,
    reason = "figures that criterion has no words for"
)]

mod common;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use common::Result;
use common::answer::ANSWER;
use common::figures::Times;
use common::work::log;
use criterion::Criterion;
use duologue::attempt::{Attempts, WireCapture};
use duologue::call_log::{CallEnd, CallLog, Record, Views};
use duologue::chat::{Message, Response, Usage};
use tokio::io::AsyncWriteExt;

const SENTENCES: [&str; 8] = [
    "You are a careful planner; answer with one JSON object and nothing else.\n",
    "The tide tables below list high and low water for 12 harbours on 2026-03-14.\n",
    "Keep within max_tokens = 4000 and report prompt_tokens and completion_tokens.\n",
    "A ship that draws 3.25 m needs at least 0.5 m under its keel at all times.\n",
    "See https://docs.rs/serde_json/latest/serde_json/ for how values are read.\n",
    "Whoever holds the key to the locker signs the list before leaving the pier.\n",
    "{\"harbour\": \"Husum\", \"low\": \"04:12\", \"high\": \"10:31\", \"range_m\": 3.41}\n",
    "Do not guess: when a value is missing, write null and say which one it was.\n",
];

/// A prompt that was not seen before; with the answer, the record has 4 KB.
fn prompt(number: usize) -> String {
    let mut prompt = format!("Prompt {number}. ");
    let mut index = number;
    while prompt.len() < 2000 {
        prompt.push_str(SENTENCES[index % SENTENCES.len()]);
        index += 1;
    }
    prompt
}

/// A call from its first event to its last; gives the time that this took of the caller.
fn one_record(log: &CallLog, number: usize) -> Result<Duration> {
    let messages = vec![
        Message::system(SENTENCES.concat()),
        Message::user(prompt(number)),
    ];
    let answer: serde_json::Value = serde_json::from_str(ANSWER)?;
    let response = Response::text(ANSWER).with_usage(Usage::new(318, 172));
    let attempts = Attempts::new(WireCapture::Off);
    attempts.open().close(None);

    let begun = Instant::now();
    let call = log.begin(&attempts, || {
        let mut record = Record::default();
        record.call_id = format!("call_{number:016x}");
        "exec_9f86d081884c7d65".clone_into(&mut record.execution_id);
        "planner".clone_into(&mut record.agent);
        "openai".clone_into(&mut record.provider);
        "gpt-5-mini".clone_into(&mut record.model);
        record.attempt = 1;
        record.messages = messages;
        record
    })?;
    call.finish(|| {
        let mut end = CallEnd::default();
        end.response = Some(response);
        end.answer = Some(answer);
        end
    })?;
    Ok(begun.elapsed())
}

fn cost_to_the_caller(folder: &Path) -> Result {
    let log = log(folder, Views::All)?;
    let mut times = Vec::new();
    for number in 0..5_000 {
        times.push(one_record(&log, number)?);
        // Calls come apart from one another; the thread that renders files has the time between.
        if number % 16 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    log.flush_blocking()?;
    println!(
        "record to the caller, 4 KB    {}   target p50 60, p99 250",
        times.into_iter().collect::<Times>()
    );
    Ok(())
}

fn append_with_tokio(folder: &Path) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let line = vec![b'x'; 4096];
    let times = runtime.block_on(async {
        let mut file = tokio::fs::File::create(folder.join("appended")).await?;
        let mut times = Vec::new();
        for _ in 0..5_000 {
            let begun = Instant::now();
            file.write_all(&line).await?;
            file.flush().await?;
            times.push(begun.elapsed());
        }
        Ok::<_, std::io::Error>(times)
    })?;
    println!(
        "tokio::fs append, 4 KB        {}",
        times.into_iter().collect::<Times>()
    );
    Ok(())
}

fn journal_throughput(folder: &Path, threads: usize) -> Result {
    const RECORDS: usize = 20_000;
    let log = log(folder, Views::None)?;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let log = &log;
            scope.spawn(move || {
                for number in 0..RECORDS / threads {
                    let _ = one_record(log, thread * RECORDS + number);
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    log.flush_blocking()?;
    println!(
        "journal, {threads:2} threads           {:7.0} records/s   target 15000",
        RECORDS as f64 / seconds
    );
    Ok(())
}

fn disabled(log: &CallLog, attempts: &Attempts) -> bool {
    log.begin(black_box(attempts), Record::default)
        .and_then(|call| call.finish(CallEnd::default))
        .is_ok()
}

fn main() -> Result {
    let folder = tempfile::tempdir()?;
    let mut criterion = Criterion::default().configure_from_args();

    let (log, attempts) = (CallLog::off(), Attempts::new(WireCapture::Off));
    let allocations = allocation_counter::measure(|| {
        black_box(disabled(&log, &attempts));
    });
    println!(
        "log off                       {} allocations   target 0",
        allocations.count_total
    );
    criterion.bench_function("record/log_off", |bencher| {
        bencher.iter(|| disabled(&log, &attempts));
    });

    cost_to_the_caller(folder.path())?;
    append_with_tokio(folder.path())?;
    for threads in [1, 64] {
        journal_throughput(folder.path(), threads)?;
    }
    criterion.final_summary();
    Ok(())
}
