//! No bytes make reading panic: journals, views, names; random ones and real ones that were changed.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use duologue::call_log::{LlmLogging, RunLog, find_runs};
use duologue::provider::extract::PartialJson;
use duologue::query::{
    Comparison, Export, ExportFormat, Filter, Follow, Run, Search, Stats, Verification,
};
use duologue::report;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::folder;
use crate::support::mixed::{mixed_run, sealed};

type Reader = (&'static str, fn(&Path));

/// Everything that reads a run. What comes to read runs belongs here too.
const READERS: &[Reader] = &[
    ("open", |run| {
        let _ = RunLog::open(run);
    }),
    ("summary", |run| {
        if let Ok(run) = RunLog::open(run) {
            assert_eq!(
                run.summary().calls + run.summary().calls_in_flight,
                run.records().len() as u64
            );
        }
    }),
    ("call files", |run| {
        if let Ok(run) = RunLog::open(run) {
            for record in run.records() {
                let _ = run.call_file(&record.call_id);
            }
        }
    }),
    ("problems", |run| {
        if let Ok(run) = RunLog::open(run) {
            let _: Vec<String> = run.problems().iter().map(ToString::to_string).collect();
        }
    }),
    ("find runs", |run| {
        let _ = find_runs(run).map(|runs| runs.len());
        let _ = find_runs(run.parent().unwrap()).unwrap();
    }),
    ("query", |run| {
        if let Ok(run) = Run::open(run) {
            assert_eq!(run.records().count(), run.len());
            let _ = run.list(&Filter::default().status("failed"));
            let _ = run.last(3).map(|calls| calls.len());
            let _ = run.find("call_");
            let _: Vec<String> = run.problems().iter().map(ToString::to_string).collect();
        }
    }),
    ("stats", |run| {
        if let Ok(run) = Run::open(run) {
            let stats = Stats::of(&[run]).unwrap();
            serde_json::to_string(&stats).unwrap();
        }
    }),
    ("search", |run| {
        if let Ok(run) = Run::open(run) {
            let search = Search::new("e.*").unwrap().ignoring_case().unwrap();
            let found = run.grep(&search, &Filter::default(), usize::MAX).unwrap();
            serde_json::to_string(&found).unwrap();
        }
    }),
    ("verification", |run| {
        if let Ok(found) = Verification::of(run) {
            serde_json::to_string(&found).unwrap();
        }
    }),
    ("comparison", |run| {
        if let (Ok(run), Ok(again)) = (Run::open(run), Run::open(run)) {
            let found = Comparison::of(&run, &again);
            let _ = found.map(|found| serde_json::to_string(&found).unwrap());
        }
    }),
    ("export", |run| {
        if let Ok(run) = Run::open(run) {
            for format in [
                ExportFormat::Jsonl,
                ExportFormat::Csv,
                ExportFormat::OtlpJson,
            ] {
                let mut bytes = Vec::new();
                let export = Export::new(format).with_content();
                export
                    .write(std::slice::from_ref(&run), &mut bytes)
                    .unwrap();
                std::str::from_utf8(&bytes).unwrap();
            }
        }
    }),
    ("follow", |run| {
        if let Ok(run) = Run::open(run) {
            let mut follow = Follow::from(&run);
            let _ = follow.poll().and_then(|_| follow.poll());
        }
    }),
    ("partial answers", |run| {
        for entry in fs::read_dir(run.join("journal")).unwrap().flatten() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let mut partial = PartialJson::new();
            for piece in text.split_inclusive([':', ',']) {
                partial.push(piece);
                let _ = partial.value().map(Value::is_object);
            }
        }
    }),
    ("report", |run| {
        if let Ok(run) = RunLog::open(run) {
            report::render(&run).unwrap();
        }
    }),
    ("recover", |run| {
        if let Ok(mut run) = RunLog::open(run) {
            let _ = run.recover();
        }
    }),
    ("read what was recovered", |run| {
        let _ = RunLog::open(run).map(|run| run.summary());
    }),
];

fn all_readers(run: &Path) {
    for (name, read) in READERS {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(run)));
        assert!(result.is_ok(), "{name} panics");
    }
}

/// The lines of a real journal with calls of every kind.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = folder();
    mixed_run(folder.path(), LlmLogging::default());
    let entries = fs::read_dir(folder.path().join("run/journal")).unwrap();
    let path = entries
        .flatten()
        .find(|entry| entry.path().extension().is_some());
    let text = fs::read_to_string(path.unwrap().path()).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
});

/// One thing done to a value somewhere in a line: the checksum is made anew, so it is read.
fn mutate(line: &str, place: prop::sample::Index, replacement: &Value) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    value.as_object_mut().unwrap().remove("crc");
    let mut pointers = Vec::new();
    collect(&value, "", &mut pointers);
    let pointer = &pointers[place.index(pointers.len())];
    *value.pointer_mut(pointer).unwrap() = replacement.clone();
    sealed(&value)
}

pub(super) fn collect(value: &Value, at: &str, pointers: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, value)| (i.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in children {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        collect(value, &pointer, pointers);
        pointers.push(pointer);
    }
}

pub(super) fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!(["unknown"])),
        Just(serde_json::json!({"kind": "x", "message": 5})),
        Just(Value::from("unknown")),
        Just(Value::from("duologue.call/99999999999")),
        Just(Value::from("../../up")),
        Just(Value::from(u64::MAX)),
    ]
}

fn place(bytes: &[u8]) -> crate::support::Folder {
    let folder = folder().damaged();
    fs::create_dir_all(folder.path().join("run/journal")).unwrap();
    fs::create_dir_all(folder.path().join("run/llm_calls")).unwrap();
    fs::write(folder.path().join("run/journal/1-1.jsonl"), bytes).unwrap();
    folder
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        all_readers(&place(&bytes).path().join("run"));
    }

    #[test]
    fn a_real_journal_with_other_values_in_it(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), anything()), 1..10),
    ) {
        let mut lines: Vec<String> = LINES.iter().map(|line| format!("\n{line}")).collect();
        for (line, at, value) in changes {
            let line = line.index(LINES.len());
            lines[line] = mutate(&LINES[line], at, &value);
        }
        all_readers(&place(lines.concat().as_bytes()).path().join("run"));
    }

    #[test]
    fn views_of_any_content(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "schema: [a-z./0-9]{0,20}\nlosses: \\{journal_events: -?[0-9]{1,25}, call_files: [0-9]{1,20}\\}\ncalls: .{0,9}\n".prop_map(String::into_bytes),
            "call_id: .{0,40}\n".prop_map(String::into_bytes),
        ],
    ) {
        let journal = LINES.join("\n");
        let folder = place(journal.as_bytes());
        for name in ["summary.yaml", "summary.json", "call_001_planner.yaml", "call_002_a.json", ".numbers", ".tmp-1-x"] {
            fs::write(folder.path().join("run/llm_calls").join(name), &bytes).unwrap();
        }
        all_readers(&folder.path().join("run"));
    }

    #[test]
    fn files_of_any_name(names in proptest::collection::vec("[^/\0]{1,60}", 1..6)) {
        let journal = LINES.join("\n");
        let folder = place(journal.as_bytes());
        for name in names {
            for directory in ["journal", "llm_calls"] {
                for name in [name.clone(), format!("{name}.jsonl"), format!("call_{name}.yaml")] {
                    // Some names are too long, or `.`.
                    let _ = fs::write(folder.path().join("run").join(directory).join(name), "call_id: x");
                }
            }
        }
        all_readers(&folder.path().join("run"));
    }
}
