//! The totals of the other processes of a run, followed as their journals grow.

use std::collections::HashMap;
use std::path::PathBuf;

use super::super::paths::RunPaths;
use super::super::record::Record;
use super::super::summary::Summary;
use super::interrupt;
use super::scan::{is_abandoned, scan};

/// Follows every journal of a run but one's own.
#[derive(Debug)]
pub(crate) struct Tail {
    paths: RunPaths,
    own: Option<PathBuf>,
    journals: HashMap<PathBuf, Followed>,
    totals: Summary,
}

#[derive(Debug, Default)]
struct Followed {
    offset: u64,
    open: HashMap<String, Box<Record>>,
}

impl Tail {
    pub(crate) fn new(paths: RunPaths, own: Option<PathBuf>) -> Self {
        Self {
            paths,
            own,
            journals: HashMap::new(),
            totals: Summary::default(),
        }
    }

    /// Reads what has been written since the last time. What cannot be read now is read next time.
    pub(crate) fn catch_up(&mut self) {
        let journals = self.paths.journals().unwrap_or_default();
        self.totals.calls_in_flight = 0;
        for path in journals {
            if self.own.as_ref() == Some(&path) {
                continue;
            }
            let abandoned = is_abandoned(&path);
            let followed = self.journals.entry(path.clone()).or_default();
            let totals = &mut self.totals;
            let open = &mut followed.open;
            let read = scan(&path, followed.offset, &mut |_, line| {
                let Some((event, record)) =
                    line.ok().and_then(|line| Some((line.event, line.record?)))
                else {
                    return;
                };
                match event.as_str() {
                    "started" => drop(open.insert(record.call_id.clone(), record)),
                    "finished" => {
                        open.remove(&record.call_id);
                        totals.add(&record);
                    }
                    _ => {}
                }
            });
            if let Ok(offset) = read {
                followed.offset = offset;
            }
            if abandoned {
                for (_, mut record) in followed.open.drain() {
                    interrupt(&mut record);
                    self.totals.add(&record);
                }
            }
            self.totals.calls_in_flight += followed.open.len() as u64;
        }
    }

    pub(crate) fn totals(&self) -> &Summary {
        &self.totals
    }
}
