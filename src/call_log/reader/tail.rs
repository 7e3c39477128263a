//! The totals of the other processes of a run, followed as their journals grow.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::super::config::LogLevel;
use super::super::paths::RunPaths;
use super::super::record::{CallStatus, Record};
use super::super::summary::Summary;
use super::interrupt;
use super::scan::{is_abandoned, scan};

/// Follows every journal of a run but one's own.
#[derive(Debug)]
pub(crate) struct Tail {
    paths: RunPaths,
    own: Option<PathBuf>,
    journals: BTreeMap<PathBuf, Followed>,
    ended: Summary,
}

#[derive(Debug, Default)]
struct Followed {
    offset: u64,
    abandoned: bool,
    open: HashMap<String, Box<Record>>,
}

impl Tail {
    pub(crate) fn new(paths: RunPaths, own: Option<PathBuf>) -> Self {
        Self {
            paths,
            own,
            journals: BTreeMap::new(),
            ended: Summary::default(),
        }
    }

    /// Reads what has been written since the last time. What cannot be read now is read next time.
    pub(crate) fn catch_up(&mut self) {
        for path in self.paths.journals().unwrap_or_default() {
            if self.own.as_ref() == Some(&path) {
                continue;
            }
            let followed = self.journals.entry(path.clone()).or_default();
            if !followed.is_complete(&path) {
                followed.read(&path, &mut self.ended);
            }
        }
    }

    /// The totals so far. An open call of a process that is gone counts as interrupted: here and
    /// not in `ended`, since a recovery may run beside us.
    pub(crate) fn totals(&self) -> Summary {
        let mut totals = self.ended.clone();
        for followed in self.journals.values() {
            if !followed.abandoned {
                totals.calls_in_flight += followed.open.len() as u64;
                continue;
            }
            let mut interrupted: Vec<Record> = followed
                .open
                .values()
                .map(|open| (**open).clone())
                .collect();
            interrupted.sort_by_key(|record| record.sequence);
            for record in &mut interrupted {
                interrupt(record);
                totals.add(record);
            }
        }
        totals
    }
}

impl Followed {
    fn is_complete(&self, path: &Path) -> bool {
        self.abandoned && std::fs::metadata(path).is_ok_and(|found| found.len() == self.offset)
    }

    fn read(&mut self, path: &Path, ended: &mut Summary) {
        // Asked before reading: whoever is gone by now has written all that is read below.
        self.abandoned = is_abandoned(path);
        let open = &mut self.open;
        let read = scan(path, self.offset, &mut |_, line| {
            let Some((event, mut record)) =
                line.ok().and_then(|line| Some((line.event, line.record?)))
            else {
                return;
            };
            match event.as_str() {
                "started" => {
                    record.strip_to(LogLevel::Minimal);
                    open.insert(record.call_id.clone(), record);
                }
                // Written by a recovery; the call is still open in the journal of its own process.
                "finished" if record.status == Some(CallStatus::Interrupted) => {}
                "finished" => {
                    open.remove(&record.call_id);
                    ended.add(&record);
                }
                _ => {}
            }
        });
        if let Ok(offset) = read {
            self.offset = offset;
        }
    }
}
