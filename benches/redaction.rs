//! How fast texts are sanitized: 4 KB prompts that were not seen before, the process's own secrets
//! alone, and prompts that were seen before.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group};
use duologue::call_log::{Redactions, SanitizeConfig, Sanitizer};

/// Sentences of an ordinary prompt, with the words that make a rule look twice.
const SENTENCES: [&str; 10] = [
    "You are a careful planner; answer with one JSON object and nothing else.\n",
    "The tide tables below list high and low water for 12 harbours on 2026-03-14.\n",
    "Keep within max_tokens = 4000 and report prompt_tokens and completion_tokens.\n",
    "A ship that draws 3.25 m needs at least 0.5 m under its keel at all times.\n",
    "```rust\nlet token = tokenizer.next().ok_or(Error::Empty)?;\n```\n",
    "See https://docs.rs/serde_json/latest/serde_json/ for how values are read.\n",
    "Whoever holds the key to the locker signs the list before leaving the pier.\n",
    "{\"harbour\": \"Husum\", \"low\": \"04:12\", \"high\": \"10:31\", \"range_m\": 3.41}\n",
    "Do not guess: when a value is missing, write null and say which one it was.\n",
    "Call id call_9f86d081884c7d65, attempt 2 of 3, started at 1700000000.\n",
];

fn prompts() -> Vec<String> {
    (0..64)
        .map(|shift| {
            let mut prompt = format!("Prompt {shift}. ");
            let mut index = shift;
            while prompt.len() < 4096 {
                prompt.push_str(SENTENCES[(index * 7 + shift) % SENTENCES.len()]);
                index += 1;
            }
            prompt.truncate(4096);
            prompt
        })
        .collect()
}

fn redaction(criterion: &mut Criterion) {
    let prompts = prompts();
    let bytes = prompts.iter().map(String::len).sum::<usize>();
    let config = SanitizeConfig::default();
    let (Ok(all), own) = (Sanitizer::new(&config), Sanitizer::own_secrets_only()) else {
        return;
    };
    let mut group = criterion.benchmark_group("redaction");
    group.throughput(Throughput::Bytes(bytes as u64));
    for (name, sanitizer) in [("prompts_4k_uncached", &all), ("own_secrets_only", &own)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for prompt in &prompts {
                    black_box(sanitizer.redact_uncached(prompt, &mut Redactions::default()));
                }
            });
        });
    }
    group.bench_function("prompts_4k_cached", |bencher| {
        bencher.iter(|| {
            for prompt in &prompts {
                black_box(all.redact(prompt, &mut Redactions::default()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, redaction);

/// The process's own secrets are read from its environment, so it starts itself anew with one.
fn main() -> std::io::Result<()> {
    const KEY: &str = "DUOLOGUE_BENCH_API_KEY";
    if std::env::var_os(KEY).is_some() {
        benches();
        Criterion::default().configure_from_args().final_summary();
        return Ok(());
    }
    std::process::Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(KEY, ["q8Zr2LmX", "0vTn4BwY"].concat())
        .status()
        .map(drop)
}
