//! The page as HTML: its own style and script, and the run as JSON that no browser runs.

use std::io::{self, Write};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::difference::Difference;
use super::figures::Figures;
use super::flow::Flow;
use super::index::{Calls, order};
use super::texts::Texts;
use crate::call_log::{CallStatus, Losses, Record, RunLog, RunStatus, Sanitizer};
use crate::clock::rfc3339;
use crate::lifecycle::LifecycleEvent;

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/dom.js"),
    include_str!("script/format.js"),
    include_str!("script/run.js"),
    include_str!("script/filter.js"),
    include_str!("script/overview.js"),
    include_str!("script/flow.js"),
    include_str!("script/bars.js"),
    include_str!("script/density.js"),
    include_str!("script/list.js"),
    include_str!("script/text.js"),
    include_str!("script/difference.js"),
    include_str!("script/call.js"),
    include_str!("script/toolbar.js"),
    include_str!("script/main.js"),
    "})();\n",
);

/// How much JSON the page reads at once when a call is opened.
const PIECE: usize = 256 * 1024;
/// How many unreadable lines are named; a file of garbage has thousands.
const MOST_PROBLEMS: usize = 20;

/// Everything that goes into the page, as JSON.
#[derive(Debug)]
pub(super) struct Page {
    run: String,
    calls: Pieces,
    texts: Pieces,
}

/// The run, without the calls' contents.
#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    status: RunStatus,
    log_level: String,
    written_at_ms: u64,
    written_at: String,
    version: &'static str,
    figures: Figures,
    flow: Option<Flow>,
    losses: Option<Losses>,
    problems: Vec<String>,
    more_problems: usize,
    calls: Calls,
    call_pieces: &'a [usize],
    text_pieces: &'a [usize],
}

impl Page {
    pub(super) fn of(run: &RunLog, sanitizer: &Sanitizer) -> serde_json::Result<Self> {
        let records: Vec<Record> = run
            .records()
            .iter()
            .map(|record| sanitized(record, sanitizer))
            .collect();
        let events = sanitized_events(run.happened(), sanitizer);
        let flow = Flow::of(&events, &records);
        let order = order(&records);
        let texts = Texts::shared(&records);
        let calls = Pieces::of(order.iter().enumerate().map(|(index, place)| {
            let before = index.checked_sub(1).map(|index| &records[order[index]]);
            detail(&records[*place], before, &texts)
        }))?;
        let texts = Pieces::of(texts.list().iter().map(|text| Ok(Value::from(*text))))?;
        let run = serde_json::to_string(&facts(run, &records, flow, &order, [&calls, &texts]))?;
        Ok(Self { run, calls, texts })
    }

    pub(super) fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(SCRIPT),
            hash(STYLE)
        );
        let mut rest = HTML;
        while let Some((before, after)) = rest.split_once("{{") {
            out.write_all(before.as_bytes())?;
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            match name {
                "policy" => out.write_all(policy.as_bytes())?,
                "style" => out.write_all(STYLE.as_bytes())?,
                "script" => out.write_all(SCRIPT.as_bytes())?,
                _ => self.write_data(out)?,
            }
            rest = after;
        }
        out.write_all(rest.as_bytes())?;
        out.flush()
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        for text in &self.texts.json {
            write_json(out, "texts", text)?;
        }
        for calls in &self.calls.json {
            write_json(out, "calls", calls)?;
        }
        write_json(out, "run", &self.run)
    }
}

/// The record as every other sink gets it: sanitized, also when its log was not.
fn sanitized(record: &Record, sanitizer: &Sanitizer) -> Record {
    let mut record = record.clone();
    record.sanitize_start(sanitizer);
    record.sanitize_end(sanitizer);
    record
}

fn sanitized_events(events: &[LifecycleEvent], sanitizer: &Sanitizer) -> Vec<LifecycleEvent> {
    let mut events = events.to_vec();
    for event in &mut events {
        event.clean_by(&|text| sanitizer.clean(text));
    }
    events
}

