//! The journals: every line, and whether the events of each call belong together.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::super::run::{Run, State};
use super::schema::RecordSchema;
use super::{Defect, Finding, Verification};
use crate::call_log::index::{Head, RawLine, scan};
use crate::call_log::journal::{Line, decode};
use crate::call_log::{is_abandoned, is_file_name};
use crate::error::Result;

/// How many findings of a kind that a journal of garbage has thousands of are named.
const MOST_LINES: usize = 1000;

/// What the journals say of call files, for those who look at these.
#[derive(Default)]
pub(super) struct Seen {
    /// The file of each call.
    pub(super) rendered: HashMap<String, String>,
    /// Which calls leave a file, for calls that began in a journal.
    pub(super) views: HashMap<PathBuf, String>,
    /// The journal that each call began in.
    pub(super) origins: HashMap<Box<str>, PathBuf>,
}

/// One event of a call, or what is wrong with a line.
struct Noted {
    newlines: u64,
    what: What,
}

enum What {
    Started {
        call_id: Box<str>,
        sequence: u64,
    },
    Finished {
        call_id: Box<str>,
        by_recovery: bool,
    },
    Rendered {
        call_id: String,
        file: String,
    },
    Opened {
        views: String,
    },
    Wrong {
        defect: Defect,
        message: String,
        call_id: Option<Box<str>>,
    },
}

#[derive(Default)]
struct Lines {
    noted: Vec<Noted>,
    good: u64,
    bad: usize,
}

pub(super) fn look(run: &Run, verification: &mut Verification) -> Result<Seen> {
    let schema = RecordSchema::published()?;
    let mut seen = Seen::default();
    let mut calls = Calls::default();
    for journal in &run.journals {
        verification.is_running |= !is_abandoned(journal);
        let parts = scan(journal, 0, &|lines: &mut Lines, line| {
            lines.visit(&line, &schema);
        });
        let Ok(parts) = parts.map_err(|error| verification.unreadable(journal, &error)) else {
            continue;
        };
        let mut of_journal = Journal::new(journal);
        let mut newlines = 0;
        for part in parts {
            verification.lines += part.found.good;
            for noted in part.found.noted {
                let line = newlines + noted.newlines + 1;
                of_journal.take(noted.what, line, &mut calls, &mut seen, verification);
            }
            newlines += part.newlines;
        }
        verification.findings.extend(of_journal.gaps());
    }
    calls.never_started(verification);
    never_finished(run, verification);
    Ok(seen)
}

impl Lines {
    fn visit(&mut self, line: &RawLine<'_>, schema: &RecordSchema) {
        let mut note = |what| {
            self.noted.push(Noted {
                newlines: line.newlines,
                what,
            });
        };
        let wrong = |defect, message, call_id| What::Wrong {
            defect,
            message,
            call_id,
        };
        let head = match Head::read(line.bytes) {
            Ok(head) => head,
            Err(message) => {
                self.bad += 1;
                if self.bad <= MOST_LINES {
                    note(wrong(Defect::UnreadableLine, message, None));
                }
                return;
            }
        };
        self.good += 1;
        let call_id = || head.is_call().then(|| head.call_id.clone());
        let misfit = schema.misfit(line.bytes).filter(|_| head.is_call());
        let whole = match (misfit, decode(line.bytes)) {
            (Some(misfit), _) => {
                note(wrong(Defect::Schema, misfit, call_id()));
                Line::default()
            }
            (None, Ok(whole)) => whole,
            (None, Err(message)) => {
                note(wrong(Defect::UnreadableLine, message, call_id()));
                Line::default()
            }
        };
        match &*head.event {
            "started" => note(What::Started {
                call_id: head.call_id,
                sequence: head.sequence,
            }),
            "finished" => note(What::Finished {
                call_id: head.call_id,
                by_recovery: head.is_interrupted,
            }),
            "rendered" => note(What::Rendered {
                call_id: whole.call_id,
                file: whole.file,
            }),
            "opened" => note(What::Opened { views: whole.views }),
            // A newer version may say more.
            _ => {}
        }
    }
}

