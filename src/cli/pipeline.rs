//! `duologue pipeline`

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{self, clean_line};
use super::permission::Permissions;
use super::progress::{DocumentProgress, tokens};
use super::run::refuse_unclear_guard;
use super::runtime::to_its_end;
use super::telemetry::Export;
use super::{CANCELLED, SOME_FAILED, SUCCESS};
use crate::error::{ErrorKind, Result};
use crate::flow::pipeline::{DocumentFailure, PipelineOptions, PipelineReport, PipelineStatus};
use crate::job::{Job, JobOverrides};
use crate::text::counted;

/// How many failures are listed at the end.
const MOST_FAILURES: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the options of the command"
)]
pub(super) struct Pipeline {
    /// The job file (YAML or JSON), with a `pipeline`.
    job: PathBuf,
    /// Set a value of the job file: `limits.documents=2`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where runs are kept, in place of the job's `output_dir`.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// The run's id.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Only the first so many documents.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with a run: the one of this id, else the newest one of this pipeline. What it has done is
    /// not asked for again.
    #[arg(long)]
    resume: bool,
    /// Remove the artifacts that earlier runs wrote to `output.dir`, and nothing else, before it begins.
    #[arg(long)]
    clean: bool,
    #[command(flatten)]
    permissions: Permissions,
    /// No progress and no closing lines: the files are all that is left.
    #[arg(long, short)]
    quiet: bool,
    /// Print the report as one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue pipeline examples/jobs/pipeline.yaml
  duologue pipeline job.yaml --limit 3 --set limits.documents=1
  duologue pipeline job.yaml --run-id tuesday --resume
  duologue pipeline job.yaml --json | jq '.failures[] | {document_id, stage, message}'

Results are files: the artifacts, and in the run's directory `documents.jsonl`, `failures.jsonl` and
`pipeline.json`. Stdout is empty without `--json`; all else goes to stderr.
Exit code: 0 when all succeeded, 1 when some failed, the disk is full or a budget is used up, 2 when
the job is wrong, 130 after Ctrl-C. A run that ended early is finished with `--resume`.";

impl Pipeline {
    pub(super) fn execute(self) -> Result<u8> {
        refuse_unclear_guard()?;
        let progress = DocumentProgress::start(self.quiet, self.limit.map(|limit| limit as u64))?;
        let job = self.load()?.telling(progress.lifecycle());
        let mut options = PipelineOptions::new();
        if self.clean {
            options = options.clean();
        }
        let export = Export::start(self.quiet);
        let report = to_its_end(self.quiet, async |cancel| {
            job.run_pipeline(options.cancel_on(cancel)).await
        });
        progress.end();
        let code = report.and_then(|report| self.show(&report));
        export.finish();
        code
    }

    fn load(&self) -> Result<Job> {
        let overrides = JobOverrides {
            set: self.set.clone(),
            output_dir: self.output_dir.clone(),
            run_id: self.run_id.clone(),
            limit: self.limit,
        };
        let mut job = Job::load(&self.job, &overrides)?;
        if self.resume {
            job = job.resuming()?;
            if !self.quiet {
                output::say(&format!("resuming run {}", clean_line(&job.run_id)));
            }
        }
        Ok(self.permissions.asked_by(job))
    }

    fn show(&self, report: &PipelineReport) -> Result<u8> {
        if self.json {
            output::print_json(report)?;
        }
        if !self.quiet {
            self.close(report);
        }
        Ok(match report.status {
            PipelineStatus::Succeeded if report.problems.is_empty() => SUCCESS,
            PipelineStatus::Cancelled => CANCELLED,
            _ => SOME_FAILED,
        })
    }

    fn close(&self, report: &PipelineReport) {
        output::say(&in_figures(report));
        list_failures(report);
        for problem in report.problems.iter().chain(&report.notices) {
            output::warning(&clean_line(problem));
        }
        let shown = |path| crate::config::shown(path).display().to_string();
        if let Some(artifacts) = report.artifacts.as_deref() {
            output::say(&format!("artifacts: {}", shown(artifacts)));
        }
        if let Some(directory) = report.directory.as_deref() {
            output::say(&format!("records: {}", shown(directory)));
        }
        if let Some(why) = why_resume(report) {
            output::say(&format!("{why}: {}", self.resumption(&report.run_id)));
        }
    }

