//! `duologue runs show`

use clap::Args;
use serde_json::Value;

use super::super::logs::{moment, print_document, time};
use super::super::output::{print, print_json, table};
use super::super::{SUCCESS, output};
use super::Store;
use crate::call_log::LogFormat;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{AuditEntry, AuditFilter, AuditStore, Audited, RunHistory, SqliteAudit};
use crate::flow::envelope::Envelope;
use crate::lifecycle::{EventError, Phase};
use crate::text::{clip, counted, nearest};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Show {
    /// The run's id, or the beginning of it.
    run: String,
    #[command(flatten)]
    store: Store,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue runs show run_20261121_031158_9433ab0c1d2e3f40
  duologue runs show run_20261121_03 --json | jq '.entries[] | select(.kind == \"envelope\")'";

/// Longest detail of a step that is shown to people.
const MOST_DETAIL: usize = 200;

impl Show {
    pub(super) fn execute(&self) -> Result<u8> {
        let store = self.store.open()?;
        let history = self.find(&store)?;
        if self.json {
            print_json(&history)?;
            return Ok(SUCCESS);
        }
        print(&text(&history))?;
        for entry in &history.entries {
            if let Audited::Envelope { envelope } = &entry.what {
                print(&format!("\nenvelope of attempt {}\n", entry.attempt))?;
                print_document(envelope, LogFormat::Yaml)?;
            }
        }
        Ok(SUCCESS)
    }

    fn find(&self, store: &SqliteAudit) -> Result<RunHistory> {
        if let Some(history) = pollster::block_on(store.history(&self.run))? {
            return Ok(history);
        }
        let runs = pollster::block_on(store.runs(&AuditFilter::new()))?;
        let begins = |id: &&str| id.starts_with(&self.run);
        let ids: Vec<&str> = runs.iter().map(|run| &*run.run_id).collect();
        let found: Vec<&str> = ids.iter().copied().filter(begins).collect();
        if let [one] = found[..]
            && let Some(history) = pollster::block_on(store.history(one))?
        {
            return Ok(history);
        }
        let path = store.path().display();
        let (what, hint) = if found.is_empty() {
            let near = nearest(&self.run, ids.iter().copied());
            let list = || "`duologue runs ls` lists the runs".to_owned();
            let hint = near.map_or_else(list, |near| format!("did you mean `{near}`?"));
            (format!("no run `{}`", self.run), hint)
        } else {
            let what = format!("{} begin with `{}`", counted(found.len(), "run"), self.run);
            (what, "give more of the id".to_owned())
        };
        let message = format!(
            "{what} in `{path}`, which has {}",
            counted(ids.len(), "run")
        );
        Err(Error::new(ErrorKind::Config, message).with_hint(hint))
    }
}

fn text(history: &RunHistory) -> String {
    let run = &history.run;
    let mut head = vec![
        cells(["run", &run.run_id]),
        cells(["flow", &run.flow]),
        cells(["state", run.state.as_str()]),
        cells(["attempt", &run.attempt.to_string()]),
    ];
    if let Some(error) = &run.error {
        head.push(cells(["error", &said(error)]));
    }
    let mut rows = vec![cells(["time", "attempt", "what", "", "took", "details"])];
    rows.extend(history.entries.iter().map(row));
    format!("{}\n{}", table(&head), table(&rows))
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let (at, attempt) = (moment(&entry.time), entry.attempt.to_string());
    let error = |error: &Option<EventError>| error.as_ref().map(said).unwrap_or_default();
    match &entry.what {
        Audited::State(change) => cells([
            &at,
            &attempt,
            "state",
            change.state.as_str(),
            "",
            &error(&change.error),
        ]),
        Audited::Envelope { envelope } => {
            let status = envelope.status.as_str();
            cells([&at, &attempt, "envelope", status, "", &about(envelope)])
        }
        Audited::Trace(step) => {
            let took = step.duration_ms.map(time).unwrap_or_default();
            let name = format!("{} {}", step.name, word(step.phase));
            let detail = step.detail.as_ref().map(Value::to_string);
            let detail = detail.map(|detail| clip(&detail, MOST_DETAIL));
            let details = detail.unwrap_or_else(|| error(&step.error));
            cells([&at, &attempt, "step", &name, &took, &details])
        }
    }
}

fn about(envelope: &Envelope) -> String {
    let records = counted(envelope.records.len(), "record");
    format!("{records} from {}", envelope.metadata.source)
}

fn said(error: &EventError) -> String {
    output::clean_line(&format!("{}: {}", error.kind, error.message))
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Started => "started",
        Phase::Slow => "is slow",
        Phase::Retried => "is tried again",
        Phase::Finished => "finished",
        Phase::Failed => "failed",
        Phase::Unknown => "something that this version does not know",
    }
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
