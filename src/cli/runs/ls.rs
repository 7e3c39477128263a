//! `duologue runs ls`

use std::time::SystemTime;

use clap::Args;

use super::super::SUCCESS;
use super::super::logs::{moment, since};
use super::super::output::{print, print_json, say, table};
use super::Store;
use crate::error::Result;
use crate::flow::audit::{AuditFilter, AuditStore, AuditedRun};
use crate::flow::control::RunState;
use crate::text::clip_name;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Ls {
    #[command(flatten)]
    store: Store,
    /// Only runs of this flow.
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only runs in this state; may be given several times.
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    status: Vec<String>,
    /// Only runs taken in since then: `90s`, `2h`, `3days`, or a time such as 2026-11-21T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<SystemTime>,
    /// At most so many runs, the newest.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue runs ls
  duologue runs ls --flow digest --status failed --status dead --since 1day
  duologue runs ls --db audit.sqlite --json | jq '.[].run_id'

Times are in UTC. A run whose process has died is `interrupted`.";

const STATES: [&str; 8] = [
    "queued",
    "running",
    "succeeded",
    "no_results",
    "failed",
    "cancelled",
    "dead",
    "interrupted",
];

/// Longest error in the list.
const MOST_ERROR: usize = 60;

impl Ls {
    pub(super) fn execute(&self) -> Result<u8> {
        let filter = self.filter()?;
        let runs = pollster::block_on(self.store.open()?.runs(&filter))?;
        if self.json {
            print_json(&runs)?;
            return Ok(SUCCESS);
        }
        if runs.is_empty() {
            let unfiltered = AuditFilter {
                limit: filter.limit,
                ..AuditFilter::new()
            };
            say(if filter == unfiltered {
                "no runs"
            } else {
                "no runs pass the filter"
            });
            return Ok(SUCCESS);
        }
        let head = ["run", "flow", "state", "attempt", "taken in", "error"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(runs.iter().map(row));
        print(&table(&rows))?;
        Ok(SUCCESS)
    }

    fn filter(&self) -> Result<AuditFilter> {
        let states = self.status.iter().map(|word| word.parse::<RunState>());
        let mut filter = AuditFilter::new();
        filter.flow.clone_from(&self.flow);
        filter.states = states.collect::<Result<_>>()?;
        filter.since = self.since;
        filter.limit = self.limit;
        Ok(filter)
    }
}

fn row(run: &AuditedRun) -> Vec<String> {
    let error = run.error.as_ref();
    vec![
        run.run_id.clone(),
        run.flow.clone(),
        run.state.to_string(),
        run.attempt.to_string(),
        moment(&run.created_at),
        error.map_or_else(String::new, |error| clip_name(&error.message, MOST_ERROR)),
    ]
}
