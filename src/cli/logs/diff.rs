//! `duologue logs diff`

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::super::output::{clean, clean_line, print, print_json};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{completeness, open_run};
use crate::diff::{Change, Piece};
use crate::error::Result;
use crate::query::{ChangedCall, Comparison, LoneCall};
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Diff {
    /// The old run's directory.
    #[arg(value_name = "RUN")]
    old: PathBuf,
    /// The new run's directory.
    #[arg(value_name = "RUN")]
    new: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs diff artifacts/monday artifacts/tuesday
  duologue logs diff artifacts/monday artifacts/tuesday --json | jq '.changed[].values'

Calls are paired by agent and order; times, ids and tokens do not count as differences.
Words that went are shown as [-word-], words that came as {+word+}.

Exit code: 0 when the runs are the same, 1 when they differ or could not be read whole.";

/// What is shown of words that are the same, before and after those that differ.
const AROUND: usize = 40;

impl Diff {
    pub(super) fn execute(&self) -> Result<u8> {
        let (old, new) = (open_run(&self.old)?, open_run(&self.new)?);
        let comparison = Comparison::of(&old, &new)?;
        if self.json {
            print_json(&comparison)?;
        } else {
            print(&self.text(&comparison))?;
        }
        let sameness = if comparison.is_same() {
            SUCCESS
        } else {
            SOME_FAILED
        };
        Ok(completeness([&old, &new]).max(sameness))
    }

    fn text(&self, comparison: &Comparison) -> String {
        let mut text = String::new();
        if !comparison.is_same() {
            let (old, new) = (self.old.display(), self.new.display());
            let _ = writeln!(text, "\x1b[31m--- {old}\x1b[0m\n\x1b[32m+++ {new}\x1b[0m\n");
        }
        for call in &comparison.changed {
            write_changed(&mut text, call);
        }
        for (calls, sign) in [(&comparison.only_old, '-'), (&comparison.only_new, '+')] {
            for call in calls {
                write_lone(&mut text, call, sign);
            }
            if !calls.is_empty() {
                text.push('\n');
            }
        }
        let _ = writeln!(
            text,
            "{} the same, {} changed, {} only in the first run, {} only in the second",
            counted(comparison.same, "call"),
            comparison.changed.len(),
            comparison.only_old.len(),
            comparison.only_new.len()
        );
        text
    }
}

fn write_lone(text: &mut String, call: &LoneCall, sign: char) {
    let colour = if sign == '-' { 31 } else { 32 };
    let _ = writeln!(
        text,
        "\x1b[{colour}m{sign} #{} {} attempt {} {}\x1b[0m",
        call.place,
        clean_line(&call.agent),
        call.attempt,
        clean_line(&call.call_id)
    );
}

fn write_changed(text: &mut String, call: &ChangedCall) {
    let _ = writeln!(
        text,
        "\x1b[1m#{} #{} {} attempt {}\x1b[0m",
        call.old,
        call.new,
        clean_line(&call.agent),
        call.attempt
    );
    for value in &call.values {
        let _ = writeln!(
            text,
            "  {}: \x1b[31m[-{}-]\x1b[0m \x1b[32m{{+{}+}}\x1b[0m",
            clean_line(&value.field),
            clean_line(&value.old.to_string()),
            clean_line(&value.new.to_string())
        );
    }
    for changed in &call.texts {
        let _ = writeln!(text, "  {}:", changed.field);
        let words: String = changed
            .pieces
            .iter()
            .enumerate()
            .map(|(place, piece)| {
                let ends = (place > 0, place + 1 < changed.pieces.len());
                shown(piece, ends)
            })
            .collect();
        for line in words.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text.push('\n');
}

/// A piece with its signs; of one that is the same, what is near to those `before` and `after` it.
fn shown(piece: &Piece, (before, after): (bool, bool)) -> String {
    let text = clean(&piece.text);
    match piece.change {
        Change::Removed => format!("\x1b[31m[-{text}-]\x1b[0m"),
        Change::Added => format!("\x1b[32m{{+{text}+}}\x1b[0m"),
        Change::Same => {
            let chars = text.chars().count();
            if chars <= 2 * AROUND {
                return text;
            }
            let head: String = text.chars().take(AROUND).collect();
            let tail: String = text.chars().skip(chars - AROUND).collect();
            format!(
                "{}…{}",
                if before { &head } else { "" },
                if after { &tail } else { "" }
            )
        }
    }
}
