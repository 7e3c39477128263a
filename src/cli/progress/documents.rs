//! The progress of a pipeline, as a hook of its lifecycle.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::{Tally, was_interrupted};
use super::{Style, tokens};
use crate::cli::bar;
use crate::cli::output::{clean_line, say};
use crate::error::Result;
use crate::lifecycle::{Lifecycle, LifecycleEvent, Phase, Subject};

/// Without a terminal, a line of figures comes after so many documents.
const DOCUMENTS_PER_SUMMARY: u64 = 100;

const KNOWN_TOTAL: &str = "{bar:20} {pos}/{len} {elapsed} {wide_msg}";
const UNKNOWN_TOTAL: &str = "{spinner} {pos} {elapsed} {wide_msg}";

/// The progress of `duologue pipeline`.
pub(in crate::cli) struct DocumentProgress {
    lifecycle: Lifecycle,
    bar: Option<ProgressBar>,
}

impl DocumentProgress {
    /// Begins to show what `lifecycle` tells; `limit` is the most documents that the command begins.
    pub(in crate::cli) fn start(quiet: bool, limit: Option<u64>) -> Result<Self> {
        let (lifecycle, bar) = match Style::new(quiet) {
            Style::Quiet => (Lifecycle::off(), None),
            Style::Lines => (Lifecycle::new(), None),
            Style::Bar => (Lifecycle::new(), Some(ProgressBar::no_length())),
        };
        let progress = Self { lifecycle, bar };
        progress.bar.iter().for_each(bar::show);
        if !quiet {
            let mut view = View {
                tally: Tally::of_at_most(limit),
                begun: Instant::now(),
                bar: progress.bar.clone(),
            };
            progress.lifecycle.on(move |event| view.show(event))?;
        }
        Ok(progress)
    }

    /// What the job is to tell.
    pub(in crate::cli) fn lifecycle(&self) -> Lifecycle {
        self.lifecycle.clone()
    }

    /// Shows what is still to be shown, and takes the bar away.
    pub(in crate::cli) fn end(self) {
        self.lifecycle.flush_blocking();
        if let Some(bar) = self.bar {
            bar::end(&bar);
        }
    }
}

struct View {
    tally: Tally,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl View {
    fn show(&mut self, event: &LifecycleEvent) {
        self.tally.count(event);
        if let Some(bar) = &self.bar {
            self.show_on(bar, event);
            return;
        }
        if let Some(line) = line(event) {
            say(&line);
        }
        if self.tally.is_round_after(event, DOCUMENTS_PER_SUMMARY) {
            say(&self.summary());
        }
    }

    fn show_on(&self, bar: &ProgressBar, event: &LifecycleEvent) {
        if (event.subject, event.phase) == (Subject::Run, Phase::Started) {
            let template = match self.tally.total {
                Some(_) => KNOWN_TOTAL,
                None => UNKNOWN_TOTAL,
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        if event.phase != Phase::Finished
            && let Some(line) = line(event)
        {
            bar.println(line);
        }
        if let Some(total) = self.tally.total {
            bar.set_length(total);
        }
        bar.set_position(self.tally.ended());
        bar.set_message(self.tally.figures(self.begun.elapsed()));
    }

    /// `100 of 420 documents: 2 failed, 8 in flight, 12034 tokens`
    fn summary(&self) -> String {
        let total = self.tally.total;
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        let figures = self.tally.figures(self.begun.elapsed());
        let figures = if figures.is_empty() {
            "all well".to_owned()
        } else {
            figures
        };
        format!("{}{of} documents: {figures}", self.tally.ended())
    }
}

/// What a person is told of `event`, if anything.
fn line(event: &LifecycleEvent) -> Option<String> {
    let document = clean_line(event.document_id.as_deref().unwrap_or("?"));
    match (event.subject, event.phase) {
        (Subject::Document, Phase::Finished) if event.resumed => {
            Some(format!("{document}: done before"))
        }
        (Subject::Document, Phase::Finished) => {
            Some(format!("{document}: succeeded ({})", took(event)))
        }
        (Subject::Document, Phase::Failed) if was_interrupted(event) => None,
        (Subject::Document, Phase::Failed) => {
            let stage = event.stage.as_deref();
            let stage = stage.map_or(String::new(), |stage| format!(" at `{stage}`"));
            let why = event
                .error
                .as_ref()
                .map_or("", |error| error.message.as_str());
            let line = format!("{document}: failed{stage} ({}): {why}", took(event));
            Some(clean_line(&line))
        }
        (Subject::Call | Subject::Tool, Phase::Slow) => Some(slow(event)),
        _ => None,
    }
}

fn took(event: &LifecycleEvent) -> String {
    let time = event.duration_ms.map(|time| format!("{time} ms"));
    let usage = (!event.usage.is_unknown()).then(|| tokens(&event.usage));
    let cost = event.cost_usd.map(|cost| cost.to_string());
    let known: Vec<String> = [time, usage, cost].into_iter().flatten().collect();
    known.join(", ")
}

/// `slow: the call of `reviewer` to `gpt-5-mini` has taken 30 s (document doc-7)`
fn slow(event: &LifecycleEvent) -> String {
    let agent = event.agent.as_deref().unwrap_or("?");
    let what = match (event.subject, &event.tool, &event.model) {
        (Subject::Tool, Some(tool), _) => format!("the tool `{tool}`, called by `{agent}`,"),
        (_, _, Some(model)) => format!("the call of `{agent}` to `{model}`"),
        _ => format!("the call of `{agent}`"),
    };
    let seconds = event.duration_ms.unwrap_or_default() / 1_000;
    let document = event.document_id.as_ref();
    let document = document.map_or(String::new(), |id| format!(" (document {id})"));
    clean_line(&format!("slow: {what} has taken {seconds} s{document}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_is_told_with_who_and_how_long() {
        let mut event = LifecycleEvent::new(Subject::Call, Phase::Slow, "run");
        event.agent = Some("reviewer".to_owned());
        event.model = Some("gpt-5-mini".to_owned());
        event.duration_ms = Some(30_004);
        event.document_id = Some("doc\u{1b}[2K-7".to_owned());
        assert_eq!(
            line(&event).unwrap(),
            "slow: the call of `reviewer` to `gpt-5-mini` has taken 30 s (document doc\u{fffd}[2K-7)"
        );
    }
}
