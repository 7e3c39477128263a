//! Tries a token shape where its keyword stands, also when a line break splits the token.

use std::ops::Range;

use super::found::{Found, Rank};
use super::judge::{Makeup, looks_random};
use super::shapes::Shape;

/// No token that breaks over lines is longer.
const LONGEST_SPLIT: usize = 2048;

/// The token of `shape` whose keyword begins at `keyword`.
pub(super) fn find(text: &str, keyword: usize, shape: &'static Shape) -> Option<Found<'static>> {
    let start = keyword.checked_sub(shape.form.lead)?;
    if !text.is_char_boundary(start) || !begins_a_word(text.as_bytes(), start) {
        return None;
    }
    let plain = find_in(&text[start..], shape);
    let run = token_run(&text.as_bytes()[start..]);
    let found = match (line_break(&text.as_bytes()[start + run..]), &plain) {
        (Some(_), None) => find_split(text, start, shape),
        (Some(_), Some(found)) if found.end == run => find_split(text, start, shape).or(plain),
        _ => plain,
    }?;
    Some(Found {
        range: start + found.start..start + found.end,
        rule: shape.form.rule,
        rank: Rank::Shape,
    })
}

fn find_in(text: &str, shape: &Shape) -> Option<Range<usize>> {
    let captures = shape.regex()?.captures(text)?;
    let all = captures.get(0)?;
    let found = captures.get(1).unwrap_or(all);
    let ends = text
        .as_bytes()
        .get(all.end())
        .is_none_or(|next| !next.is_ascii_alphanumeric());
    let fits = !shape.form.must_look_random || is_loose_token(found.as_str());
    (ends && fits).then(|| found.range())
}

/// Some run between hyphens has to look made by a generator: `sk-ant-our-style-guide` is prose.
fn is_loose_token(token: &str) -> bool {
    let makeup = Makeup::of(token);
    makeup.digits >= 1
        && makeup.letters() >= 4
        && (makeup.digits >= 3 || makeup.changes >= 4)
        && token
            .split(['-', '_', '.'])
            .any(|part| part.len() >= 8 && (Makeup::of(part).changes >= 1 || looks_random(part, 8)))
}

/// The token as it would be without the line breaks inside.
fn find_split(text: &str, start: usize, shape: &Shape) -> Option<Range<usize>> {
    let bytes = &text.as_bytes()[start..text.len().min(start + LONGEST_SPLIT)];
    let mut joined = String::new();
    // Where each run of `joined` begins there and in `bytes`.
    let mut runs = Vec::new();
    let mut at = 0;
    loop {
        let run = token_run(&bytes[at..]);
        if run == 0 || !runs.is_empty() && !continues(&bytes[at..at + run]) {
            break;
        }
        runs.push((joined.len(), at));
        joined.push_str(std::str::from_utf8(&bytes[at..at + run]).ok()?);
        at += run;
        match line_break(&bytes[at..]) {
            Some(gap) => at += gap,
            None => break,
        }
    }
    if runs.len() < 2 {
        return None;
    }
    let found = find_in(&joined, shape)?;
    let original = |offset: usize| {
        let run = runs.iter().rev().find(|(joined, _)| *joined <= offset)?;
        Some(run.1 + offset - run.0)
    };
    Some(original(found.start)?..original(found.end.checked_sub(1)?)? + 1)
}

/// Whether a run at the beginning of a line can be the rest of a token and not a word.
fn continues(run: &[u8]) -> bool {
    let run = std::str::from_utf8(run).unwrap_or_default();
    let makeup = Makeup::of(run);
    run.len() >= 4 && makeup.digits >= 1 && makeup.letters() >= 1 && makeup.symbols <= 2
        || makeup.upper >= 3 && makeup.lower >= 3 && makeup.changes >= 3
}

fn token_run(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"_-.+/=~".contains(byte)))
        .unwrap_or(bytes.len())
}

/// The length of a line break, real or written as `\n`, with the indentation after it.
fn line_break(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    if bytes.first() == Some(&b'\\') && bytes.get(1).is_some_and(|next| b"\r\n".contains(next)) {
        length += 1;
    }
    let rest = &bytes[length..];
    length += if rest.starts_with(b"\r\n") {
        2
    } else if rest.starts_with(b"\n") {
        1
    } else if rest.starts_with(b"\\r\\n") {
        4
    } else if rest.starts_with(b"\\n") {
        2
    } else {
        return None;
    };
    let indent = bytes[length..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    Some(length + indent)
}

/// Whether no word runs into `at`: escapes (`\n`, `%3D`, `\u003d`) end one.
pub(super) fn begins_a_word(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|index| bytes[index]);
    match before(1) {
        None => true,
        Some(letter) if !letter.is_ascii_alphanumeric() => true,
        Some(letter) if before(2) == Some(b'\\') => matches!(letter, b'n' | b'r' | b't'),
        Some(letter) => {
            letter.is_ascii_hexdigit()
                && before(2).is_some_and(|letter| letter.is_ascii_hexdigit())
                && before(3) == Some(b'%')
        }
    }
}
