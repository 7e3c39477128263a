//! `name = value` wherever the name marks a secret: code, configuration, JSON, XML, YAML, CSV,
//! shell, URLs and prose.
//!
//! The scanner finds the word; this module finds the name around it, the operator behind it and
//! the value, and asks [`plausible`](super::plausible) whether the value is worth hiding.

use std::ops::Range;

use super::found::Found;
use super::keys::{KeyNames, Secrecy};
use super::plausible;

/// The rule's name.
pub(super) const RULE: &str = "secret-key";
/// No value is looked at beyond this many bytes.
const LONGEST_VALUE: usize = 8192;

/// How name and value are tied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// `"name": "value"`, also with escaped quotes.
    Json,
    /// `name = value`, `name: value`, `name => value`.
    Assignment,
    /// `?name=value`.
    Query,
    /// `--name value`.
    Flag,
    /// `<name>value</name>`.
    Element,
    /// `name("value")`, `PASSWORD 'value'`.
    Argument,
    /// `name, value` and `name | value`.
    Column,
    /// `name is value`.
    Prose,
}

/// A value, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) range: Range<usize>,
    pub(super) quoted: bool,
}

/// The whole name around the word at `word`.
pub(super) fn name_around(text: &str, word: &Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let word = without_operator(bytes, word.clone());
    let mut start = word.start;
    while start > 0 && word.start - start < 80 && in_name(bytes[start - 1]) {
        start -= 1;
    }
    if start > 0 && bytes[start - 1] == b'\\' && matches!(bytes[start], b'n' | b'r' | b't') {
        start += 1;
    }
    let mut end = word.end;
    while end < bytes.len() && end - word.end < 80 && in_name(bytes[end]) {
        end += 1;
    }
    start.min(word.start)..end
}

/// A keyword may bring along what stands around the name, as `?sig=` does.
fn without_operator(bytes: &[u8], mut word: Range<usize>) -> Range<usize> {
    while word.start < word.end && !in_name(bytes[word.start]) {
        word.start += 1;
    }
    while word.start < word.end && !in_name(bytes[word.end - 1]) {
        word.end -= 1;
    }
    word
}

/// The secret values assigned to `name`.
pub(super) fn find(text: &str, name: &Range<usize>, keys: &KeyNames, found: &mut Vec<Found<'_>>) {
    let Some((tie, at)) = tie(text.as_bytes(), name) else {
        return;
    };
    let written = text[name.clone()].trim_start_matches('-');
    if tie == Tie::Json && text.as_bytes().get(at) == Some(&b'[') {
        if keys.classify(written) == Secrecy::Certain {
            find_list(text, at, found);
        }
        return;
    }
    let Some(value) = value(text, at, tie) else {
        return;
    };
    let tie = if tie == Tie::Json && !value.quoted {
        Tie::Assignment
    } else {
        tie
    };
    let hides = match keys.classify(written) {
        Secrecy::Public if tie == Tie::Query && is_signature(written) => {
            value.range.len() >= 16 && !value.quoted
        }
        Secrecy::Public => false,
        Secrecy::Likely => {
            plausible::under_likely_name(written, tie, &text[value.range.clone()], value.quoted)
        }
        Secrecy::Certain => {
            plausible::under_certain_name(written, tie, &text[value.range.clone()], value.quoted)
        }
    };
    if hides {
        found.push(Found::context(RULE, value.range));
    }
}

