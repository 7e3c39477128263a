//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use std::io::IsTerminal;
use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::say;
use crate::job::{JobProgress, JobResult, ResultStatus};
use crate::text::counted;

pub(super) struct Progress {
    style: Style,
    bar: OnceLock<ProgressBar>,
}

enum Style {
    Quiet,
    Lines,
    Bar,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let style = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Style::Quiet,
            (false, true) => Style::Bar,
            (false, false) => Style::Lines,
        };
        Self {
            style,
            bar: OnceLock::new(),
        }
    }

    pub(super) fn show(&self, progress: &JobProgress<'_>) {
        match (&self.style, progress) {
            (Style::Quiet, _) => {}
            (Style::Lines, JobProgress::Started { runs }) => say(&counted(*runs, "run")),
            (Style::Lines, JobProgress::Ended(result)) => say(&line(result)),
            (Style::Bar, JobProgress::Started { runs }) => {
                let bar = ProgressBar::new(*runs as u64);
                if let Ok(style) =
                    ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}")
                {
                    bar.set_style(style);
                }
                let _ = self.bar.set(bar);
            }
            (Style::Bar, JobProgress::Ended(result)) => {
                if let Some(bar) = self.bar.get() {
                    if result.status != ResultStatus::Succeeded {
                        bar.println(line(result));
                    }
                    bar.set_message(result.agent.clone());
                    bar.inc(1);
                }
            }
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn line(result: &JobResult) -> String {
    let tokens = result
        .usage
        .total_tokens()
        .map_or_else(|| "unknown".to_owned(), |tokens| tokens.to_string());
    let head = format!("{} #{}", result.agent, result.index);
    let figures = format!(
        "{} ms, {}, {tokens} tokens",
        result.duration_ms,
        counted(result.calls.len(), "call")
    );
    match (&result.status, &result.error) {
        (ResultStatus::Succeeded, _) => format!("{head}: succeeded ({figures})"),
        (ResultStatus::Cancelled, _) => format!("{head}: cancelled ({figures})"),
        (_, Some(error)) => {
            let hint = error.hint.iter().map(|hint| format!("\n  hint: {hint}"));
            format!(
                "{head}: failed ({figures}): {}{}",
                error.message,
                hint.collect::<String>()
            )
        }
        (_, None) => format!("{head}: failed ({figures})"),
    }
}
