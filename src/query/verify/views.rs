//! The call files and the summary: whether they say what the journals say.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::super::read::CallLine;
use super::super::run::{Run, State};
use super::journals::Seen;
use super::{Defect, Finding, Verification};
use crate::call_log::{Record, Summary};
use crate::config;
use crate::error::Result;

pub(super) fn look(run: &Run, seen: &Seen, verification: &mut Verification) -> Result<()> {
    let batches = run.fold(&|found: &mut Compared, line| found.visit(&line, run, seen))?;
    for batch in batches {
        verification.call_files += batch.same;
        verification.findings.extend(batch.findings);
    }
    surplus_files(run, seen, verification);
    summary(run, verification)
}

#[derive(Default)]
struct Compared {
    same: u64,
    findings: Vec<Finding>,
}

impl Compared {
    fn visit(&mut self, line: &CallLine<'_>, run: &Run, seen: &Seen) {
        // What cannot be read was found by those who read the journals.
        let Some(record) = said(line) else { return };
        let call_id = record["call_id"].as_str().unwrap_or_default();
        let Some(file) = seen.rendered.get(call_id) else {
            if line.record().is_ok_and(|record| wants_file(&record, seen)) {
                let message = "a call has no call file; `duologue logs recover` writes it";
                let finding = Finding::new(Defect::MissingCallFile, &run.paths.calls, message);
                self.findings.push(finding.of_call(call_id));
            }
            return;
        };
        let path = run.paths.calls.join(file);
        match compare(&path, &record) {
            Ok(()) => self.same += 1,
            Err((defect, message)) => {
                let finding = Finding::new(defect, &path, message);
                self.findings.push(finding.of_call(call_id));
            }
        }
    }
}

/// The record as the journal has it, with what a newer version says in it.
fn said(line: &CallLine<'_>) -> Option<Value> {
    if line.state == State::Interrupted {
        return serde_json::to_value(line.record().ok()?).ok();
    }
    let mut whole: Value = serde_json::from_slice(line.bytes).ok()?;
    Some(whole.get_mut("record")?.take())
}

fn wants_file(record: &Record, seen: &Seen) -> bool {
    let journal = seen.origins.get(&*record.call_id);
    match journal
        .and_then(|journal| seen.views.get(journal))
        .map(String::as_str)
    {
        Some("none") => false,
        Some("failed") => !record.is_success(),
        _ => true,
    }
}

fn compare(path: &Path, said: &Value) -> std::result::Result<(), (Defect, String)> {
    if !path.exists() {
        return Err((
            Defect::MissingCallFile,
            "the call file is not there; `duologue logs recover` writes it".to_owned(),
        ));
    }
    let changed = |message: &str| (Defect::ChangedCallFile, message.to_owned());
    // A pipe in its place would never end.
    if !path.is_file() {
        return Err(changed("the call file is not a regular file"));
    }
    let shown = config::read_value(path).map_err(|_| changed("the call file cannot be read"))?;
    if is_equal(&shown, said) {
        return Ok(());
    }
    let fields = differing(&shown, said).join("`, `");
    Err(changed(&format!(
        "the call file differs from the journal in `{fields}`"
    )))
}

/// Numbers are equal when their values are: YAML and JSON may write `1` for `1.0`.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_equal(value, other)))
        }
        _ => one == other,
    }
}

/// The fields of either document that are not the same in the other.
fn differing(one: &Value, other: &Value) -> Vec<String> {
    let fields = |value: &Value| -> BTreeMap<String, Value> {
        let fields = value.as_object().into_iter().flatten();
        fields
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let (one, other) = (fields(one), fields(other));
    let mut names: Vec<String> = one.keys().chain(other.keys()).cloned().collect();
    names.sort();
    names.dedup();
    let get =
        |of: &BTreeMap<String, Value>, name: &String| of.get(name).cloned().unwrap_or_default();
    names.retain(|name| !is_equal(&get(&one, name), &get(&other, name)));
    names
}

fn surplus_files(run: &Run, seen: &Seen, verification: &mut Verification) {
    let known: HashSet<&str> = seen.rendered.values().map(String::as_str).collect();
    let mut surplus: Vec<String> = run.paths.names();
    surplus.retain(|name| name.starts_with("call_") && !known.contains(name.as_str()));
    surplus.sort();
    verification.findings.extend(surplus.iter().map(|name| {
        let message = "no journal speaks of this call file";
        Finding::new(
            Defect::SurplusCallFile,
            &run.paths.calls.join(name),
            message,
        )
    }));
}

fn summary(run: &Run, verification: &mut Verification) -> Result<()> {
    let formats = ["yaml", "json"];
    let opened_with = formats.iter().find(|format| **format == run.opening.format);
    let name = format!("summary.{}", opened_with.unwrap_or(&"yaml"));
    let path = run.paths.calls.join(name);
    let finding = |message: String| Finding::new(Defect::Summary, &path, message);
    if !path.exists() {
        let message = "there is no summary; `duologue logs recover` writes it".to_owned();
        verification.findings.push(finding(message));
        return Ok(());
    }
    let written = Some(&path)
        .filter(|path| path.is_file())
        .and_then(|path| config::read_value(path).ok())
        .and_then(|value| serde_json::from_value::<Summary>(value).ok());
    let Some(written) = written else {
        verification
            .findings
            .push(finding("the summary cannot be read".to_owned()));
        return Ok(());
    };
    let counted = recomputed(run)?;
    let (written, counted) = (comparable(written), comparable(counted));
    let fields = differing(&written, &counted).join("`, `");
    if !fields.is_empty() {
        let message = format!("the summary differs from the calls in `{fields}`");
        verification.findings.push(finding(message));
    }
    Ok(())
}

fn recomputed(run: &Run) -> Result<Summary> {
    let batches = run.fold(&|sum: &mut Summary, line| {
        if let Ok(record) = line.record() {
            sum.add(&record);
        }
    })?;
    let named = Summary {
        schema: Summary::SCHEMA.to_owned(),
        run_id: run.run_id().to_owned(),
        log_level: run.opening.log_level.clone(),
        format: run.opening.format.clone(),
        ..Summary::default()
    };
    let sum = batches.iter().fold(Summary::default(), Summary::merged);
    Ok(sum.merged(&named).completed())
}

/// A summary without what depends on when and in which order it was written, and without what it
/// alone knows.
fn comparable(mut summary: Summary) -> Value {
    summary.updated_at.clear();
    summary.losses = None;
    summary.agents.sort_by(|a, b| a.name.cmp(&b.name));
    summary.errors.clear();
    serde_json::to_value(summary).unwrap_or_default()
}
