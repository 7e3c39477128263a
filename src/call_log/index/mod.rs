//! Where each call of a journal lies: one scan of all its lines, whose result is kept beside it.
//!
//! The file `.{journal}.index` is a cache. It says where to look and never what is there: whoever
//! reads a line checks its CRC and whose it is. One that is missing, broken or of another journal is
//! made anew by the same scan, and one that lags behind is continued from where it ends.

mod cache;
mod chunks;
mod head;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::line::Span;
pub(crate) use chunks::{RawLine, run_on_threads, scan, threads};
pub(crate) use head::{Head, Moment};

/// Journals with more calls than this get an index file; smaller ones are read as quickly.
pub(crate) const MOST_WITHOUT_FILE: usize = 1000;

/// How many unreadable lines of a journal are kept; the others are counted.
const MOST_PROBLEMS: usize = 1000;

/// Bytes behind the end of an index file that are read anew each time, before it is written again.
const MOST_BEHIND: u64 = 4 * 1024 * 1024;

/// One call of one journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedCall {
    pub(crate) call_id: Box<str>,
    pub(crate) started_at: Moment,
    pub(crate) sequence: u64,
    pub(crate) end: End,
    /// The line that knows most about it.
    pub(crate) span: Span,
}

/// How much a journal knows of a call's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It began.
    Open,
    /// A recovery wrote that it was interrupted.
    Interrupted,
    /// It ended.
    Ended,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) message: String,
}

/// All calls of one journal, in the order in which they were first named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalIndex {
    pub(crate) calls: Vec<IndexedCall>,
    /// The first unreadable lines.
    pub(crate) bad_lines: Vec<BadLine>,
    /// How many unreadable lines there are.
    pub(crate) bad: u64,
    /// Unreadable lines before `upto`.
    damaged: u64,
    /// Lines that were read, from the beginning of the journal.
    good: u64,
    /// Where the lines end that were looked at; a last line that is still being written is not one.
    pub(crate) upto: u64,
    /// Newlines before `upto`.
    newlines: u64,
}

impl JournalIndex {
    /// The calls of the journal at `path`: from its index file as far as that goes, and from the
    /// journal itself; the index file is written where it saves work next time and may be written.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let Some(mut index) = cache::load(path) else {
            return Self::rebuilt(path);
        };
        let known = index.upto;
        index.read_on(path)?;
        if index.upto - known > MOST_BEHIND {
            index.save(path);
        }
        Ok(index)
    }

    /// The same from the journal alone.
    pub(crate) fn rebuilt(path: &Path) -> io::Result<Self> {
        let mut index = Self::default();
        index.read_on(path)?;
        if !index.save(path) {
            // One that is there is not of this journal, or from before the damage.
            cache::remove(path);
        }
        Ok(index)
    }

    /// Whether it is worth a file. A journal with damage in its middle is looked at each time, so
    /// that the damage is told each time.
    fn save(&self, path: &Path) -> bool {
        let is_worth_it = self.damaged == 0 && self.calls.len() > MOST_WITHOUT_FILE;
        if is_worth_it {
            // Without the file, the next query takes longer.
            let _ = cache::save(path, self);
        }
        is_worth_it
    }

    fn read_on(&mut self, path: &Path) -> io::Result<()> {
        let parts = scan(path, self.upto, &Found::visit)?;
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(self.calls.len());
        if parts.iter().any(|part| !part.found.events.is_empty()) {
            let known = self.calls.iter().enumerate();
            places.extend(known.map(|(place, call)| (call.call_id.clone(), place)));
        }
        let mut newlines = self.newlines;
        for part in parts {
            for (before, message) in part.found.bad_lines {
                self.bad_lines.push(BadLine {
                    line: newlines + before + 1,
                    message,
                });
            }
            if part.found.upto > 0 {
                self.upto = part.found.upto;
                self.newlines = newlines + part.found.newlines;
            }
            newlines += part.newlines;
            self.bad_lines.truncate(MOST_PROBLEMS);
            self.bad += part.found.bad;
            self.damaged += part.found.damaged;
            self.good += part.found.good;
            for event in part.found.events {
                self.note(event, &mut places);
            }
        }
        self.name_foreign_file();
        Ok(())
    }

    fn note(&mut self, event: IndexedCall, places: &mut HashMap<Box<str>, usize>) {
        match places.get(&event.call_id) {
            None => {
                places.insert(event.call_id.clone(), self.calls.len());
                self.calls.push(event);
            }
            Some(place) => {
                let known = &mut self.calls[*place];
                if known.end.gives_way_to(event.end) {
                    *known = event;
                }
            }
        }
    }

    /// A file without one good line is not a damaged journal but none.
    fn name_foreign_file(&mut self) {
        if self.good == 0 && self.bad > 0 {
            let lines =
                crate::text::counted(usize::try_from(self.bad).unwrap_or(usize::MAX), "line");
            self.bad_lines.truncate(1);
            self.bad = 1;
            for first in &mut self.bad_lines {
                first.message = format!(
                    "foreign file: nothing in its {lines} is a journal line ({})",
                    first.message
                );
            }
        }
    }
}

impl End {
    /// Whether a later event replaces what is known. A recovery only knows that a call did not end
    /// while it looked; its process knows how it ended.
    pub(crate) fn gives_way_to(self, later: Self) -> bool {
        match later {
            Self::Open => false,
            Self::Interrupted => self == Self::Open,
            Self::Ended => true,
        }
    }
}

/// What one part of a journal holds.
#[derive(Default)]
struct Found {
    events: Vec<IndexedCall>,
    bad_lines: Vec<(u64, String)>,
    bad: u64,
    damaged: u64,
    good: u64,
    /// Where its last line ends that was looked at, and the newlines before that in this part.
    upto: u64,
    newlines: u64,
}

impl Found {
    fn visit(&mut self, line: RawLine<'_>) {
        let head = Head::read(line.bytes);
        if line.is_ended || head.is_ok() {
            self.upto = line.span.offset + line.span.len as u64;
            self.newlines = line.newlines;
        }
        match head {
            Ok(head) => {
                self.good += 1;
                if head.is_call() {
                    self.events.push(IndexedCall {
                        end: match (&*head.event, head.is_interrupted) {
                            ("started", _) => End::Open,
                            (_, true) => End::Interrupted,
                            _ => End::Ended,
                        },
                        call_id: head.call_id,
                        started_at: head.started_at,
                        sequence: head.sequence,
                        span: line.span,
                    });
                }
            }
            Err(message) => {
                self.bad += 1;
                self.damaged += u64::from(line.is_ended);
                if self.bad_lines.len() < MOST_PROBLEMS {
                    self.bad_lines.push((line.newlines, message));
                }
            }
        }
    }
}
