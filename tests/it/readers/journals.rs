//! Journals through jq, DuckDB and pandas, by the README's own recipes.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use duologue::call_log::{LlmLogging, LogLevel, Record, RunLog};
use serde_json::{Value, json};

use super::{python, recipe, recipes, said};
use crate::support::mixed::mixed_run;
use crate::support::{Folder, folder};

/// Calls, output tokens and dollars by agent and status.
type Totals = BTreeMap<(String, String), (u64, u64, f64)>;

/// A run of every kind, with the records that have a `finished` line.
fn run(log_level: LogLevel) -> (Folder, Vec<Record>) {
    let folder = folder();
    let settings = LlmLogging {
        log_level,
        ..LlmLogging::default()
    };
    mixed_run(folder.path(), settings);
    let run = RunLog::open(folder.path().join("run")).unwrap();
    assert_eq!(run.problems(), []);
    let mut records = run.records().to_vec();
    records.retain(|record| record.call_id != "call_interrupted");
    (folder, records)
}

fn totals(records: &[Record]) -> Totals {
    let mut totals = Totals::new();
    for record in records {
        let status = record.status.unwrap().as_str().to_owned();
        let sums = totals.entry((record.agent.clone(), status)).or_default();
        sums.0 += 1;
        sums.1 += record.usage.output_tokens.unwrap_or(0);
        sums.2 += serde_json::to_value(record.cost_usd)
            .unwrap()
            .as_f64()
            .unwrap_or(0.0);
    }
    totals
}

/// Rows of `[agent, status, calls, tokens, usd]` as totals.
fn from_rows(text: &str) -> Totals {
    let rows: Vec<Value> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            let number = |index: usize| row[index].as_f64().unwrap_or(0.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let whole = |index: usize| number(index) as u64;
            (
                (text(&row[0]), text(&row[1])),
                (whole(2), whole(3), number(4)),
            )
        })
        .collect()
}

const DUCKDB_ROWS: &str = "
import json
print(json.dumps([[a, s, n, int(t or 0), float(u or 0)] for a, s, n, t, u in calls.fetchall()]))
";

const PANDAS_ROWS: &str = "
import json
rows = []
for (agent, status), group in calls.groupby(['agent', 'status']):
    tokens, usd = group['usage.output_tokens'].sum(), group['cost_usd'].sum()
    rows.append([agent, status, len(group), int(tokens), float(usd)])
print(json.dumps(rows))
";

/// What a killed process and a full disk leave: a cut line in the middle and one at the end.
fn tear(folder: Folder) -> Folder {
    for entry in fs::read_dir(folder.path().join("run/journal")).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        let mut file = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        let half = &whole[1..100];
        let torn = [
            b"\n{\"event\":\"finished\",\"rec".as_slice(),
            &whole,
            b"\n\n\n",
            half,
        ];
        file.write_all(&torn.concat()).unwrap();
    }
    folder.damaged()
}

fn python_totals(python: &Path, recipe: &str, rows: &str, folder: &Folder) -> Totals {
    let program = format!("{recipe}\n{rows}");
    from_rows(&said(python, &["-c", &program], folder.path()))
}

fn assert_close(found: &Totals, expected: &Totals) {
    let shape = |totals: &Totals| -> Vec<_> {
        let rows = totals.iter();
        rows.map(|(key, (calls, tokens, _))| (key.clone(), *calls, *tokens))
            .collect()
    };
    assert_eq!(shape(found), shape(expected));
    for (key, (_, _, usd)) in expected {
        assert!((found[key].2 - usd).abs() < 1e-12, "{key:?}: {found:?}");
    }
}

#[test]
fn jq_lists_the_failed_calls() {
    if python().is_none() {
        return;
    }
    let (folder, records) = run(LogLevel::Full);
    let expected: Vec<Value> = records
        .iter()
        .filter(|record| !record.is_success())
        .map(|record| {
            json!([
                record.started_at,
                record.agent,
                record.status,
                record.error.as_ref().map(|error| error.kind)
            ])
        })
        .collect();
    assert!(expected.len() > 4);
    let [recipe] = &recipes("sh")[..] else {
        panic!("there is one recipe for the shell");
    };
    let listed = |folder: &Folder| -> Vec<Value> {
        let lines = said(Path::new("sh"), &["-ec", recipe], folder.path());
        let mut rows: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        rows.sort_by_key(|row| row[0].to_string());
        rows
    };
    assert_eq!(listed(&folder), expected);
    assert_eq!(listed(&tear(folder)), expected);
}

#[test]
fn jq_without_any_option_reads_a_whole_journal() {
    if python().is_none() {
        return;
    }
    let (folder, records) = run(LogLevel::Standard);
    let count = "jq -s -e 'map(select(.event == \"finished\")) | length' run/journal/*.jsonl";
    let counted = said(Path::new("sh"), &["-ec", count], folder.path());
    assert_eq!(counted.trim(), records.len().to_string());
}

#[test]
fn duckdb_adds_up_calls_tokens_and_costs() {
    let Some(python) = python() else { return };
    let recipe = recipe("python", "duckdb");
    for level in [LogLevel::Minimal, LogLevel::Standard, LogLevel::Full] {
        let (folder, records) = run(level);
        let expected = totals(&records);
        assert_close(
            &python_totals(&python, &recipe, DUCKDB_ROWS, &folder),
            &expected,
        );
        let torn = tear(folder);
        assert_close(
            &python_totals(&python, &recipe, DUCKDB_ROWS, &torn),
            &expected,
        );
    }
}

#[test]
fn pandas_adds_up_calls_tokens_and_costs() {
    let Some(python) = python() else { return };
    let recipe = recipe("python", "pandas");
    for level in [LogLevel::Minimal, LogLevel::Standard, LogLevel::Full] {
        let (folder, records) = run(level);
        let expected = totals(&records);
        assert_close(
            &python_totals(&python, &recipe, PANDAS_ROWS, &folder),
            &expected,
        );
        let whole = "for name in run/journal/*.jsonl; do jq -cR 'fromjson?' $name > whole && mv whole $name; done";
        let torn = tear(folder);
        said(Path::new("sh"), &["-ec", whole], torn.path());
        assert_close(
            &python_totals(&python, &recipe, PANDAS_ROWS, &torn),
            &expected,
        );
    }
}