/// The signature in a link gives access to what the link points to.
fn is_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "sig" || name.ends_with("signature")
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// What ties the name to its value, and where the value begins.
fn tie(bytes: &[u8], name: &Range<usize>) -> Option<(Tie, usize)> {
    let before = name.start.checked_sub(1).map_or(b'\n', |at| bytes[at]);
    let flag = bytes[name.start] == b'-';
    let closed = name.end + count(bytes, name.end, 8, |byte| b"\\\"'`])*".contains(&byte));
    let quoted_name = closed > name.end && matches!(before, b'"' | b'\'' | b'`');
    let gap = count(bytes, closed, 60, is_blank);
    let at = closed + gap;
    let rest = &bytes[at.min(bytes.len())..];
    let operator = operator(rest);
    let (tie, at) = match (operator, rest) {
        (Some(length), [b'=', next, ..])
            if matches!(before, b'?' | b'&' | b';') && *next != b'=' =>
        {
            return Some((Tie::Query, at + length));
        }
        (Some(length), _) if quoted_name => (Tie::Json, at + length),
        (Some(length), _) => (Tie::Assignment, skip_type(bytes, at + length)),
        (None, [b'>', ..]) if before == b'<' || quoted_name => (Tie::Element, at + 1),
        (None, [b'(', b'"' | b'\'', ..]) if closed == name.end => (Tie::Argument, at + 1),
        (None, [b'\'' | b'"', ..]) if gap > 0 && is_upper_case(&bytes[name.clone()]) => {
            (Tie::Argument, at)
        }
        (None, [b',' | b'|' | b';' | b'\t', ..]) => (Tie::Column, at + 1),
        (None, [b'i', b's', b' ' | b':', ..]) if gap > 0 => (Tie::Prose, at + 3),
        (None, [b'v', b'a', b'l', b'u', b'e', b'=', ..]) if gap > 0 => (Tie::Assignment, at + 6),
        (None, [b'\n', ..]) => (Tie::Assignment, value_line(bytes, at)?),
        (None, [_, ..]) if flag && gap > 0 => (Tie::Flag, at),
        (None, [b's', b't', b'r', b'i', b'n', b'g', b' ', b'=', ..]) if gap > 0 => {
            (Tie::Assignment, at + 8)
        }
        (None, [_, ..]) if gap > 0 && is_login_line(bytes, name.start) => (Tie::Flag, at),
        _ => return None,
    };
    Some((tie, at + count(bytes, at, 60, is_blank)))
}

/// The length of `=`, `:`, `:=`, `=>`, `==`, `||=`, `?=`, `+=`, `->` and of what is around them.
fn operator(rest: &[u8]) -> Option<usize> {
    match rest {
        [b':', b':', ..] => None,
        [b'=', b'=', b'=', ..]
        | [b'|', b'|', b'=', ..]
        | [b':' | b'=', b'*', b'*', ..]
        | [b'%', b'3', b'D' | b'd' | b'A' | b'a', ..] => Some(3),
        [b':' | b'?' | b'+' | b'!', b'=', ..] | [b'=', b'>' | b'=', ..] | [b'<', b'-', ..] => {
            Some(2)
        }
        [b':' | b'=', ..] => Some(1),
        _ => None,
    }
}

/// Passes a type between `:` and `=`, as in `password: str = "…"`.
fn skip_type(bytes: &[u8], at: usize) -> usize {
    let length = count(bytes, at, 40, |byte| {
        byte.is_ascii_alphanumeric() || b" &[]<>'._|?:".contains(&byte)
    });
    let named = bytes[at..at + length].iter().any(u8::is_ascii_alphabetic);
    match &bytes[at + length..] {
        [b'=', next, ..] if named && *next != b'=' && *next != b'>' => at + length + 1,
        _ => at,
    }
}

/// `- name: API_KEY` goes on with `value: …` in the next line.
fn value_line(bytes: &[u8], line_end: usize) -> Option<usize> {
    let at = line_end + 1;
    let at = at + count(bytes, at, 40, |byte| is_blank(byte) || byte == b'-');
    bytes[at..].starts_with(b"value:").then_some(at + 6)
}

/// `.netrc` separates by blanks: `login me password …`.
fn is_login_line(bytes: &[u8], at: usize) -> bool {
    let line = &bytes[at.saturating_sub(160)..at];
    let line = line
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    memchr::memmem::find(line, b"login ").is_some()
        && memchr::memmem::find(line, b"machine ").is_some()
}

/// The value that begins at `at`.
fn value(text: &str, at: usize, tie: Tie) -> Option<Value> {
    let bytes = text.as_bytes();
    if tie == Tie::Element {
        let length = count(bytes, at, LONGEST_VALUE, |byte| {
            byte != b'<' && byte != b'\n'
        });
        let range = at..at + length;
        return (bytes.get(range.end) == Some(&b'<')).then_some(Value {
            range,
            quoted: true,
        });
    }
    let at = skip_string_prefix(bytes, at);
    match quote(bytes, at) {
        Some((escapes, mark)) => quoted(bytes, at, escapes, mark),
        None => Some(bare(text, at, tie)),
    }
}

