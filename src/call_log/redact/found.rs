//! What the rules found: byte ranges with the name of a rule, merged where they overlap.

use std::ops::Range;

use super::counts::Redactions;

/// Whose name stands in the placeholder when two rules found the same bytes: the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Own,
    Custom,
    Shape,
    Context,
    Personal,
}

/// Bytes to replace.
#[derive(Debug, Clone)]
pub(super) struct Found<'s> {
    pub(super) range: Range<usize>,
    pub(super) rule: &'s str,
    pub(super) rank: Rank,
}

impl Found<'static> {
    pub(super) fn context(rule: &'static str, range: Range<usize>) -> Self {
        Self {
            range,
            rule,
            rank: Rank::Context,
        }
    }

    pub(super) fn personal(rule: &'static str, range: Range<usize>) -> Self {
        Self {
            range,
            rule,
            rank: Rank::Personal,
        }
    }
}

/// The same finds in order, overlapping ones as one, without those that touch `kept` bytes.
pub(super) fn merge<'s>(mut found: Vec<Found<'s>>, kept: &[Range<usize>]) -> Vec<Found<'s>> {
    found.retain(|found| {
        !found.range.is_empty()
            && !kept
                .iter()
                .any(|kept| found.range.start < kept.end && kept.start < found.range.end)
    });
    found.sort_by_key(|found| found.range.start);
    let mut merged: Vec<Found<'s>> = Vec::with_capacity(found.len());
    for next in found {
        match merged.last_mut() {
            // What a person's data overlaps is judged again without it, in the next round.
            Some(last)
                if overlaps(last, &next)
                    && last.rank != next.rank
                    && next.rank == Rank::Personal => {}
            Some(last)
                if overlaps(last, &next)
                    && last.rank != next.rank
                    && last.rank == Rank::Personal =>
            {
                *last = next;
            }
            Some(last) if overlaps(last, &next) => {
                last.range.end = last.range.end.max(next.range.end);
                // Of two shapes at one place, the one with the longer keyword comes later.
                let is_closer = next.rank == Rank::Shape
                    && last.rank == Rank::Shape
                    && next.range.start == last.range.start;
                if next.rank < last.rank || is_closer {
                    last.rank = next.rank;
                    last.rule = next.rule;
                }
            }
            _ => merged.push(next),
        }
    }
    merged
}

fn overlaps(last: &Found<'_>, next: &Found<'_>) -> bool {
    next.range.start < last.range.end
}

/// `text` with a placeholder for each find.
pub(super) fn replace(text: &str, found: &[Found<'_>], counts: &mut Redactions) -> String {
    let mut clean = String::with_capacity(text.len() + 8 * found.len());
    let mut end = 0;
    for found in found {
        clean.push_str(&text[end..found.range.start]);
        clean.push_str(&placeholder(found.rule));
        counts.add(found.rule);
        end = found.range.end;
    }
    clean.push_str(&text[end..]);
    clean
}

/// `<REDACTED:rule>`.
pub(super) fn placeholder(rule: &str) -> String {
    format!("<REDACTED:{rule}>")
}
