//! What a repair changed: the answer that did not fit against the one that followed it.

use serde::Serialize;
use serde_json::Value;

use crate::call_log::{CallStatus, Record};
use crate::diff::{self, Change, Piece};

/// Longer answers are not compared: nobody reads the result.
const MAX_COMPARED: usize = 512 * 1024;

/// The answer of a call against that of the call that it repairs.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    /// Whether both are shown as formatted JSON, in place of the raw texts.
    formatted: bool,
    /// Pairs of change (-1 removed, 0 in both, 1 added) and text; `None` when they are too long.
    pieces: Option<Vec<(i8, String)>>,
}

impl Difference {
    /// `None` when `record` repairs nothing, or an answer is unknown.
    pub(super) fn between(before: &Record, record: &Record) -> Option<Self> {
        let is_repair = matches!(
            before.status,
            Some(CallStatus::Invalid | CallStatus::Truncated)
        );
        let (old, new) = (before.raw_answer.as_deref()?, record.raw_answer.as_deref()?);
        if !is_repair {
            return None;
        }
        if old.len() + new.len() > MAX_COMPARED {
            return Some(Self {
                formatted: false,
                pieces: None,
            });
        }
        // Compact JSON has no spaces, so words of it would be whole answers.
        let formatted = formatted(old).zip(formatted(new));
        let pieces = match &formatted {
            Some((old, new)) => diff::words(old, new),
            None => diff::words(old, new),
        };
        Some(Self {
            formatted: formatted.is_some(),
            pieces: Some(pieces.into_iter().map(compact).collect()),
        })
    }
}

fn compact(piece: Piece) -> (i8, String) {
    let change = match piece.change {
        Change::Removed => -1,
        Change::Same => 0,
        Change::Added => 1,
    };
    (change, piece.text)
}

fn formatted(answer: &str) -> Option<String> {
    let value: Value = serde_json::from_str(answer).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: CallStatus, answer: &str) -> Record {
        Record {
            status: Some(status),
            raw_answer: Some(answer.to_owned()),
            ..Record::default()
        }
    }

    #[test]
    fn compact_json_is_compared_value_by_value() {
        let old = answered(CallStatus::Invalid, r#"{"title":"Tides","steps":"moon"}"#);
        let new = answered(
            CallStatus::Succeeded,
            r#"{"title":"Tides","steps":["moon"]}"#,
        );
        let difference = Difference::between(&old, &new).unwrap();
        let pieces = difference.pieces.unwrap();
        assert!(difference.formatted);
        assert_eq!(
            pieces[0],
            (0, "{\n  \"title\": \"Tides\",\n  \"steps\": ".into())
        );
        assert!(Difference::between(&new, &old).is_none());
    }
}
