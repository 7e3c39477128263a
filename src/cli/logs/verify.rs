//! `duologue logs verify`

use std::fmt::Write;

use clap::Args;

use super::super::output::{clean_line, print, print_json};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{OneRun, refuse_parent};
use crate::error::Result;
use crate::query::{Finding, Verification};
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    run: OneRun,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs verify artifacts/run_20261121_031158_9433ab
  duologue logs verify artifacts/run_20261121_031158_9433ab --json | jq '.findings[].defect'

Exit code: 0 when nothing is wrong, 1 when something is.";

/// How many findings are printed; JSON has all of them.
const MOST_FINDINGS: usize = 50;

impl Verify {
    pub(super) fn execute(&self) -> Result<u8> {
        refuse_parent(&self.run.directory)?;
        let verification = Verification::of(&self.run.directory)?;
        if self.run.json {
            print_json(&verification)?;
        } else {
            print(&text(&verification))?;
        }
        Ok(if verification.is_clean() {
            SUCCESS
        } else {
            SOME_FAILED
        })
    }
}

fn text(verification: &Verification) -> String {
    let mut text = String::new();
    for finding in verification.findings.iter().take(MOST_FINDINGS) {
        text.push_str(&line(finding));
        text.push('\n');
    }
    if let Some(more) = verification.findings.len().checked_sub(MOST_FINDINGS + 1) {
        let _ = writeln!(text, "… and {} more", more + 1);
    }
    let count = |count: u64, what| counted(usize::try_from(count).unwrap_or(usize::MAX), what);
    let _ = writeln!(
        text,
        "run {}: {} in {} and {}, {}",
        clean_line(&verification.run_id),
        count(verification.lines, "good line"),
        count(verification.journals, "journal"),
        count(verification.call_files, "good call file"),
        match verification.findings.len() {
            0 => "nothing wrong".to_owned(),
            findings => counted(findings, "finding"),
        }
    );
    if verification.is_running {
        text.push_str("the run goes on, so its call files and summary were not looked at\n");
    }
    text
}

fn line(finding: &Finding) -> String {
    let place = match finding.line {
        Some(line) => format!("{}:{line}", finding.file.display()),
        None => finding.file.display().to_string(),
    };
    let call = finding.call_id.as_ref();
    let call = call.map(|id| format!(" ({id})")).unwrap_or_default();
    format!(
        "\x1b[1;31m{}\x1b[0m {}",
        finding.defect,
        clean_line(&format!("{place}: {}{call}", finding.message))
    )
}
