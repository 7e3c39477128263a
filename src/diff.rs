//! How two texts differ, word by word.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// Texts longer than this together are compared line by line.
const MAX_WORDWISE: usize = 64 * 1024;

/// Which of two texts a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Change {
    /// Both.
    Same,
    /// The old one.
    Removed,
    /// The new one.
    Added,
}

/// A run of words that share their [`Change`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Piece {
    /// Where the text stands.
    pub change: Change,
    /// The text, with its white space.
    pub text: String,
}

/// The pieces of both texts in reading order: those that are not [`Added`](Change::Added) make up
/// `old`, those that are not [`Removed`](Change::Removed) make up `new`.
///
/// ```
/// use duologue::diff::{words, Change};
///
/// let pieces = words("plan a talk", "plan a walk");
/// let changes: Vec<_> = pieces.iter().map(|piece| (piece.change, piece.text.as_str())).collect();
/// assert_eq!(changes, [(Change::Same, "plan a "), (Change::Removed, "talk"), (Change::Added, "walk")]);
/// ```
pub fn words(old: &str, new: &str) -> Vec<Piece> {
    let diff = if old.len() + new.len() > MAX_WORDWISE {
        TextDiff::from_lines(old, new)
    } else {
        TextDiff::from_words(old, new)
    };
    let mut pieces: Vec<Piece> = Vec::new();
    for change in diff.iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => Change::Same,
            ChangeTag::Delete => Change::Removed,
            ChangeTag::Insert => Change::Added,
        };
        match pieces.last_mut().filter(|last| last.change == kind) {
            Some(last) => last.text.push_str(change.value()),
            None => pieces.push(Piece {
                change: kind,
                text: change.value().to_owned(),
            }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_can_be_put_together_again() {
        let long = "line\n".repeat(20_000);
        for (old, new) in [
            ("", ""),
            ("a b", ""),
            ("  a\tb\n", "a b\r\n\u{85}c"),
            (&*long, "line\nother\n"),
        ] {
            let pieces = words(old, new);
            let without = |change| -> String {
                pieces
                    .iter()
                    .filter(|piece| piece.change != change)
                    .map(|piece| piece.text.as_str())
                    .collect()
            };
            assert_eq!(without(Change::Added), old);
            assert_eq!(without(Change::Removed), new);
        }
    }
}
