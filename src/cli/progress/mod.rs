//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet.

mod documents;
mod tally;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use super::bar;
use super::output::say;
use crate::chat::Usage;
use crate::job::{JobProgress, JobResult, ResultStatus};
use crate::text::counted;

pub(super) use documents::DocumentProgress;

/// The progress of `duologue run`.
pub(super) struct Progress {
    style: Style,
    bar: OnceLock<ProgressBar>,
    /// A thousand failures of one kind need one advice.
    hints_given: Mutex<BTreeSet<String>>,
}

enum Style {
    Quiet,
    Lines,
    Bar,
}

impl Style {
    fn new(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bar,
            (false, false) => Self::Lines,
        }
    }
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            style: Style::new(quiet),
            bar: OnceLock::new(),
            hints_given: Mutex::default(),
        }
    }

    pub(super) fn show(&self, progress: &JobProgress<'_>) {
        match (&self.style, progress) {
            (Style::Quiet, _) => {}
            (Style::Lines, JobProgress::Started { runs }) => say(&counted(*runs, "execution")),
            (Style::Lines, JobProgress::Ended(result)) => {
                if has_begun(result) {
                    say(&self.line(result));
                }
            }
            (Style::Bar, JobProgress::Started { runs }) => {
                let bar = ProgressBar::new(*runs as u64);
                if let Ok(style) =
                    ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {wide_msg}")
                {
                    bar.set_style(style);
                }
                bar::show(&bar);
                let _ = self.bar.set(bar);
            }
            (Style::Bar, JobProgress::Ended(result)) => {
                if let Some(bar) = self.bar.get() {
                    if result.status != ResultStatus::Succeeded && has_begun(result) {
                        bar.println(self.line(result));
                    }
                    bar.set_message(result.agent.clone());
                    bar.inc(1);
                }
            }
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar::end(bar);
        }
    }

    fn line(&self, result: &JobResult) -> String {
        let head = format!("{} #{}", result.agent, result.index);
        let figures = format!(
            "{} ms, {}",
            result.duration_ms,
            calls_and_tokens(result.calls.len(), &result.usage)
        );
        match (&result.status, &result.error) {
            (ResultStatus::Succeeded, _) => format!("{head}: succeeded ({figures})"),
            (ResultStatus::Cancelled, _) => format!("{head}: cancelled ({figures})"),
            (_, Some(error)) => {
                let failed = format!("{head}: failed ({figures}): {}", error.message);
                match &error.hint {
                    Some(hint) if self.is_new(hint) => format!("{failed}\n  hint: {hint}"),
                    _ => failed,
                }
            }
            (_, None) => format!("{head}: failed ({figures})"),
        }
    }

    fn is_new(&self, hint: &str) -> bool {
        let mut given = self
            .hints_given
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        given.insert(hint.to_owned())
    }
}

/// Executions that a cancelled job never began are counted at its end, not listed.
fn has_begun(result: &JobResult) -> bool {
    result.status != ResultStatus::Cancelled || !result.calls.is_empty()
}

/// `2 calls, 902 tokens`; what was never sent has no tokens to be unknown.
fn calls_and_tokens(calls: usize, usage: &Usage) -> String {
    if calls == 0 {
        return "no call".to_owned();
    }
    format!("{}, {}", counted(calls, "call"), tokens(usage))
}

/// `902 tokens` or `unknown tokens`.
pub(super) fn tokens(usage: &Usage) -> String {
    match usage.total_tokens() {
        Some(tokens) => format!("{tokens} tokens"),
        None => "unknown tokens".to_owned(),
    }
}
