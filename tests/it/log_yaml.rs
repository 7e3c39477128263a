//! Call files as YAML: every text reads back as it was, here and in Python.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;

use duologue::call_log::{CallLog, LlmLogging, LogFormat, LogLevel, Record};
use duologue::provider::{Reply, ScriptedProvider};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::log_support::{agent, files, open, read, runner, tell};

use crate::support::folder;

/// Texts that careless writers of YAML get wrong, and some that tempt every reader.
const SHORT: &[&str] = &[
    "",
    " ",
    "no",
    "No",
    "NO",
    "n",
    "y",
    "yes",
    "on",
    "off",
    "true",
    "null",
    "~",
    "Null",
    "12:30:45",
    "1:1",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "0x1f",
    "0o17",
    "017",
    "1e3",
    "1_000",
    ".5",
    "-",
    "+1",
    "-0",
    ".inf",
    ".nan",
    "1.",
    "=",
    "<<",
    "!!str a",
    "!tag",
    "&anchor",
    "*alias",
    "\ttab first",
    "tab last\t",
    "  two spaces first",
    "space last ",
    "a\n  b\n",
    "  a\nb",
    "\ta\nb",
    "\n",
    "\n\n",
    "\na",
    "a\n",
    "a\n\n",
    "a\n\n\nb\n\n",
    "a \nb",
    "a\t\nb",
    " \n a",
    "\n \n",
    "\u{85}",
    "a\u{85}b",
    "a\u{85}\nb",
    "\u{feff}",
    "\u{feff}a\nb",
    "a\u{feff}b",
    "\u{7f}",
    "a\u{7f}\nb",
    "\u{2028}",
    "a\u{2028}b\nc",
    "\u{2029}\n",
    "\u{a0}",
    "\u{a0}a\nb",
    "\u{200b}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10ffff}",
    "---",
    "--- a",
    "a\n---\nb",
    "...",
    "a\n...\nb",
    "%YAML 1.1",
    "%\na",
    "#",
    "# a",
    "a #b",
    "a\n# b",
    "a: b",
    "a:",
    ":",
    ": ",
    "a:\nb: c",
    "- a",
    "-\n- b",
    "? a",
    "| a",
    "> a",
    "|\n",
    "@a",
    "`a`",
    "'",
    "\"",
    "'a'",
    "\"a\"",
    "it's \"so\"",
    "\\",
    "a\\nb",
    "\\x41",
    "[a, b]",
    "{a: b}",
    "a, b",
    "]",
    "}",
    "a\r\nb",
    "a\rb",
    "\r",
    "\r\n",
    "a\r\n\r\nb\n",
    "\0",
    "a\0b\nc",
    "\u{1}\u{2}\u{1f}",
    "\u{1b}[31mred\u{1b}[0m\n",
    "\u{9f}\n",
    "\u{8}\u{b}\u{c}\n",
    "🌊 tides\n🌊",
    "e\u{301}",
    "日本語\n",
    "\u{202e}evil",
];

/// The short texts, and some that are long.
pub(crate) fn nasty() -> Vec<String> {
    let mut texts: Vec<String> = SHORT.iter().copied().map(str::to_owned).collect();
    texts.push("long ".repeat(5_000));
    texts.push(format!("{}\n{}", "x".repeat(20_000), "y".repeat(200)));
    texts.push("word\n".repeat(2_000));
    texts.push(format!(
        "{} # {}: {}",
        " ".repeat(100),
        "a".repeat(100),
        "b ".repeat(100)
    ));
    texts
}

/// A record with these texts in every kind of place: list, map value, map key, string of its own.
fn logged(texts: &[String], directory: &Path) -> (Record, String) {
    let keys: serde_json::Map<String, Value> = texts
        .iter()
        .map(|text| (text.clone(), text.clone().into()))
        .collect();
    let answer = json!({"list": texts, "nested": [[texts]], "keys": keys});
    let log = open(
        directory,
        "run",
        LlmLogging {
            log_level: LogLevel::Full,
            ..LlmLogging::default()
        },
    );
    let unsanitized: CallLog = log
        .clone()
        .with_sanitizer(duologue::call_log::Sanitizer::off());
    let mut spec = agent("planner");
    for (number, text) in texts.iter().enumerate() {
        spec.extra
            .insert(format!("text_{number}"), text.clone().into());
    }
    let runner = runner(ScriptedProvider::new([Reply::json(answer)]), unsanitized);
    pollster::block_on(runner.run(&spec, json!({"item": texts.concat()}))).unwrap();
    log.flush_blocking().unwrap();
    let run = read(&directory.join("run"));
    assert_eq!(run.problems(), []);
    let file = run.call_file(&run.records()[0].call_id).unwrap();
    (run.records()[0].clone(), fs::read_to_string(file).unwrap())
}