/// `r"`, `b'`, `@"`, `f"`: the letters before a quote.
fn skip_string_prefix(bytes: &[u8], at: usize) -> usize {
    let letters = count(bytes, at, 2, |byte| b"rbfuRBFUL@".contains(&byte));
    match bytes.get(at + letters) {
        Some(b'"' | b'\'') => at + letters,
        _ => at,
    }
}

/// The quote at `at` and how many backslashes escape it.
fn quote(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let escapes = count(bytes, at, 15, |byte| byte == b'\\');
    match bytes.get(at + escapes)? {
        mark @ (b'"' | b'\'' | b'`') => Some((escapes, *mark)),
        _ => None,
    }
}

fn quoted(bytes: &[u8], at: usize, escapes: usize, mark: u8) -> Option<Value> {
    let mut start = at + escapes + 1;
    if bytes[start..].starts_with(&[mark, mark]) {
        start += 2;
    }
    let mut slashes = 0;
    for (length, byte) in bytes.get(start..)?.iter().take(LONGEST_VALUE).enumerate() {
        match *byte {
            b'\\' => slashes += 1,
            byte if byte == mark && closes(slashes, escapes) => {
                let end = start + length - slashes.min(escapes);
                return Some(Value {
                    range: start..end,
                    quoted: true,
                });
            }
            b'\n' => return None,
            _ => slashes = 0,
        }
    }
    None
}

/// A quote inside of a string has more backslashes than the quotes around it.
fn closes(slashes: usize, escapes: usize) -> bool {
    if escapes == 0 {
        slashes.is_multiple_of(2)
    } else {
        slashes <= escapes
    }
}

fn bare(text: &str, at: usize, tie: Tie) -> Value {
    let bytes = text.as_bytes();
    let at = skip_scheme(bytes, at);
    let ends: &[u8] = match tie {
        Tie::Query => b"\"'<>`&#;)]}",
        Tie::Flag => b"\"'<>`|;",
        _ => b"\"'<>,;&`|",
    };
    let mut length = count(bytes, at, LONGEST_VALUE, |byte| {
        !byte.is_ascii_whitespace() && !ends.contains(&byte)
    });
    if let Some(escape) = (0..length).find(|offset| {
        bytes[at + offset] == b'\\'
            && bytes
                .get(at + offset + 1)
                .is_some_and(|next| b"nrt\"'".contains(next))
    }) {
        length = escape;
    }
    let value = &text[at..at + length];
    let trimmed = value.trim_end_matches(['.', ',', ';', ':', ')', ']', '}', '\\', '*', '?']);
    Value {
        range: at..at + trimmed.len(),
        quoted: false,
    }
}

/// `token: Bearer …` has its value after the scheme.
fn skip_scheme(bytes: &[u8], at: usize) -> usize {
    for scheme in ["bearer ", "basic ", "token "] {
        let end = at + scheme.len();
        if bytes
            .get(at..end)
            .is_some_and(|word| word.eq_ignore_ascii_case(scheme.as_bytes()))
        {
            return end;
        }
    }
    at
}

/// Every string of the JSON list that begins at `at`.
fn find_list(text: &str, at: usize, found: &mut Vec<Found<'_>>) {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (at, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => depth += 1,
            b']' if depth <= 1 => return,
            b']' => depth -= 1,
            b'"' | b'\\' => {
                let value =
                    quote(bytes, at).and_then(|(escapes, mark)| quoted(bytes, at, escapes, mark));
                let Some(value) = value else { return };
                at = value.range.end + count(bytes, value.range.end, 15, |byte| byte == b'\\');
                if !text[value.range.clone()].contains("<REDACTED:") {
                    found.push(Found::context(RULE, value.range));
                }
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return,
        }
        at += 1;
    }
}

pub(super) fn count(bytes: &[u8], at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
    bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(most)
        .take_while(|byte| fits(**byte))
        .count()
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_upper_case(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
}
