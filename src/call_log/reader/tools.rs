//! The tool calls of a run, as the journals of its processes tell of them.

use std::collections::{HashMap, HashSet};

use super::super::journal::Line;
use super::super::tool_record::{ToolOffer, ToolRecord};
use crate::failure::ToolStatus;

/// Tool calls in the order in which they were met, and the tools that models could call.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    calls: Vec<Seen>,
    places: HashMap<(String, u32), usize>,
    offers: Vec<ToolOffer>,
    offered: HashSet<String>,
}

#[derive(Debug)]
struct Seen {
    record: ToolRecord,
    ended: bool,
    /// Whether the process lives that it began in.
    live: bool,
    /// Whether a newer version says more of it than this one knows.
    half_known: bool,
}

/// What a run's journals say of tools.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// In the order in which they started.
    pub(crate) records: Vec<ToolRecord>,
    /// The places of those whose end no journal holds, and whose process is gone.
    pub(crate) unended: Vec<usize>,
    pub(crate) offers: Vec<ToolOffer>,
}

impl ToolCalls {
    /// Takes what `line` says of tools; `runs` tells of the process that wrote it.
    pub(crate) fn hear(&mut self, line: &mut Line, runs: bool) {
        if let Some(offer) = line.offer.take()
            && self.offered.insert(offer.tools_hash.clone())
        {
            self.offers.push(*offer);
        }
        let Some(record) = line.tool.take() else {
            return;
        };
        let seen = Seen {
            record: *record,
            ended: line.event == "tool_finished",
            live: runs,
            half_known: line.surprise.is_some(),
        };
        match self.places.get(&seen.record.key()) {
            None => {
                self.places.insert(seen.record.key(), self.calls.len());
                self.calls.push(seen);
            }
            Some(&place) => self.calls[place].learn(seen),
        }
    }

    pub(crate) fn end(mut self) -> Tools {
        for seen in &mut self.calls {
            if !seen.ended && !seen.live {
                seen.record.interrupt();
            }
        }
        self.calls.sort_by(|a, b| {
            let key = |seen: &Seen| (seen.record.call_id.clone(), seen.record.index);
            (&a.record.started_at, key(a)).cmp(&(&b.record.started_at, key(b)))
        });
        let unended = |(_, seen): &(usize, &Seen)| !seen.ended && !seen.live && !seen.half_known;
        let places = self.calls.iter().enumerate().filter(unended);
        Tools {
            unended: places.map(|(place, _)| place).collect(),
            records: self.calls.into_iter().map(|seen| seen.record).collect(),
            offers: self.offers,
        }
    }
}

impl Seen {
    /// A recovery only knows that a tool call did not end while it looked; its process knows how it
    /// ended.
    fn learn(&mut self, later: Self) {
        let by_recovery = later.record.status == Some(ToolStatus::Interrupted);
        if later.ended && (!self.ended || !by_recovery) {
            self.record = later.record;
            self.ended = true;
        }
        self.half_known |= later.half_known;
    }
}
