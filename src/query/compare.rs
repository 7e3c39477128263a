//! Two runs side by side: which calls changed, and how.

use serde::Serialize;
use serde_json::Value;

use super::pairing::{outlines, partners};
use super::run::Run;
use crate::call_log::Record;
use crate::diff::{Piece, words};
use crate::error::Result;

/// How two runs differ.
///
/// Calls are paired by agent and order: first the executions of an agent (one agent answering once)
/// whose first prompts are the same, then those that are left, in the order in which they started;
/// within an execution by iteration and attempt. Times, ids and tokens do not count as differences.
///
/// ```
/// # use duologue::call_log::{create_llm_logger, LoggerConfig};
/// # let folder = tempfile::tempdir()?;
/// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
/// # drop(create_llm_logger(&config)?);
/// # let directory = folder.path().join("demo");
/// use duologue::query::{Comparison, Run};
///
/// let (old, new) = (Run::open(&directory)?, Run::open(&directory)?);
/// assert!(Comparison::of(&old, &new)?.is_same());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Calls that are the same in both runs.
    pub same: usize,
    /// Calls in both runs that differ, in the order of the old run.
    pub changed: Vec<ChangedCall>,
    /// Calls of the old run that the new one does not have.
    pub only_old: Vec<LoneCall>,
    /// Calls of the new run that the old one does not have.
    pub only_new: Vec<LoneCall>,
}

/// A call that is in both runs and differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChangedCall {
    /// The agent.
    pub agent: String,
    /// Which call of its execution this is, from 1.
    pub attempt: u32,
    /// Which round of a refinement loop, from 0.
    pub iteration: u32,
    /// Its place in the old run, from 1.
    pub old: usize,
    /// Its place in the new run, from 1.
    pub new: usize,
    /// Settings and outcomes that differ.
    pub values: Vec<ChangedValue>,
    /// Prompts, answers and error texts that differ.
    pub texts: Vec<ChangedText>,
}

/// A value that differs; `null` is one that is not there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChangedValue {
    /// Where it stands in the record: `model`, `parameters.temperature`, ….
    pub field: String,
    /// In the old run.
    pub old: Value,
    /// In the new run.
    pub new: Value,
}

/// A text that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChangedText {
    /// Where it stands in the record: `messages[1]`, `raw_answer`, ….
    pub field: String,
    /// Both texts, word by word.
    pub pieces: Vec<Piece>,
}

/// A call that only one run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoneCall {
    /// Its place in its run, from 1.
    pub place: usize,
    /// The call.
    pub call_id: String,
    /// The agent.
    pub agent: String,
    /// Which call of its execution this is, from 1.
    pub attempt: u32,
}

impl Comparison {
    /// Compares two runs.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a call of either cannot be read.
    pub fn of(old: &Run, new: &Run) -> Result<Self> {
        let (old_calls, new_calls) = (outlines(old)?, outlines(new)?);
        let mut comparison = Self::default();
        let mut is_paired = vec![false; new_calls.len()];
        let partners = partners(&old_calls, &new_calls);
        for (call, partner) in old_calls.iter().zip(partners) {
            let Some(partner) = partner else {
                comparison.only_old.push(call.alone());
                continue;
            };
            is_paired[partner] = true;
            let places = [call.place, new_calls[partner].place];
            let (Some(old), Some(new)) = (old.record(places[0]), new.record(places[1])) else {
                continue;
            };
            match changed(&old?, &new?, places) {
                Some(change) => comparison.changed.push(change),
                None => comparison.same += 1,
            }
        }
        let lone = new_calls.iter().zip(is_paired);
        let lone = lone.filter(|(_, is_paired)| !is_paired);
        comparison.only_new = lone.map(|(call, _)| call.alone()).collect();
        Ok(comparison)
    }

    /// Whether there is no difference.
    pub fn is_same(&self) -> bool {
        self.changed.is_empty() && self.only_old.is_empty() && self.only_new.is_empty()
    }
}

