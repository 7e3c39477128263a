//! Any bytes as a journal: read, added up, recovered, read again.
#![no_main]

use duologue::call_log::RunLog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // A checksum would keep nearly everything out, so half of the inputs get one for each line.
    let Some((mode, text)) = bytes.split_first() else {
        return;
    };
    let journal = if mode % 2 == 0 {
        text.to_vec()
    } else {
        text.split(|byte| *byte == b'\n').flat_map(sealed).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("journal")).unwrap();
    std::fs::write(folder.path().join("journal/1-1.jsonl"), journal).unwrap();

    let mut run = RunLog::open(folder.path()).unwrap();
    let calls = run.summary();
    assert_eq!(calls.calls + calls.calls_in_flight, run.records().len() as u64);
    let found = run.records().len();
    if run.recover().is_ok() {
        let again = RunLog::open(folder.path()).unwrap();
        assert_eq!(again.records().len(), found);
        assert_eq!(again.summary().calls, calls.calls);
    }
});

/// `line` with its last byte, `}` in one that is whole, replaced by a checksum.
fn sealed(line: &[u8]) -> Vec<u8> {
    let body = &line[..line.len().saturating_sub(1)];
    let crc = crc32fast::hash(body);
    [b"\n", body, format!(",\"crc\":\"{crc:08x}\"}}").as_bytes()].concat()
}
