//! `duologue run`

use std::path::PathBuf;

use clap::Args;

use super::permission::Permissions;
use super::progress::{Progress, tokens};
use super::runtime::to_its_end;
use super::telemetry::Export;
use super::{CANCELLED, SOME_FAILED, SUCCESS, output};
use crate::env::Environment;
use crate::error::Result;
use crate::job::{Job, JobOverrides, JobReport, JobStatus, ResultStatus};
use crate::replay::{ReplayReport, UnusedCall};
use crate::text::counted;

/// How many records without a call are named.
const MOST_UNUSED: usize = 5;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_field_names,
    reason = "`run_id` is what the option is called"
)]
pub(super) struct Run {
    /// The job file (YAML or JSON).
    job: PathBuf,
    /// Set a value of the job file: `agents.0.model=gpt-5`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where runs are kept, in place of the job's `output_dir`.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// The run's id; a run that exists is continued.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Only the first so many executions: an agent on one input is one.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    permissions: Permissions,
    #[command(flatten)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  duologue run examples/jobs/quickstart.yaml
  duologue run job.yaml --run-id tuesday --set agents.0.model=gpt-5 --limit 3
  duologue run job.yaml --json | jq '.results[] | {agent, status, cost_usd}'

Answers go to stdout, one JSON document per line; all else goes to stderr.
Exit code: 0 when all succeeded, 1 when some failed, 2 when the job is wrong, 130 after Ctrl-C.";

/// What a command that runs a job prints.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// No progress and no closing lines.
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON document with all results on stdout.
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn execute(self) -> Result<u8> {
        let overrides = JobOverrides {
            set: self.set,
            output_dir: self.output_dir,
            run_id: self.run_id,
            limit: self.limit,
        };
        let job = Job::load(&self.job, &overrides)?;
        let job = self.permissions.asked_by(job);
        run_job(&job, &self.output)
    }
}

/// Runs `job` to its end, prints what it gave, and gives the exit code.
pub(super) fn run_job(job: &Job, output: &Output) -> Result<u8> {
    refuse_unclear_guard()?;
    let export = Export::start(output.quiet);
    let progress = Progress::new(output.quiet);
    let report = to_its_end(output.quiet, async |cancel| {
        job.run(&cancel, &|step| progress.show(&step)).await
    });
    progress.end();
    let code = report.and_then(|report| show(&report, output));
    export.finish();
    code
}

/// A misspelt `DUOLOGUE_OFFLINE` is an error even where no provider would look at it.
pub(super) fn refuse_unclear_guard() -> Result<()> {
    Environment::process().is_offline().map(drop)
}

fn show(report: &JobReport, output: &Output) -> Result<u8> {
    if output.json {
        output::print_json(report)?;
    } else {
        print_answers(report)?;
    }
    if !output.quiet {
        close(report);
    }
    Ok(match report.status {
        JobStatus::Succeeded => SUCCESS,
        JobStatus::Cancelled => CANCELLED,
        _ => SOME_FAILED,
    })
}

/// One line of JSON per answer.
fn print_answers(report: &JobReport) -> Result<()> {
    for result in &report.results {
        if let Some(data) = &result.data {
            let mut line =
                serde_json::json!({"agent": result.agent, "index": result.index, "data": data});
            if let Some(review) = &result.review {
                line["review"] = serde_json::json!(review);
            }
            output::print(&format!("{line}\n"))?;
        }
    }
    Ok(())
}

fn close(report: &JobReport) {
    let count = |status| {
        report
            .results
            .iter()
            .filter(|result| result.status == status)
            .count()
    };
    let spent = if report.results.iter().all(|result| result.calls.is_empty()) {
        "no call was made".to_owned()
    } else {
        tokens(&report.usage)
    };
    output::say(&format!(
        "{} succeeded, {} failed, {} cancelled{}; {spent}{}",
        count(ResultStatus::Succeeded),
        count(ResultStatus::Failed),
        count(ResultStatus::Cancelled),
        reviewed_in_words(report),
        cost_in_words(report),
    ));
    let damaged = report.replay.as_ref().map_or(0, |replay| replay.unreadable);
    if damaged > 0 {
        output::warning(&format!(
            "{} of the replayed run cannot be used: damaged, or at level `minimal`",
            counted(damaged, "line")
        ));
    }
    for problem in &report.problems {
        output::warning(&problem.message);
        if let Some(hint) = &problem.hint {
            output::say(&format!("\x1b[1;36mhint\x1b[0m: {hint}"));
        }
    }
    if let Some(replay) = &report.replay {
        output::say(&replayed(replay));
    }
    match &report.log_dir {
        Some(directory) => output::say(&format!("records: {directory}")),
        None => output::say("records: none (logging is off)"),
    }
}

/// How many drafts were approved, led by a comma, where there are reviews.
fn reviewed_in_words(report: &JobReport) -> String {
    let reviews = report.results.iter().flat_map(|it| &it.review);
    match (reviews.clone().count(), reviews.filter(|it| it.approved)) {
        (0, _) => String::new(),
        (drafts, approved) => format!(", {} of {drafts} approved", approved.count()),
    }
}

/// What there is to say about costs, led by a comma.
fn cost_in_words(report: &JobReport) -> String {
    let known = report.cost_usd.map(|cost| format!(", {cost}"));
    let unknown = (report.calls_without_cost > 0).then(|| {
        let calls = counted(report.calls_without_cost, "call");
        format!(", cost unknown for {calls}")
    });
    known.into_iter().chain(unknown).collect()
}

/// What was replayed, in one line.
fn replayed(replay: &ReplayReport) -> String {
    format!(
        "replayed {} of `{}`, {} fell through, {} missed; {}",
        counted(replay.replayed, "call"),
        replay.from.display(),
        replay.fell_through,
        replay.missed,
        left_over(&replay.unused),
    )
}

fn left_over(unused: &[UnusedCall]) -> String {
    if unused.is_empty() {
        return "every record was used".to_owned();
    }
    let named = unused.iter().take(MOST_UNUSED);
    let named: Vec<String> = named
        .map(|call| format!("{} ({})", call.call_id, call.agent))
        .collect();
    let more = if unused.len() > MOST_UNUSED {
        ", …"
    } else {
        ""
    };
    format!(
        "{} never used: {}{more}",
        counted(unused.len(), "record"),
        named.join(", ")
    )
}
