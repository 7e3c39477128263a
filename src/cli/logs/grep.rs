//! `duologue logs grep`

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::super::output::{clean_line, print, print_json};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{Filters, open_runs};
use crate::error::Result;
use crate::query::{Match, Search, SearchIn};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Grep {
    /// A regular expression (the syntax of Rust's `regex`).
    pattern: String,
    /// Directories of runs, or directories that hold runs.
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Where to look.
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value_t)]
    within: Within,
    /// Upper and lower case are the same.
    #[arg(short, long)]
    ignore_case: bool,
    /// So many lines around each that matches.
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0)]
    context: usize,
    #[command(flatten)]
    filters: Filters,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs grep 'tides? of' artifacts --in prompt -i
  duologue logs grep required artifacts --in error --agent judge --since 1day
  duologue logs grep -C 2 moon artifacts/run_20261121_031158_9433ab --json

Exit code: 0 when something was found, 1 when not.";

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Within {
    /// The messages that were sent.
    Prompt,
    /// The model's answers and its reasoning.
    Answer,
    /// Errors, and how answers do not fit their schema.
    Error,
    /// All of these.
    #[default]
    All,
}

/// What is left of a line that is longer, around its first match.
const MOST_CHARS: usize = 240;

#[derive(Serialize)]
struct Found {
    run_id: String,
    #[serde(flatten)]
    found: Match,
}

impl Grep {
    pub(super) fn execute(&self) -> Result<u8> {
        let mut search = Search::new(&self.pattern)?.within(match self.within {
            Within::Prompt => SearchIn::Prompt,
            Within::Answer => SearchIn::Answer,
            Within::Error => SearchIn::Error,
            Within::All => SearchIn::All,
        });
        if self.ignore_case {
            search = search.ignoring_case()?;
        }
        let filter = self.filters.to_filter();
        let mut all = Vec::new();
        for run in open_runs(&self.directories)?.runs {
            let matches = run.grep(&search, &filter, self.context)?;
            all.extend(matches.into_iter().map(|found| Found {
                run_id: run.run_id().to_owned(),
                found,
            }));
        }
        if self.json {
            print_json(&all)?;
        } else {
            print(&text(&all))?;
        }
        Ok(if all.is_empty() { SOME_FAILED } else { SUCCESS })
    }
}

/// A heading for each call, and below it the lines, as ripgrep shows those of a file.
fn text(all: &[Found]) -> String {
    let mut text = String::new();
    let mut last: Option<&Found> = None;
    for (place, this) in all.iter().enumerate() {
        let Found { run_id, found } = this;
        if !last.is_some_and(|last| last.is_of_call(this)) {
            let gap = if last.is_some() { "\n" } else { "" };
            let _ = writeln!(
                text,
                "{gap}\x1b[35m{} #{} {} {}\x1b[0m",
                clean_line(run_id),
                found.place,
                clean_line(&found.call_id),
                clean_line(&found.agent)
            );
        }
        let shown = last.filter(|last| last.is_of_field(this));
        let shown_upto = shown.map_or(0, |last| last.found.line + last.found.after.len());
        let next = all.get(place + 1).filter(|next| next.is_of_field(this));
        write_lines(
            &mut text,
            found,
            shown_upto,
            next.map(|next| next.found.line),
        );
        last = Some(this);
    }
    text
}

/// The line and those around it, but for what was shown before and what is shown next.
fn write_lines(text: &mut String, found: &Match, shown_upto: usize, next: Option<usize>) {
    let field = format!("{} {}", found.field, found.speaker);
    let first = found.line - found.before.len();
    if shown_upto > 0 && first > shown_upto + 1 {
        text.push_str("--\n");
    }
    let before = (first..).zip(&found.before);
    for (number, line) in before.filter(|(number, _)| *number > shown_upto) {
        let _ = writeln!(text, "{field}-{number}-{}", clean_line(&excerpt(line, 0)));
    }
    let _ = writeln!(text, "{field}:{}:{}", found.line, marked(found));
    let after = (found.line + 1..).zip(&found.after);
    for (number, line) in after.take_while(|(number, _)| next.is_none_or(|next| *number < next)) {
        let _ = writeln!(text, "{field}-{number}-{}", clean_line(&excerpt(line, 0)));
    }
}

impl Found {
    fn is_of_call(&self, other: &Self) -> bool {
        (&self.run_id, self.found.place) == (&other.run_id, other.found.place)
    }

    fn is_of_field(&self, other: &Self) -> bool {
        self.is_of_call(other) && self.found.field == other.found.field
    }
}

/// The line with its matches in colour, or what is around the first one.
fn marked(found: &Match) -> String {
    let Some(first) = found.ranges.first() else {
        return String::new();
    };
    if found.text.chars().count() > MOST_CHARS {
        return clean_line(&excerpt(&found.text, first.start));
    }
    let (mut text, mut done) = (String::new(), 0);
    for range in &found.ranges {
        text.push_str(&clean_line(&found.text[done..range.start]));
        let _ = write!(
            text,
            "\x1b[1;31m{}\x1b[0m",
            clean_line(&found.text[range.clone()])
        );
        done = range.end;
    }
    text + &clean_line(&found.text[done..])
}

/// At most [`MOST_CHARS`] characters of a line, those around the byte `around`.
fn excerpt(line: &str, around: usize) -> String {
    let chars = line.chars().count();
    if chars <= MOST_CHARS {
        return line.to_owned();
    }
    let before = line[..around].chars().count();
    let start = before
        .saturating_sub(MOST_CHARS / 3)
        .min(chars - MOST_CHARS);
    let kept: String = line.chars().skip(start).take(MOST_CHARS).collect();
    let ends = [start > 0, start + MOST_CHARS < chars].map(|cut| if cut { "…" } else { "" });
    format!("{}{kept}{}", ends[0], ends[1])
}