#[test]
fn every_text_reads_back_as_it_was() {
    let directory = folder();
    let texts = nasty();
    let (record, yaml) = logged(&texts, directory.path());
    let answer = record.answer.as_ref().unwrap();
    let list: Vec<String> = serde_json::from_value(answer["list"].clone()).unwrap();
    assert_eq!(list, texts, "the journal holds what the model said");
    assert!(
        record
            .messages
            .last()
            .unwrap()
            .content
            .contains(&texts.concat())
    );
    assert_eq!(serde_yaml::from_str::<Record>(&yaml).unwrap(), record);
}

#[test]
fn every_text_alone_reads_back_as_it_was() {
    for text in nasty() {
        let directory = folder();
        let (record, yaml) = logged(std::slice::from_ref(&text), directory.path());
        let shown: Record =
            serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(shown, record, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_reads_back_as_it_was(texts in proptest::collection::vec("[ -~\t\n\r\u{85}\u{2028}\u{feff}\u{0}-\u{1f}\u{7f}-\u{9f}é🌊:#'\"-]{0,40}", 1..8)) {
        let directory = folder();
        let (record, yaml) = logged(&texts, directory.path());
        prop_assert_eq!(serde_yaml::from_str::<Record>(&yaml).unwrap(), record);
    }

    #[test]
    fn any_number_reads_back_as_it_was(numbers in proptest::collection::vec(any::<f64>(), 1..8), whole in any::<i64>(), large in any::<u64>()) {
        let directory = folder();
        let log = open(directory.path(), "run", LlmLogging::default());
        let answer = json!({"numbers": numbers, "whole": whole, "large": large});
        let runner = runner(ScriptedProvider::new([Reply::json(answer.clone())]), log.clone());
        let outcome = pollster::block_on(runner.run(&agent("planner"), json!({"item": 1}))).unwrap();
        log.flush_blocking().unwrap();
        let run = read(&directory.path().join("run"));
        prop_assert_eq!(run.records()[0].answer.as_ref(), Some(&outcome.data));
        let file = run.call_file(&run.records()[0].call_id).unwrap();
        let shown: Record = serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        prop_assert_eq!(&shown, &run.records()[0]);
    }
}

/// Reads pairs of a YAML and a JSON file with PyYAML; says where they first differ.
const COMPARE: &str = r#"
import json, pathlib, sys, yaml
def differ(a, b, path=""):
    if type(a) is not type(b): return f"{path}: {a!r} in YAML is {b!r} in JSON"
    if isinstance(a, dict):
        if list(a) != list(b): return f"{path}: keys {list(a)!r} and {list(b)!r}"
        return next(filter(None, (differ(a[k], b[k], f"{path}/{k}") for k in a)), None)
    if isinstance(a, list):
        if len(a) != len(b): return f"{path}: lengths {len(a)} and {len(b)}"
        return next(filter(None, (differ(x, y, f"{path}/{i}") for i, (x, y) in enumerate(zip(a, b)))), None)
    return None if a == b else f"{path}: {a!r} in YAML is {b!r} in JSON"
same = 0
for path in pathlib.Path(sys.argv[1]).glob("*.yaml"):
    with open(path, encoding="utf-8", newline="") as y, open(path.with_suffix(".json"), encoding="utf-8") as j:
        j = json.load(j)
        try: difference = differ(yaml.safe_load(y), j)
        except Exception as error: difference = f"{j['answer']['list']!r}: {error}"
    if difference: print(difference[:500])
    else: same += 1
print(same, "are the same")
"#;

#[test]
fn python_reads_what_was_written() {
    let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output();
    if !has_yaml.is_ok_and(|output| output.status.success()) {
        tell("SKIPPED: python3 with PyYAML is not installed; call files were not read by it");
        return;
    }
    let pairs = folder();
    for (number, text) in nasty().into_iter().enumerate() {
        let directory = folder();
        let (record, yaml) = logged(&[text], directory.path());
        let place = |ending| pairs.path().join(format!("{number}.{ending}"));
        fs::write(place("yaml"), yaml).unwrap();
        fs::write(place("json"), serde_json::to_string(&record).unwrap()).unwrap();
    }
    let compared = Command::new("python3")
        .args(["-c", COMPARE])
        .arg(pairs.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&compared.stderr), "");
    let said = String::from_utf8_lossy(&compared.stdout);
    assert_eq!(said, format!("{} are the same\n", nasty().len()));
}

#[test]
fn both_formats_show_the_same_record() {
    let directory = folder();
    let settings = LlmLogging {
        format: LogFormat::Json,
        ..LlmLogging::default()
    };
    let log = open(directory.path(), "run", settings);
    let runner = runner(
        ScriptedProvider::new([Reply::json(json!({"list": nasty()}))]),
        log.clone(),
    );
    pollster::block_on(runner.run(&agent("planner"), json!({"item": nasty().concat()}))).unwrap();
    log.flush_blocking().unwrap();
    let files = files(&directory.path().join("run/llm_calls"));
    let shown: Record = serde_json::from_slice(&files["call_001_planner.json"]).unwrap();
    assert_eq!(&shown, &read(&directory.path().join("run")).records()[0]);
}
