//! Call files through PyYAML and ruamel.yaml: they give back exactly what was written.

use std::fs;
use std::path::Path;

use duologue::attempt::{Attempts, WireCapture};
use duologue::call_log::{CallEnd, LlmLogging, LogLevel, Record, RunLog, Sanitizer};
use duologue::chat::{Message, Response};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{python, recipe, said};
use crate::log_support::open;
use crate::log_yaml::nasty;
use crate::support::folder;
use crate::support::mixed::mixed_run;
use crate::tree::root;

/// Texts and a value for one call.
#[derive(Debug, Clone)]
struct Case {
    text: String,
    key: String,
    value: Value,
}

/// Writes one call for each case, with its text in every kind of place, and has Python compare the
/// call files with the records.
fn assert_python_reads(python: &Path, cases: &[Case]) {
    let folder = folder();
    let settings = LlmLogging {
        log_level: LogLevel::Full,
        ..LlmLogging::default()
    };
    let log = open(folder.path(), "run", settings);
    let unsanitized = log.clone().with_sanitizer(Sanitizer::off());
    for (number, case) in cases.iter().enumerate() {
        let attempts = Attempts::new(WireCapture::Off);
        let call = unsanitized
            .begin(&attempts, || begun(number, case))
            .unwrap();
        let mut response = Response::text(case.text.clone());
        response.provider_data = map(case);
        let mut end = CallEnd::failed(duologue::ErrorKind::InvalidAnswer, case.text.clone());
        end.response = Some(response);
        end.answer = Some(json!([case.value, [[case.text]], {&case.key: {&case.text: []}}]));
        end.fixups = vec![case.text.clone()];
        call.finish(|| end).unwrap();
    }
    log.flush_blocking().unwrap();
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(
        (run.problems(), run.records().len()),
        (&[][..], cases.len())
    );
    for (number, record) in run.records().iter().enumerate() {
        let place = |ending: &str| folder.path().join(format!("{number:05}.{ending}"));
        fs::copy(run.call_file(&record.call_id).unwrap(), place("yaml")).unwrap();
        fs::write(place("json"), serde_json::to_string(record).unwrap()).unwrap();
    }
    let compare = root().join("tests/it/readers/compare.py");
    let arguments = [compare.to_str().unwrap(), folder.path().to_str().unwrap()];
    let differences = said(python, &arguments, folder.path());
    assert_eq!(
        differences,
        format!("{} pairs\n", cases.len()),
        "{}",
        shown(cases, &differences)
    );
}

/// The case of the first difference.
fn shown(cases: &[Case], differences: &str) -> String {
    let number = differences.split('.').next().unwrap_or_default().parse();
    let case = number.ok().and_then(|number: usize| cases.get(number));
    format!("{case:?}").chars().take(2000).collect()
}

fn map(case: &Case) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert(case.key.clone(), case.text.clone().into());
    map
}

fn begun(number: usize, case: &Case) -> Record {
    let mut record = Record::default();
    record.call_id = format!("call_{number}");
    record.execution_id.clone_from(&case.key);
    record.conversation_id = Some(case.text.clone());
    record.agent.clone_from(&case.text);
    record.model.clone_from(&case.key);
    record.messages = vec![
        Message::user(case.text.clone()),
        Message::assistant(case.key.clone()),
    ];
    record.context = Some(map(case));
    record
        .parameters
        .extra
        .insert(case.key.clone(), case.text.clone().into());
    record.templates.insert(case.key.clone(), case.text.clone());
    record
}

/// What the list of `log_yaml` lacks.
const MORE: &[&str] = &[
    "0x1F",
    "0b1",
    "1_000.5",
    "1e1000",
    "+.INF",
    ".NaN",
    "0777",
    "190:20:30",
    "2001-12-14t21:59:43.10-05:00",
    "\\ud800",
    "\"\\ud800\\udc00\"",
    "{\"a\": \"\\udfff\"}",
    "{{ a }}",
    "{% a %}",
    "key: value",
    "&a *a",
    "!!python/object:os.system",
    "- - a",
    "a: - b",
    "? ",
    "\u{feff}---\n",
    "\u{2028}\u{2029}\u{85}",
    "\t",
    " \t ",
    "\n\t\n",
    "a\n\tb\n  c",
    "\r\n\r\n",
    "\u{e000}",
    "\u{fdd0}",
    "\u{1fffe}",
    "\u{61c}\u{200f}שלום",
    "a\u{200d}b",
    "# a\n# b",
    "|2\n  a",
    "  a\n b",
    "\n a",
    "a\n ",
    "\n\n\n",
    "True",
    "TRUE",
    "Y",
    "N",
    "OFF",
    "nUll",
    "NULL",
    "0.",
    "-.5",
    "1.e5",
    "1e+5",
    "1E5",
    "0.1e-5",
    "-1_0",
    "00",
    "0_",
    "_1",
    "0b",
    "0x",
    "0o",
    "08",
    "-08",
    "1:60",
    "-1:00",
    "1:2:3.5",
    "2024-1-1",
    "2024-01-01 12:00",
    "2024-01-01T00:00:00.123456789+01:00",
    "<<: *a",
    ",",
    "[",
    "{",
    "}",
    "a,b",
    "[]",
    "{}",
    "!",
    "&",
    "*",
    "%",
    "@",
    "`",
    "|",
    ">",
    ">-",
    "|+\n\n",
];

#[test]
fn every_nasty_text_comes_back_as_it_was() {
    let Some(python) = python() else { return };
    let texts = nasty()
        .into_iter()
        .chain(MORE.iter().copied().map(str::to_owned));
    let mut cases: Vec<Case> = texts
        .map(|text| Case {
            key: text.clone(),
            value: json!({"it": text, "list": [text, {"deep": [text]}]}),
            text,
        })
        .collect();
    cases.push(Case {
        text: "short".to_owned(),
        key: "key".to_owned(),
        // A line of a megabyte.
        value: "0123456789 no: yes # {{ ".repeat(45_000).into(),
    });
    assert_python_reads(&python, &cases);
}

#[test]
fn a_run_of_every_kind_comes_back_as_it_was() {
    let Some(python) = python() else { return };
    let folder = folder();
    mixed_run(folder.path(), LlmLogging::default());
    let mut run = RunLog::open(folder.path().join("run")).unwrap();
    run.recover().unwrap();
    let first = run.records()[0].raw_answer.clone().unwrap();
    let printed = said(&python, &["-c", &recipe("python", "yaml")], folder.path());
    assert_eq!(printed, first + "\n");
}

fn text() -> impl Strategy<Value = String> {
    let characters = proptest::collection::vec(any::<char>(), 0..24)
        .prop_map(|characters| characters.into_iter().collect());
    prop_oneof![
        characters,
        "[ \t\n\r\u{85}\u{2028}\u{feff}a:#'\"\\-]{0,24}",
        "[-+.0-9eExXobBaAfFnN_:TtZz]{1,12}",
        "[\u{0}-\u{ff}]{0,16}",
        "([ -~]{0,30}\n){0,4}[ -~]{0,90}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1e3..1e3).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    // Many calls in each case: one Python reads them all.
    #![proptest_config(ProptestConfig { cases: 1, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_structure_comes_back_as_it_was(
        cases in proptest::collection::vec((text(), text(), value()), 120),
    ) {
        let Some(python) = python() else { return Ok(()) };
        let cases: Vec<Case> = cases
            .into_iter()
            .map(|(text, key, value)| Case { text, key, value })
            .collect();
        assert_python_reads(&python, &cases);
    }
}
