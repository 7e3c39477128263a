//! Runs as older versions wrote them: every later version reads them to the same records.

use std::fs;
use std::path::{Path, PathBuf};

use duologue::call_log::{LlmLogging, LogFormat, LogLevel, Record, RunLog};
use serde_json::{Value, json};

use crate::log_support::files;
use crate::support::folder;
use crate::support::folder::assert_records_fit;
use crate::support::mixed::{mixed_run, sealed};
use crate::tree::root;

/// The run that holds what only a later version would write.
const FUTURE: &str = "future";

const RUNS: [(&str, LogLevel, LogFormat); 5] = [
    ("minimal", LogLevel::Minimal, LogFormat::Yaml),
    ("standard", LogLevel::Standard, LogFormat::Yaml),
    ("standard-json", LogLevel::Standard, LogFormat::Json),
    ("full", LogLevel::Full, LogFormat::Yaml),
    (FUTURE, LogLevel::Standard, LogFormat::Yaml),
];

fn golden() -> PathBuf {
    root().join("tests/it/golden")
}

/// What this version reads in `run`: all that a later one must read as well.
fn what_is_read(run: &Path) -> Value {
    let run = RunLog::open(run).unwrap();
    let problems: Vec<_> = run
        .problems()
        .iter()
        .map(|problem| json!([problem.line, problem.message]))
        .collect();
    let name = |record: &Record| Some(run.call_file(&record.call_id)?.file_name()?.to_owned());
    let call_files: Vec<_> = run
        .records()
        .iter()
        .map(|record| name(record).and_then(|name| name.into_string().ok()))
        .collect();
    json!({
        "run_id": run.run_id(),
        "summary": run.summary(),
        "problems": problems,
        "call_files": call_files,
        "records": run.records(),
    })
}

/// The runs of all versions.
fn runs() -> Vec<PathBuf> {
    let directories = |place: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(place).unwrap().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect()
    };
    let versions = directories(&golden());
    versions
        .iter()
        .flat_map(|version| directories(version))
        .collect()
}

#[test]
fn every_run_reads_as_it_did_when_it_was_written() {
    let runs = runs();
    assert!(runs.len() >= RUNS.len());
    for run in runs {
        let text = fs::read_to_string(run.with_extension("read.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let found = what_is_read(&run);
        for part in ["run_id", "summary", "problems", "call_files"] {
            assert_eq!(found[part], expected[part], "{part} of {}", run.display());
        }
        let found = found["records"].as_array().unwrap();
        let expected = expected["records"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{}", run.display());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "{}", run.display());
        }
    }
}

#[test]
fn every_call_file_shows_the_record_that_its_journal_holds() {
    // The call files of the future are not there to be rendered.
    for place in runs().iter().filter(|run| !run.ends_with(FUTURE)) {
        let run = RunLog::open(place).unwrap();
        for record in run.records() {
            let Some(file) = run.call_file(&record.call_id) else {
                continue;
            };
            let text = fs::read_to_string(&file).unwrap();
            let shown: Record = match file.extension().and_then(|ending| ending.to_str()) {
                Some("json") => serde_json::from_str(&text).unwrap(),
                _ => serde_yaml::from_str(&text).unwrap(),
            };
            assert_eq!(&shown, record, "{}", file.display());
        }
    }
}

#[test]
fn every_run_fits_the_schemas_that_are_published_now() {
    for run in runs() {
        if !run.ends_with(FUTURE) {
            assert!(assert_records_fit(&run) > 20, "{}", run.display());
        }
    }
}

#[test]
fn every_run_can_be_recovered() {
    for place in runs() {
        let copy = folder().damaged();
        for (name, content) in files(&place) {
            let path = copy.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut run = RunLog::open(copy.path()).unwrap();
        run.recover().unwrap();
        let before = RunLog::open(&place).unwrap();
        assert_eq!(run.records(), before.records());
    }
}

/// Not a test of its own: `NEW_GOLDEN=N cargo test --all-features --test it golden` writes the folder
/// `N`, for a new version of a format.
#[test]
fn written_when_asked() {
    let Some(version) = std::env::var_os("NEW_GOLDEN") else {
        return;
    };
    let version = golden().join(version);
    fs::create_dir(&version).expect("golden files are never written again");
    for (name, log_level, format) in RUNS {
        let folder = folder().damaged();
        let settings = LlmLogging {
            log_level,
            format,
            ..LlmLogging::default()
        };
        mixed_run(folder.path(), settings);
        for (path, content) in files(&folder.path().join("run")) {
            let text = String::from_utf8(content).unwrap();
            let (path, text) = match path.strip_suffix(".jsonl") {
                Some(_) if name == FUTURE => ("journal/1-1.jsonl", from_the_future(&text)),
                Some(_) => ("journal/1-1.jsonl", text),
                None => (path.as_str(), text),
            };
            let path = version.join(name).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let read = serde_json::to_string_pretty(&what_is_read(&version.join(name))).unwrap();
        fs::write(version.join(name).with_extension("read.json"), read + "\n").unwrap();
    }
}

/// The journal as a later version of the same format may write it.
fn from_the_future(journal: &str) -> String {
    let lines = journal.lines().filter(|line| !line.is_empty());
    let mut text = String::new();
    for (index, line) in lines.enumerate() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event.as_object_mut().unwrap().remove("crc");
        event["host"] = "somewhere".into();
        if let Some(record) = event.get_mut("record") {
            record["mood"] = json!({"good": [true, null]});
            record["parameters"]["reasoning_effort"] = "high".into();
            record["usage"]["audio_tokens"] = 3.into();
            if record["status"] == "refused" {
                record["status"] = "postponed".into();
                record["error"]["kind"] = "not_today".into();
            }
            if record["status"] == "timed_out" {
                record["mode"] = "batch".into();
            }
        }
        text += &sealed(&event);
        if index == 3 {
            text += &sealed(&json!({"event": "annotated", "call_id": "x", "record": ["anything"]}));
        }
    }
    text
}