/// How two records differ, if they do.
fn changed(old: &Record, new: &Record, places: [usize; 2]) -> Option<ChangedCall> {
    let values = changed_values(old, new);
    let texts = changed_texts(old, new);
    if values.is_empty() && texts.is_empty() {
        return None;
    }
    Some(ChangedCall {
        agent: old.agent.clone(),
        attempt: old.attempt,
        iteration: old.iteration,
        old: places[0] + 1,
        new: places[1] + 1,
        values,
        texts,
    })
}

fn changed_values(old: &Record, new: &Record) -> Vec<ChangedValue> {
    let (old, new) = (settings(old), settings(new));
    let mut names: Vec<&String> = old.keys().collect();
    names.extend(new.keys().filter(|name| !old.contains_key(*name)));
    let value =
        |of: &serde_json::Map<String, Value>, name| of.get(name).cloned().unwrap_or_default();
    let changes = names.into_iter().map(|name| ChangedValue {
        field: name.clone(),
        old: value(&old, name),
        new: value(&new, name),
    });
    changes.filter(|change| change.old != change.new).collect()
}

/// What was asked for and what came of it, but for texts, times and ids.
fn settings(record: &Record) -> serde_json::Map<String, Value> {
    let mut settings = serde_json::Map::new();
    let mut add = |name: &str, value: Result<Value, serde_json::Error>| {
        settings.insert(name.to_owned(), value.unwrap_or_default());
    };
    add("provider", serde_json::to_value(&record.provider));
    add("model", serde_json::to_value(&record.model));
    add(
        "response_model",
        serde_json::to_value(&record.response_model),
    );
    let parameters = serde_json::to_value(&record.parameters).unwrap_or_default();
    for (name, value) in parameters.as_object().into_iter().flatten() {
        match value {
            Value::Object(extra) if name == "extra" => {
                for (name, value) in extra {
                    add(&format!("parameters.extra.{name}"), Ok(value.clone()));
                }
            }
            _ => add(&format!("parameters.{name}"), Ok(value.clone())),
        }
    }
    add(
        "structured_output",
        serde_json::to_value(record.structured_output),
    );
    add("schema_hash", serde_json::to_value(&record.schema_hash));
    add("status", serde_json::to_value(record.status));
    add("finish_reason", serde_json::to_value(&record.finish_reason));
    add(
        "error.kind",
        serde_json::to_value(record.error.as_ref().map(|error| error.kind)),
    );
    settings
}

fn changed_texts(old: &Record, new: &Record) -> Vec<ChangedText> {
    let message = |record: &Record, number: usize| {
        let message = record.messages.get(number);
        message.map(|message| format!("{}: {}", message.role.as_str(), message.content))
    };
    let count = old.messages.len().max(new.messages.len());
    let mut pairs: Vec<(String, Option<String>, Option<String>)> = (0..count)
        .map(|number| {
            (
                format!("messages[{number}]"),
                message(old, number),
                message(new, number),
            )
        })
        .collect();
    pairs.push((
        "reasoning".to_owned(),
        old.reasoning.clone(),
        new.reasoning.clone(),
    ));
    // What the model wrote; what was read out of it where the text was not kept.
    pairs.push(match (&old.raw_answer, &new.raw_answer) {
        (None, None) => {
            let text = |record: &Record| record.answer.as_ref().map(Value::to_string);
            ("answer".to_owned(), text(old), text(new))
        }
        (old, new) => ("raw_answer".to_owned(), old.clone(), new.clone()),
    });
    let error = |record: &Record| record.error.as_ref().map(|error| error.message.clone());
    pairs.push(("error.message".to_owned(), error(old), error(new)));
    let pairs = pairs.into_iter().filter(|(_, old, new)| old != new);
    pairs
        .map(|(field, old, new)| ChangedText {
            field,
            pieces: words(&old.unwrap_or_default(), &new.unwrap_or_default()),
        })
        .collect()
}