/// What one process did.
struct Journal<'a> {
    path: &'a Path,
    sequences: Vec<u64>,
}

impl<'a> Journal<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            sequences: Vec::new(),
        }
    }

    fn take(
        &mut self,
        what: What,
        line: u64,
        calls: &mut Calls,
        seen: &mut Seen,
        verification: &mut Verification,
    ) {
        let twice = match what {
            What::Started { call_id, sequence } => {
                self.sequences.push(sequence);
                seen.origins
                    .entry(call_id.clone())
                    .or_insert_with(|| self.path.to_owned());
                calls.start(call_id).map(|id| (id, "begins twice"))
            }
            What::Finished {
                call_id,
                by_recovery,
            } => {
                let place = (self.path.to_owned(), line);
                let twice = calls.finish(call_id, by_recovery, place);
                twice.map(|id| (id, "ends twice"))
            }
            // Another name leads out of the run.
            What::Rendered { file, .. } if !is_file_name(&file) => None,
            What::Rendered { call_id, file } => {
                seen.rendered.insert(call_id, file);
                None
            }
            What::Opened { views } => {
                seen.views.insert(self.path.to_owned(), views);
                None
            }
            What::Wrong {
                defect,
                message,
                call_id,
            } => {
                let finding = Finding::new(defect, self.path, message).at(line);
                verification.findings.push(match call_id {
                    Some(id) => finding.of_call(&id),
                    None => finding,
                });
                None
            }
        };
        verification.findings.extend(twice.map(|(id, how)| {
            let finding = Finding::new(Defect::DuplicateId, self.path, format!("a call {how}"));
            finding.at(line).of_call(&id)
        }));
    }

    /// Each process counts its calls without a gap, though they need not begin in that order.
    fn gaps(mut self) -> Vec<Finding> {
        self.sequences.sort_unstable();
        let pairs = self.sequences.windows(2);
        pairs
            .filter(|pair| pair[1] - pair[0] > 1)
            .map(|pair| {
                let (first, last) = (pair[0] + 1, pair[1] - 1);
                let what = if first == last {
                    format!("call number {first} is missing")
                } else {
                    format!("call numbers {first} to {last} are missing")
                };
                Finding::new(Defect::SequenceGap, self.path, what)
            })
            .collect()
    }
}

/// The events of all calls.
#[derive(Default)]
struct Calls {
    started: HashSet<Box<str>>,
    /// Where each call ended, and whether only a recovery says so.
    finished: HashMap<Box<str>, (bool, (PathBuf, u64))>,
}

impl Calls {
    fn start(&mut self, id: Box<str>) -> Option<Box<str>> {
        let is_new = self.started.insert(id.clone());
        (!is_new).then_some(id)
    }

    /// A recovery may end a call that its process ends later.
    fn finish(
        &mut self,
        id: Box<str>,
        by_recovery: bool,
        place: (PathBuf, u64),
    ) -> Option<Box<str>> {
        match self.finished.get_mut(&id) {
            None => {
                self.finished.insert(id, (by_recovery, place));
                None
            }
            Some((was_recovery, _)) if *was_recovery || by_recovery => {
                *was_recovery &= by_recovery;
                None
            }
            Some(_) => Some(id),
        }
    }

    fn never_started(&self, verification: &mut Verification) {
        let missing = self
            .finished
            .iter()
            .filter(|(id, _)| !self.started.contains(*id));
        let mut findings: Vec<Finding> = missing
            .map(|(id, (_, (file, line)))| {
                let message = "a call ends that never began";
                Finding::new(Defect::NeverStarted, file, message)
                    .at(*line)
                    .of_call(id)
            })
            .collect();
        findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        verification.findings.append(&mut findings);
    }
}

fn never_finished(run: &Run, verification: &mut Verification) {
    for call in run
        .calls
        .iter()
        .filter(|call| call.state == State::Interrupted)
    {
        let message =
            "a call began, and no line that can be read ends it; `duologue logs recover` does";
        let finding = Finding::new(Defect::NeverFinished, &run.journals[call.journal], message);
        verification.findings.push(finding.of_call(&call.id));
    }
}
