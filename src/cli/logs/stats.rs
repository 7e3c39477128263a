//! `duologue logs stats`

use std::path::PathBuf;

use clap::Args;

use super::super::output::{clean_line, figures, print, print_json, table};
use super::place::{Filters, open_runs};
use super::{row, units};
use crate::error::Result;
use crate::query::{Latency, Stats, Totals};
use crate::text::{clip_name, counted};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct StatsArguments {
    /// Directories of runs, or directories that hold runs; all of them are added up.
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    #[command(flatten)]
    filters: Filters,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs stats artifacts/run_20261121_031158_9433ab
  duologue logs stats artifacts --agent judge --since 2h
  duologue logs stats artifacts --json | jq '.models[] | {name, p95: .latency.p95_ms}'

Percentiles are nearest ranks: the time of a call that was made.";

/// Names of agents and models are cut to so many characters, so that 80 columns are enough.
const MOST_NAME: usize = 14;
/// A tool has a row of few figures.
const MOST_TOOL: usize = 48;

impl StatsArguments {
    pub(super) fn execute(&self) -> Result<u8> {
        let opened = open_runs(&self.directories)?;
        let stats = Stats::of_calls(&opened.runs, &self.filters.to_filter())?;
        if self.json {
            print_json(&stats)?;
        } else if is_empty(&stats.total) {
            self.filters.warn_of_nothing();
        } else {
            print(&text(&stats))?;
        }
        Ok(opened.completeness())
    }
}

fn is_empty(totals: &Totals) -> bool {
    totals.calls + totals.calls_in_flight == 0
}

fn text(stats: &Stats) -> String {
    let mut text = headline(stats);
    for table in [calls_table, tokens_table, times_table, first_byte_table] {
        text.push('\n');
        text.push_str(&table(stats));
    }
    text + &tools_table(stats) + &errors_table(stats)
}

fn headline(stats: &Stats) -> String {
    let total = &stats.total;
    let of = match &stats.run_id {
        Some(id) => format!("run {}", clean_line(id)),
        None => counted(stats.runs.len(), "run"),
    };
    let statuses = total.calls_by_status.iter();
    let statuses: Vec<String> = statuses
        .map(|(name, count)| format!(", {count} {name}"))
        .collect();
    let mut lines = vec![
        format!("{of}: {}", format!("{:?}", total.status).to_lowercase()),
        format!(
            "{}, {} without a valid answer",
            many(total.executions, "execution"),
            total.failed_executions
        ),
        format!(
            "{}{}{}",
            many(total.calls, "call"),
            statuses.concat().replacen(", ", ": ", 1),
            match total.calls_in_flight {
                0 => String::new(),
                running => format!("; {running} running"),
            }
        ),
    ];
    for (count, lack) in [
        (
            total.replayed,
            "answered by records: their tokens and costs were not spent again",
        ),
        (total.calls_without_usage, "whose tokens are not known"),
        (total.calls_without_cost, "whose cost is not known"),
    ] {
        if count > 0 {
            lines.push(format!("{} {lack}", many(count, "call")));
        }
    }
    lines.join("\n") + "\n"
}

fn many(count: u64, noun: &str) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), noun)
}

/// One row for all calls, and one for each agent and model.
fn rows(
    stats: &Stats,
    header: &[&str],
    cells: impl Fn(&Totals) -> Vec<String>,
) -> Vec<Vec<String>> {
    let header = header.iter().map(|cell| (*cell).to_owned()).collect();
    let agents = stats.agents.iter().map(|group| ("agent", group));
    let models = stats.models.iter().map(|group| ("model", group));
    let mut rows = vec![header, [row(["all", ""]), cells(&stats.total)].concat()];
    for (what, group) in agents.chain(models) {
        let name = clip_name(&group.name, MOST_NAME);
        rows.push([vec![what.to_owned(), name], cells(&group.totals)].concat());
    }
    rows
}

fn calls_table(stats: &Stats) -> String {
    let header = [
        "CALLS", "", "CALLS", "FAILED", "REQUESTS", "RETRIES", "REPAIRS",
    ];
    let cells = |totals: &Totals| {
        let figures = [
            totals.calls,
            totals.failed_executions,
            totals.transport_attempts,
            totals.retries,
            totals.repairs,
        ];
        figures.map(units::count).to_vec()
    };
    figures(&rows(stats, &header, cells), 2)
}

fn tokens_table(stats: &Stats) -> String {
    let header = [
        "TOKENS",
        "",
        "INPUT",
        "OUTPUT",
        "CACHED",
        "REASONING",
        "COST",
    ];
    let cells = |totals: &Totals| {
        let usage = &totals.usage;
        let tokens = [
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
        ];
        let mut cells = tokens.map(units::some_count).to_vec();
        cells.push(units::cost(totals.cost_usd, totals.calls_without_cost));
        cells
    };
    figures(&rows(stats, &header, cells), 2)
}

fn times_table(stats: &Stats) -> String {
    let header = [
        "DURATION",
        "",
        "P50",
        "P95",
        "P99",
        "MAX",
        "SLOT WAIT",
        "BACKOFF",
    ];
    let cells = |totals: &Totals| {
        let waits = [totals.limiter_wait_ms, totals.backoff_ms].map(units::time);
        [percentiles(&totals.latency), waits.to_vec()].concat()
    };
    figures(&rows(stats, &header, cells), 2)
}

fn first_byte_table(stats: &Stats) -> String {
    let header = ["FIRST BYTE", "", "P50", "P95", "P99", "MAX"];
    let cells = |totals: &Totals| percentiles(&totals.first_byte);
    figures(&rows(stats, &header, cells), 2)
}

fn percentiles(latency: &Latency) -> Vec<String> {
    let times = [
        latency.p50_ms,
        latency.p95_ms,
        latency.p99_ms,
        latency.max_ms,
    ];
    times.map(units::some_time).to_vec()
}

/// Nothing when no tool was called.
fn tools_table(stats: &Stats) -> String {
    if stats.tools.is_empty() {
        return String::new();
    }
    let mut rows = vec![row(["TOOLS", "CALLS", "FAILED", "TIME"])];
    rows.extend(stats.tools.iter().map(|tool| {
        vec![
            clip_name(&clean_line(&tool.name), MOST_TOOL),
            units::count(tool.calls),
            units::count(tool.failed),
            units::time(tool.duration_ms),
        ]
    }));
    format!("\n{}", figures(&rows, 1))
}

/// Nothing when there are no errors.
fn errors_table(stats: &Stats) -> String {
    let cells = |totals: &Totals| {
        let kinds = totals.errors_by_kind.iter();
        let kinds: Vec<String> = kinds
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        vec![kinds.join(", ")]
    };
    let mut rows = rows(stats, &["ERRORS", "", ""], cells);
    rows.retain(|row| row.last().is_some_and(|errors| !errors.is_empty()) || row[0] == "ERRORS");
    if rows.len() == 1 {
        return String::new();
    }
    format!("\n{}", table(&rows))
}
