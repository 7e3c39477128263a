//! Which of several values is the answer, and when a broken one stands in the way.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Fixup;
use super::lenient::{Evidence, Fault};

pub(super) struct Candidate {
    pub(super) value: Value,
    pub(super) fixups: BTreeSet<Fixup>,
    pub(super) start: usize,
    pub(super) size: usize,
    pub(super) rank: Rank,
}

/// Larger is better; of two equals the later one is taken.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    fits: bool,
    shape: Shape,
    filled: bool,
    /// Decides only between values that do not fit.
    size: usize,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Scalar,
    Array,
    Object,
}

pub(super) struct Broken {
    pub(super) start: usize,
    pub(super) fault: Fault,
}

impl Rank {
    pub(super) fn new(value: &Value, fits: bool, size: usize) -> Self {
        let (shape, filled) = match value {
            Value::Object(map) => (Shape::Object, !map.is_empty()),
            Value::Array(items) => (Shape::Array, !items.is_empty()),
            _ => (Shape::Scalar, true),
        };
        Self {
            fits,
            shape,
            filled,
            size: if fits { 0 } else { size },
        }
    }
}

impl Broken {
    /// Whether this was the answer rather than `best`: a later one, or more of it than a value
    /// that does not fit anyway.
    pub(super) fn outweighs(&self, best: &Candidate) -> bool {
        let later = self.start > best.start;
        let larger = self.fault.at - self.start > best.size;
        self.fault.evidence == Evidence::Member && (later || (larger && !best.rank.fits))
    }
}