    /// The command that goes on with the run.
    fn resumption(&self, run_id: &str) -> String {
        let mut words = vec![
            "duologue pipeline".to_owned(),
            quoted(&self.job.display().to_string()),
        ];
        // A value may be a key that no terminal should show.
        words.extend(self.set.iter().map(|_| "--set …".to_owned()));
        if let Some(directory) = &self.output_dir {
            let directory = quoted(&directory.display().to_string());
            words.push(format!("--output-dir {directory}"));
        }
        words.extend(self.limit.map(|limit| format!("--limit {limit}")));
        words.push(format!("--run-id {} --resume", quoted(run_id)));
        clean_line(&words.join(" "))
    }
}

/// What a resumption is good for, if for anything: the stages of a document that was not approved have
/// answered, and would be taken at their word.
fn why_resume(report: &PipelineReport) -> Option<&'static str> {
    let was_not_answered = |failure: &DocumentFailure| failure.kind != ErrorKind::NotApproved;
    match report.status {
        PipelineStatus::Cancelled | PipelineStatus::Paused => Some("to go on"),
        _ if report.failures.iter().any(was_not_answered) => Some("to try again"),
        _ => None,
    }
}

/// `7 of 9 documents succeeded, 1 failed, 1 interrupted; 12034 tokens, $0.12`
fn in_figures(report: &PipelineReport) -> String {
    let documents = &report.documents;
    let begun = usize::try_from(documents.begun).unwrap_or(usize::MAX);
    let others = [
        (documents.failed, "failed"),
        (documents.interrupted, "interrupted"),
        (documents.skipped, "skipped (no text)"),
        (documents.resumed, "done before"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others: String = others
        .flat_map(|(count, word)| [", ".to_owned(), count.to_string(), format!(" {word}")])
        .collect();
    let line = format!(
        "{} of {} succeeded{others}",
        documents.succeeded,
        counted(begun, "document")
    );
    if report.calls == 0 {
        return format!("{line}; no call was made");
    }
    let calls = usize::try_from(report.calls).unwrap_or(usize::MAX);
    let known = report.cost_usd.map(|cost| format!(", {cost}"));
    let unknown = (report.calls_without_cost > 0).then(|| {
        let calls = usize::try_from(report.calls_without_cost).unwrap_or(usize::MAX);
        format!(", cost unknown for {}", counted(calls, "call"))
    });
    let cost: String = known.into_iter().chain(unknown).collect();
    format!(
        "{line}; {}, {}{cost}",
        counted(calls, "call"),
        tokens(&report.usage)
    )
}

fn list_failures(report: &PipelineReport) {
    if report.failures.is_empty() {
        return;
    }
    output::say("failed:");
    for failure in report.failures.iter().take(MOST_FAILURES) {
        output::say(&format!("  {}", in_one_line(failure)));
    }
    let named = report.failures.len().min(MOST_FAILURES) as u64;
    let more = report.documents.failed.saturating_sub(named);
    if more > 0 {
        let all = report.directory.as_deref().unwrap_or(Path::new(""));
        let all = crate::config::shown(&all.join("failures.jsonl"));
        output::say(&format!("  … and {more} more, see {}", all.display()));
    }
}

fn in_one_line(failure: &DocumentFailure) -> String {
    let stage = failure.stage.as_deref();
    let stage = stage.map_or(String::new(), |stage| format!(" at `{stage}`"));
    let line = format!("{}{stage}: {}", failure.document_id, failure.message);
    clean_line(&line)
}

/// `word` as a shell reads it as one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_a_shell_would_split_is_quoted() {
        assert_eq!(quoted("out/run-1"), "out/run-1");
        assert_eq!(quoted("my docs/it's"), r"'my docs/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
