//! Any bytes as a summary and as a call file beside a journal: read and recovered.
#![no_main]

use duologue::call_log::RunLog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("journal")).unwrap();
    std::fs::create_dir(place("llm_calls")).unwrap();
    let record = br#"{"event":"finished","record":{"call_id":"a","agent":"planner","status":"failed"}"#;
    let crc = crc32fast::hash(record);
    let line = [record, format!(",\"crc\":\"{crc:08x}\"}}").as_bytes()].concat();
    std::fs::write(place("journal/1-1.jsonl"), line).unwrap();
    for name in ["summary.yaml", "summary.json", "call_001_planner.yaml", ".numbers"] {
        std::fs::write(place("llm_calls").join(name), bytes).unwrap();
    }
    let mut run = RunLog::open(folder.path()).unwrap();
    assert_eq!(run.summary().calls, 1);
    let _ = run.recover();
});
