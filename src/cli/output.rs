//! Writing to the terminal. A reader that has gone away (`| head`) is no error, and no text that
//! came from elsewhere commands the terminal.

use std::borrow::Cow;
use std::io::{ErrorKind as ErrorKindOfIo, Write};

use serde::Serialize;

use super::bar;
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};

const WARNING: &str = "\x1b[1;33mwarning\x1b[0m";

/// Text for programs, on stdout.
pub(super) fn print(text: &str) -> Result<()> {
    print_while_read(text).map(drop)
}

/// The same; false when nobody reads stdout any more.
pub(super) fn print_while_read(text: &str) -> Result<bool> {
    let mut stdout = anstream::stdout();
    match write!(stdout, "{}", without_commands(text)).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKindOfIo::BrokenPipe => Ok(false),
        Err(error) => {
            Err(Error::new(ErrorKind::Internal, "cannot write to stdout").with_source(error))
        }
    }
}

/// One JSON document for programs, on stdout.
pub(super) fn print_json(document: &impl Serialize) -> Result<()> {
    print(&json_text(document)?)
}

/// One JSON document, as [`print_json`] prints it.
pub(super) fn json_text(document: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document).map_err(not_json)?;
    Ok(format!("{}\n", escaped_json(&text)))
}

/// One JSON document in one line, as [`print_json`] would print it.
pub(super) fn json_line(document: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(document).map_err(not_json)?;
    Ok(escaped_json(&text).into_owned())
}

fn not_json(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "the result cannot be written as JSON").with_source(error)
}

/// JSON with the control characters escaped that it may hold as they are: they command terminals,
/// and get lost on the way to a file.
pub(super) fn escaped_json(json: &str) -> Cow<'_, str> {
    let is_bare = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !json.contains(is_bare) {
        return json.into();
    }
    let escape = |c: char| {
        if is_bare(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    json.chars().map(escape).collect::<String>().into()
}

/// `text` with a mark in place of every control character but those that are colours.
fn without_commands(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\t' | '\n');
    if text.chars().all(is_plain) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let keep = is_plain(c) || c == '\x1b' && is_colour(&text[at + 1..]);
        clean.push(if keep { c } else { '\u{fffd}' });
    }
    clean.into()
}

fn is_colour(after_escape: &str) -> bool {
    let codes = after_escape.strip_prefix('[');
    let rest =
        codes.map(|codes| codes.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
    rest.is_some_and(|rest| rest.starts_with('m'))
}

/// A foreign text as it may be shown: nothing in it commands the terminal, not even colours, or
/// changes the direction in which what follows is read.
pub(super) fn clean(text: &str) -> String {
    text.replace(|c| is_command(c) && !matches!(c, '\t' | '\n'), "\u{fffd}")
}

/// [`clean`] in one line.
pub(super) fn clean_line(text: &str) -> String {
    text.replace(is_command, "\u{fffd}")
}

fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A JSON list on stdout, printed item by item.
pub(super) struct JsonList {
    is_empty: bool,
}

impl JsonList {
    pub(super) fn begin() -> Self {
        Self { is_empty: true }
    }

    pub(super) fn push(&mut self, item: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(item).map_err(not_json)?;
        let text = escaped_json(&text);
        let before = if self.is_empty { "[\n" } else { ",\n" };
        self.is_empty = false;
        // A newline in a JSON text stands between its tokens.
        print(&format!("{before}  {}", text.replace('\n', "\n  ")))
    }

    pub(super) fn end(self) -> Result<()> {
        print(if self.is_empty { "[]\n" } else { "\n]\n" })
    }
}

/// A line for people, on stderr.
pub(super) fn say(line: &str) {
    bar::above(|| {
        let _ = writeln!(anstream::stderr(), "{}", without_commands(line));
    });
}

/// A line about something that does not fail the command, on stderr.
pub(super) fn warning(text: &str) {
    say(&format!("{WARNING}: {text}"));
}

/// An error with its causes and its hint, on stderr, sanitized: causes may quote a server or a file.
pub(super) fn complain(error: &Error) {
    tell("\x1b[1;31merror\x1b[0m", error);
}

/// The same for what does not fail the command.
#[cfg(feature = "otel")]
pub(super) fn warn(error: &Error) {
    tell(WARNING, error);
}

fn tell(label: &str, error: &Error) {
    let clean = |text: &str| clean(&Sanitizer::shared_default().clean(text));
    say(&format!("{label}: {}", clean(&error.to_string())));
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        for (index, line) in clean(&inner.to_string()).lines().enumerate() {
            say(&format!(
                "  {} {line}",
                if index == 0 { "because" } else { "       " }
            ));
        }
        cause = inner.source();
    }
    if let Some(hint) = error.hint() {
        say(&format!("\x1b[1;36mhint\x1b[0m: {}", clean(hint)));
    }
}

/// Columns with two spaces between them, the last one as long as it is; cells are [cleaned](clean_line).
pub(super) fn table(rows: &[Vec<String>]) -> String {
    figures(rows, usize::MAX)
}

/// A [`table`] whose columns from `first` on hold figures, and are aligned to the right.
pub(super) fn figures(rows: &[Vec<String>], first: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let (cell, width) = (clean_line(cell), widths[column]);
                if column < first {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
