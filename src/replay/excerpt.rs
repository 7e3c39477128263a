//! The first difference of two texts that may be long, short enough for an error.

use crate::diff::{Change, Piece, words};
use crate::text::clip;

/// Characters from the first difference on that are compared word by word: a prompt may be long,
/// and every call may miss.
const WINDOW: usize = 4_000;
/// Characters of common text that are shown on each side of a difference.
const CONTEXT: usize = 80;
/// Characters of a difference that are shown.
pub(super) const MAX_CHANGE: usize = 400;
/// Pieces of a difference that are shown: more, and nobody reads them in an error.
const MAX_PIECES: usize = 7;

/// Bytes that are compared at once.
pub(super) const BLOCK: usize = 64;

/// How many bytes both begin with.
pub(super) fn common_start(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let start = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

/// The first difference of two texts, word by word.
pub(super) fn word_diff(old: &str, new: &str) -> String {
    let from = window_start(old, common_start(old.as_bytes(), new.as_bytes()));
    let window = |text: &str| match text[from..].char_indices().nth(WINDOW) {
        Some((end, _)) => (text[from..from + end].to_owned(), true),
        None => (text[from..].to_owned(), false),
    };
    let ((old, old_is_cut), (new, new_is_cut)) = (window(old), window(new));
    let mut pieces = words(&old, &new);
    let last_same = pieces
        .iter()
        .rposition(|piece| piece.change == Change::Same);
    if let Some(last) = last_same.filter(|last| *last > 0 && (old_is_cut || new_is_cut)) {
        // What differs behind it may only be where the windows end.
        pieces.truncate(last + 1);
    }
    show(&without_common_starts(pieces))
}

/// Where the window begins in texts whose first `same` bytes are equal: at a word's beginning, so
/// that the words are those of the whole texts, where there is one near.
fn window_start(text: &str, same: usize) -> usize {
    let last = same.saturating_sub(4 * CONTEXT);
    let near = last.saturating_sub(4 * CONTEXT)..=last;
    let ends_a_word = |byte: u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && byte != b'_';
    let starts_a_word = |at: &usize| *at == 0 || ends_a_word(text.as_bytes()[at - 1]);
    near.rev()
        .find(starts_a_word)
        .unwrap_or_else(|| floor(text, last))
}

/// The same pieces, but that very long words begin where they differ.
fn without_common_starts(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut shorter: Vec<Piece> = Vec::with_capacity(pieces.len());
    for mut piece in pieces {
        if let Some(removed) = shorter.last_mut()
            && (removed.change, piece.change) == (Change::Removed, Change::Added)
            && let same = common_start(removed.text.as_bytes(), piece.text.as_bytes())
            && same > CONTEXT
        {
            let same = floor(&removed.text, same);
            let rest = removed.text.split_off(same);
            removed.change = Change::Same;
            piece.text.drain(..same);
            shorter.push(Piece {
                change: Change::Removed,
                text: rest,
            });
        }
        shorter.push(piece);
    }
    shorter.retain(|piece| !piece.text.is_empty());
    shorter
}

fn floor(text: &str, at: usize) -> usize {
    let boundary = (0..=at).rev().find(|at| text.is_char_boundary(*at));
    boundary.unwrap_or(0)
}

/// The first changes, with a little of the text around them.
fn show(pieces: &[Piece]) -> String {
    let first = pieces
        .iter()
        .position(|piece| piece.change != Change::Same)
        .unwrap_or(0);
    let from = first.saturating_sub(1);
    let shown = pieces.iter().enumerate().skip(from).take(MAX_PIECES);
    let mut shown: Vec<String> = shown
        .map(|(index, piece)| match piece.change {
            Change::Same => context(&piece.text, index < first, index + 1 < pieces.len()),
            Change::Removed => format!("[-{}-]", clip(&piece.text, MAX_CHANGE)),
            Change::Added => format!("{{+{}+}}", clip(&piece.text, MAX_CHANGE)),
        })
        .collect();
    if from + MAX_PIECES < pieces.len() {
        shown.push("…".to_owned());
    }
    shown.concat()
}

/// Common text: its end before the first change, its beginning after the last, both ends between two.
fn context(text: &str, leads: bool, goes_on: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let head = || letters[..CONTEXT].iter().collect::<String>();
    let tail = || {
        letters[letters.len() - CONTEXT..]
            .iter()
            .collect::<String>()
    };
    match (leads, goes_on) {
        (true, _) if letters.len() > CONTEXT => format!("…{}", tail()),
        (false, false) if letters.len() > CONTEXT => format!("{}…", head()),
        (false, true) if letters.len() > 2 * CONTEXT => format!("{} … {}", head(), tail()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        word_diff(old, new)
    }

    #[test]
    fn a_change_in_a_long_prompt_is_shown_with_a_little_around_it() {
        let around = "so many words ".repeat(50);
        let diff = shown(
            &format!("{around}red{around}"),
            &format!("{around}blue{around}"),
        );
        assert!(diff.contains("[-redso-]{+blueso+}"), "{diff}");
        assert!(diff.starts_with('…') && diff.ends_with('…'), "{diff}");
        assert!(diff.chars().count() < 2 * CONTEXT + 40, "{diff}");
        assert_eq!(shown("a b c", "a x c"), "a [-b-]{+x+} c");
    }

    #[test]
    fn the_first_change_of_a_very_long_prompt_is_found_at_once() {
        let old = format!(
            "{}old {}",
            "a b c d ".repeat(9_000),
            "e f g h ".repeat(9_000)
        );
        let new = old.replace("old ", "new and ");
        let diff = shown(&old, &new);
        assert!(diff.contains(" d [-old-]{+new and+} e f"), "{diff}");
        assert!(!diff.contains("[-h"), "{diff}");
        let (all_old, all_new) = ("x1 y2 ".repeat(9_000), "\u{e4}z \u{df} ".repeat(9_000));
        assert!(shown(&all_old, &all_new).chars().count() < 3 * MAX_CHANGE * 2);
    }

    #[test]
    fn the_first_change_is_shown_in_texts_without_spaces_too() {
        for around in ["line\n", "{\"a\":1},", "東京タワー", "QUJD"] {
            let start = around.repeat(3_000);
            let diff = shown(&format!("{start}red"), &format!("{start}blue"));
            assert!(diff.contains("[-red-]{+blue+}"), "{diff}");
            assert!(diff.chars().count() < 2 * CONTEXT + 40, "{diff}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts_have_a_difference(start in "(ä b |cd ){0,150}", old in ".{0,90}", new in ".{0,90}") {
            let shown = word_diff(&format!("{start}{old}"), &format!("{start}{new}"));
            proptest::prop_assert_eq!(shown.contains("[-") || shown.contains("{+"), old != new
                || old.contains("[-") || old.contains("{+"));
        }
    }

    #[test]
    fn many_and_long_changes_are_cut() {
        let (old, new) = ("a b ".repeat(100), "a c ".repeat(100));
        assert!(shown(&old, &new).chars().count() < 60);
        assert!(shown("x", &"y".repeat(9_000)).chars().count() < MAX_CHANGE + 60);
    }
}
