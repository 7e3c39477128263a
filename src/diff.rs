//! How two texts differ, word by word.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// Texts longer than this together, in bytes, are compared line by line.
const MAX_WORDWISE: usize = 32 * 1024;

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
    if old.len() + new.len() > MAX_WORDWISE {
        return pieces_of(&TextDiff::from_lines(old, new));
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (tokens(old).collect(), tokens(new).collect());
    pieces_of(&TextDiff::from_slices(&old, &new))
}

/// Words, runs of white space, and every other character by itself: compact JSON has no spaces.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let kind = Kind::of(first);
        let end = match kind {
            Kind::Other => first.len_utf8(),
            _ => rest
                .find(|next| Kind::of(next) != kind)
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

#[derive(PartialEq)]
enum Kind {
    Word,
    Space,
    Other,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            _ if character.is_whitespace() => Self::Space,
            _ if character.is_alphanumeric() || character == '_' => Self::Word,
            _ => Self::Other,
        }
    }
}

fn pieces_of(diff: &TextDiff<'_, '_, str>) -> Vec<Piece> {
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
    fn compact_json_is_compared_value_by_value() {
        let pieces = words(r#"{"title":"Tides","n":1}"#, r#"{"title":"Tides","n":2}"#);
        let changed = pieces.iter().filter(|piece| piece.change != Change::Same);
        let texts: Vec<&str> = changed.map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["1", "2"]);
    }

    #[test]
    fn both_texts_can_be_put_together_again() {
        let long = "line\n".repeat(20_000);
        for (old, new) in [
            ("", ""),
            ("a b", ""),
            ("  a\tb\n", "a b\r\n\u{85}c"),
            ("{\"a\":1,\"b\":[é]}", "{\"a\":12,\"b\":[è,é]}"),
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
