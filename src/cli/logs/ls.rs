//! `duologue logs ls`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Serialize, Serializer};

use super::super::output::{JsonList, complain, print, print_json, say, table};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{Filters, completeness, is_run, open_run};
use super::{row, units};
use crate::call_log::find_runs;
use crate::error::Result;
use crate::query::{Filter, Listed, Stats};
use crate::text::clip_name;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Ls {
    /// A run's directory, or the directory of all runs.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    filters: Filters,
    /// At most so many calls or runs, the first ones.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON on stdout: whole records, or the totals of each run.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs ls artifacts
  duologue logs ls artifacts/run_20261121_031158_9433ab --agent judge --status invalid
  duologue logs ls artifacts/run_20261121_031158_9433ab --json | jq '.[].usage'

Runs are in the order of their directories' names, calls in that of their start; times are in UTC.
With a filter, runs are listed that have such calls, and only these are counted.";

/// A list is as wide as this if names can be cut to make it so.
const WIDTH: usize = 80;

/// A run in a list.
#[derive(Debug, Serialize)]
struct ListedRun {
    #[serde(serialize_with = "as_shown")]
    directory: PathBuf,
    #[serde(flatten)]
    stats: Stats,
}

/// A name that is not UTF-8 does not fail a whole list.
fn as_shown<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Ls {
    pub(super) fn execute(&self) -> Result<u8> {
        let filter = self.filters.to_filter();
        match (is_run(&self.directory), self.json) {
            (true, true) => self.print_records(&filter),
            (true, false) => self.list_calls(&filter),
            (false, _) => self.list_runs(&filter),
        }
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    fn list_runs(&self, filter: &Filter) -> Result<u8> {
        let mut runs = Vec::new();
        let mut code = SUCCESS;
        for directory in find_runs(&self.directory)? {
            match stats_of(&directory, filter) {
                Ok((stats, read)) => {
                    code = code.max(read);
                    let calls = stats.total.calls + stats.total.calls_in_flight;
                    if calls > 0 || filter.is_empty() {
                        runs.push(ListedRun { directory, stats });
                    }
                }
                // One bad run hides none of the others.
                Err(error) => {
                    complain(&error);
                    code = SOME_FAILED;
                }
            }
        }
        runs.truncate(self.limit());
        if self.json {
            print_json(&runs)?;
        } else if runs.is_empty() && code == SUCCESS {
            let such = if filter.is_empty() {
                ""
            } else {
                " with such calls"
            };
            say(&format!("no runs{such} in `{}`", self.directory.display()));
        } else {
            print(&runs_table(&runs))?;
        }
        Ok(code)
    }

    fn list_calls(&self, filter: &Filter) -> Result<u8> {
        let run = open_run(&self.directory)?;
        let mut calls = run.list(filter)?;
        calls.truncate(self.limit());
        if calls.is_empty() {
            self.filters.warn_of_nothing();
        } else {
            print(&calls_table(&calls))?;
        }
        Ok(completeness([&run]))
    }

    /// Whole records, one after the other: a run need not fit into memory.
    fn print_records(&self, filter: &Filter) -> Result<u8> {
        let run = open_run(&self.directory)?;
        let mut code = SUCCESS;
        let mut list = JsonList::begin();
        let wanted = run.records().filter(|record| match record {
            Ok(record) => filter.passes(record),
            Err(_) => true,
        });
        for record in wanted.take(self.limit()) {
            match record {
                Ok(record) => list.push(&record)?,
                Err(error) => {
                    complain(&error);
                    code = SOME_FAILED;
                }
            }
        }
        list.end()?;
        Ok(completeness([&run]).max(code))
    }
}

fn stats_of(directory: &Path, filter: &Filter) -> Result<(Stats, u8)> {
    let runs = [open_run(directory)?];
    Ok((Stats::of_calls(&runs, filter)?, completeness(&runs)))
}

fn runs_table(runs: &[ListedRun]) -> String {
    let mut rows = vec![row([
        "RUN",
        "STATUS",
        "CALLS",
        "FAILED",
        "TOKENS",
        "COST",
        "DIRECTORY",
    ])];
    for ListedRun { directory, stats } in runs {
        let total = &stats.total;
        rows.push(vec![
            stats.run_id.clone().unwrap_or_default(),
            match total.calls + total.calls_in_flight {
                0 => "no calls".to_owned(),
                _ => format!("{:?}", total.status).to_lowercase(),
            },
            total.calls.to_string(),
            total.failed_executions.to_string(),
            super::number(total.usage.total_tokens()),
            units::cost(total.cost_usd, total.calls_without_cost),
            directory.display().to_string(),
        ]);
    }
    table(&rows)
}

pub(super) fn calls_table(calls: &[Listed]) -> String {
    let mut rows = vec![row([
        "#", "CALL", "AGENT", "MODEL", "STATUS", "TIME", "TOKENS", "STARTED",
    ])];
    for call in calls {
        let status = call.status.map_or("running", |status| status.as_str());
        rows.push(vec![
            call.place
                .map(|place| place.to_string())
                .unwrap_or_default(),
            clip_id(&call.call_id).to_owned(),
            call.agent.clone(),
            call.model.clone(),
            status.to_owned(),
            units::some_time(call.duration_ms),
            units::some_count(call.usage.total_tokens()),
            units::moment(&call.started_at),
        ]);
    }
    cut_names(&mut rows, [2, 3]);
    table(&rows)
}

/// As much of an id as `logs show` needs, as a rule.
pub(super) fn clip_id(id: &str) -> &str {
    id.char_indices().nth(13).map_or(id, |(end, _)| &id[..end])
}

/// Cuts the longest cells of two columns until the rows fit.
fn cut_names(rows: &mut [Vec<String>], columns: [usize; 2]) {
    let widths = |rows: &[Vec<String>]| -> Vec<usize> {
        let columns = 0..rows.first().map_or(0, Vec::len);
        let width = |column: usize| rows.iter().map(move |row| row[column].chars().count());
        columns
            .map(|column| width(column).max().unwrap_or(0))
            .collect()
    };
    let mut widths = widths(rows);
    let least = 8;
    while widths.iter().map(|width| width + 2).sum::<usize>() > WIDTH + 2 {
        let widest = columns.into_iter().max_by_key(|column| widths[*column]);
        match widest.filter(|column| widths[*column] > least) {
            Some(column) => widths[column] -= 1,
            None => break,
        }
    }
    for row in rows {
        for column in columns {
            row[column] = clip_name(&row[column], widths[column]);
        }
    }
}