fn facts<'a>(
    run: &'a RunLog,
    records: &[Record],
    flow: Option<Flow>,
    order: &[usize],
    [calls, texts]: [&'a Pieces; 2],
) -> Run<'a> {
    let summary = run.summary();
    let now = SystemTime::now();
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH);
    let problems = run.problems().iter().take(MOST_PROBLEMS).map(|problem| {
        let file = problem.file.file_name().unwrap_or_default();
        let file = file.to_string_lossy();
        match problem.line {
            0 => format!("{file}: {}", problem.message),
            line => format!("{file} line {line}: {}", problem.message),
        }
    });
    Run {
        id: run.run_id(),
        status: summary.status,
        log_level: summary.log_level.clone(),
        written_at_ms: since_1970.map_or(0, crate::attempt::millis),
        written_at: rfc3339(now),
        version: env!("CARGO_PKG_VERSION"),
        losses: summary.losses.clone(),
        problems: problems.collect(),
        more_problems: run.problems().len().saturating_sub(MOST_PROBLEMS),
        figures: Figures::of(summary, records),
        flow,
        calls: Calls::of(records, order),
        call_pieces: &calls.firsts,
        text_pieces: &texts.firsts,
    }
}

/// One call whole, with what it changed in the answer that it repairs.
fn detail(
    record: &Record,
    before: Option<&Record>,
    texts: &Texts<'_>,
) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(record)?;
    texts.replace_in(&mut value);
    let repaired = before.filter(|before| {
        record.attempt > 1
            && before.status != Some(CallStatus::Succeeded)
            && before.execution_id == record.execution_id
            && !record.execution_id.is_empty()
    });
    if let Some(difference) = repaired.and_then(|before| Difference::between(before, record)) {
        value["difference"] = serde_json::to_value(difference)?;
    }
    Ok(value)
}

/// JSON arrays of about [`PIECE`] bytes, so that the page reads what it shows and no more.
#[derive(Debug, Default)]
struct Pieces {
    json: Vec<String>,
    /// The number of the first item of each array.
    firsts: Vec<usize>,
}

impl Pieces {
    fn of(items: impl Iterator<Item = serde_json::Result<Value>>) -> serde_json::Result<Self> {
        let mut pieces = Self::default();
        let mut open = String::new();
        for (number, item) in items.enumerate() {
            if open.is_empty() {
                pieces.firsts.push(number);
            }
            open.push(if open.is_empty() { '[' } else { ',' });
            open.push_str(&serde_json::to_string(&item?)?);
            if open.len() >= PIECE {
                open.push(']');
                pieces.json.push(std::mem::take(&mut open));
            }
        }
        if !open.is_empty() {
            open.push(']');
            pieces.json.push(open);
        }
        Ok(pieces)
    }
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

/// `json` as an element that browsers keep and do not run. All that could end the element, or be
/// read as markup, stands inside of strings, where an escape means the same.
fn write_json(out: &mut dyn Write, kind: &str, json: &str) -> io::Result<()> {
    write!(
        out,
        "<script type=\"application/json\" data-kind=\"{kind}\">"
    )?;
    let mut rest = json;
    while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        let (before, after) = rest.split_at(at);
        out.write_all(before.as_bytes())?;
        let mut letters = after.chars();
        if let Some(letter) = letters.next() {
            write!(out, "\\u{:04x}", u32::from(letter))?;
        }
        rest = letters.as_str();
    }
    out.write_all(rest.as_bytes())?;
    out.write_all(b"</script>\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_the_data_can_end_its_element() {
        let text = "</script><!--<script>&amp;\u{2028}\u{2029}]]>";
        let mut out = Vec::new();
        write_json(&mut out, "calls", &json!([text]).to_string()).unwrap();
        let html = String::from_utf8(out).unwrap();
        let inner = html.split_once('>').unwrap().1;
        let inner = inner.strip_suffix("</script>\n").unwrap();
        assert!(!inner.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<Value>(inner).unwrap(), json!([text]));
    }

    #[test]
    fn pieces_hold_every_item_once() {
        let items = (0..100).map(|number| Ok(json!(format!("{number}{}", "x".repeat(PIECE / 10)))));
        let pieces = Pieces::of(items).unwrap();
        assert_eq!(pieces.firsts[..2], [0, 10]);
        let all: Vec<Value> = pieces
            .json
            .iter()
            .flat_map(|json| serde_json::from_str::<Vec<Value>>(json).unwrap())
            .collect();
        assert_eq!(all.len(), 100);
    }

    #[test]
    fn the_script_never_builds_markup() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!SCRIPT.contains(word), "the script contains `{word}`");
        }
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
    }
}
