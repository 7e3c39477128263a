//! What a request that no record answers is told: the nearest record, and where the difference begins.

use super::key::Asked;
use super::recording::RecordedCall;
use crate::chat::Message;
use crate::diff::{Change, Piece, words};
use crate::text::clip;

/// More records than these are not compared; those before them are the unused ones.
const MAX_CANDIDATES: usize = 1_000;
/// Characters from the first difference on that are compared word by word: a prompt may be long,
/// and every call may miss.
const WINDOW: usize = 4_000;
/// Characters of common text that are shown on each side of a difference.
const CONTEXT: usize = 80;
/// Characters of a difference that are shown.
const MAX_CHANGE: usize = 400;
/// Pieces of a difference that are shown: more, and nobody reads them in an error.
const MAX_PIECES: usize = 7;

/// Where `asked` and the nearest of `candidates` differ; `None` when there is no candidate.
pub(super) fn explain(asked: &Asked, agent: &str, candidates: &[&RecordedCall]) -> Option<String> {
    let mut best: Option<(usize, &RecordedCall)> = None;
    for call in candidates.iter().take(MAX_CANDIDATES) {
        let likeness = likeness(&asked.messages, &call.asked.messages);
        if best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, call));
        }
    }
    let (_, nearest) = best?;
    let whose = if nearest.agent == agent {
        String::new()
    } else {
        format!(" of agent `{}`; `{agent}` has none", nearest.agent)
    };
    let how = match first_difference(&nearest.asked.messages, &asked.messages) {
        Some(difference) => format!("and differs in {difference}"),
        None => "with the same prompt".to_owned(),
    };
    let place = format!("call {} (`{}`{whose})", nearest.number, nearest.call_id);
    let mut lines = vec![format!("the nearest is {place}, {how}")];
    lines.extend(settings(&nearest.asked, asked));
    Some(lines.join("\n"))
}

/// How many bytes both have in common at the beginnings and ends of their messages.
fn likeness(a: &[Message], b: &[Message]) -> usize {
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let (a, b) = (a.content.as_bytes(), b.content.as_bytes());
            let front = common_start(a, b);
            front + common_end(&a[front..], &b[front..])
        })
        .sum()
}

fn common_start(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let start = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

fn common_end(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.rchunks_exact(BLOCK).zip(b.rchunks_exact(BLOCK));
    let end = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[..a.len() - end].iter().rev();
    let rest = rest.zip(b[..b.len() - end].iter().rev());
    end + rest.take_while(|(a, b)| a == b).count()
}

/// Bytes that are compared at once.
const BLOCK: usize = 64;

/// The first message that is another, as a word diff: `[-recorded-]`, `{+asked+}`.
fn first_difference(recorded: &[Message], asked: &[Message]) -> Option<String> {
    let longer = recorded.len().max(asked.len());
    let index = (0..longer).find(|index| recorded.get(*index) != asked.get(*index))?;
    let (old, new) = (recorded.get(index), asked.get(index));
    let text =
        |message: Option<&Message>| message.map_or("", |message| &message.content).to_owned();
    let role = match (old, new) {
        (Some(old), Some(new)) if old.role != new.role => {
            format!("{}, recorded {}", new.role.as_str(), old.role.as_str())
        }
        (Some(_), None) => "only recorded".to_owned(),
        (None, Some(new)) => format!("{}, not recorded", new.role.as_str()),
        (_, new) => new.map_or("", |message| message.role.as_str()).to_owned(),
    };
    let shown = word_diff(&text(old), &text(new));
    Some(format!("message {} ({role}):\n{shown}", index + 1))
}

/// The first difference of two texts, word by word.
fn word_diff(old: &str, new: &str) -> String {
    let same = common_start(old.as_bytes(), new.as_bytes());
    // From before a word's beginning, so that the words are those of the whole texts.
    let from = (0..=same.saturating_sub(4 * CONTEXT))
        .rev()
        .find(|at| *at == 0 || old.as_bytes()[at - 1] == b' ' && old.is_char_boundary(*at))
        .unwrap_or(0);
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
    show(&pieces)
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

/// What else differs, one line each.
fn settings(recorded: &Asked, asked: &Asked) -> Vec<String> {
    let (old, new) = (named(recorded), named(asked));
    let only_new = new
        .iter()
        .filter(|(name, _)| value_of(&old, name).is_none());
    let names = old.iter().chain(only_new).map(|(name, _)| name);
    names
        .filter(|name| *name != SCHEMA || recorded.schema_hash.is_some())
        .filter_map(|name| {
            let (old, new) = (value_of(&old, name), value_of(&new, name));
            let said = |value: Option<&str>| value.unwrap_or("not set").to_owned();
            (old != new).then(|| format!("`{name}` is {}, recorded {}", said(new), said(old)))
        })
        .collect()
}

const SCHEMA: &str = "response_schema";

/// What is in the key besides the messages, by the names that specs have for it.
fn named(asked: &Asked) -> Vec<(String, String)> {
    let parameters = &asked.parameters;
    let temperature = parameters.temperature.map(|value| value.to_string());
    let limit = parameters.max_output_tokens.map(|value| value.to_string());
    let known = [
        ("model", Some(format!("`{}`", asked.model))),
        ("temperature", temperature),
        ("max_output_tokens", limit),
        (SCHEMA, asked.schema_hash.clone()),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let extra = parameters.extra.iter().map(|(name, value)| {
        let value = clip(&value.to_string(), MAX_CHANGE);
        (format!("extra.{name}"), value)
    });
    known.chain(extra).collect()
}

fn value_of<'v>(settings: &'v [(String, String)], name: &str) -> Option<&'v str> {
    let (_, value) = settings.iter().find(|(known, _)| known == name)?;
    Some(value)
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

    proptest::proptest! {
        #[test]
        fn any_two_texts_have_a_difference(start in "(ä b |cd ){0,150}", old in ".{0,90}", new in ".{0,90}") {
            let shown = word_diff(&format!("{start}{old}"), &format!("{start}{new}"));
            proptest::prop_assert_eq!(shown.contains("[-") || shown.contains("{+"), old != new
                || old.contains("[-") || old.contains("{+"));
        }
    }

    #[test]
    fn texts_are_as_alike_as_their_beginnings_and_ends() {
        let like = |a: &str, b: &str| likeness(&[Message::user(a)], &[Message::user(b)]);
        let long = "z".repeat(1_000);
        assert_eq!(like("abc", "abd"), 2);
        assert_eq!(like("abc", "abc"), 3);
        assert_eq!(like(&format!("a{long}b"), &format!("c{long}b")), 1_001);
        assert_eq!(like(&format!("{long}ab"), &format!("{long}b")), 1_001);
    }

    #[test]
    fn many_and_long_changes_are_cut() {
        let (old, new) = ("a b ".repeat(100), "a c ".repeat(100));
        assert!(shown(&old, &new).chars().count() < 60);
        assert!(shown("x", &"y".repeat(9_000)).chars().count() < MAX_CHANGE + 60);
    }
}
