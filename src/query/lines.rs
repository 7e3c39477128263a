//! Journal lines that are not about calls.

use super::run::Run;
use crate::call_log::index::scan;
use crate::call_log::is_abandoned;
use crate::call_log::journal::{Line, decode};
use crate::error::{Error, ErrorKind, Result};

impl Run {
    /// Hands over the lines that are wanted, journal by journal, and whether the process of each lives.
    pub(super) fn each_line(
        &self,
        is_wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        hear: &mut dyn FnMut(Line, bool),
    ) -> Result<()> {
        for journal in self.readable_journals() {
            // Asked before reading: whoever is gone by now has written all that is read below.
            let live = !is_abandoned(journal);
            let parts = scan(journal, 0, &|found: &mut Vec<Line>, line| {
                if is_wanted(line.bytes) {
                    let known = decode(line.bytes).ok();
                    found.extend(known.filter(|line| line.objection.is_none()));
                }
            });
            let parts = parts.map_err(|error| {
                let what = format!("cannot read `{}`", journal.display());
                Error::new(ErrorKind::Log, what).with_source(error)
            })?;
            for line in parts.into_iter().flat_map(|part| part.found) {
                hear(line, live);
            }
        }
        Ok(())
    }
}
