//! Email addresses, phone numbers, US social security numbers and payment cards.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::found::Found;

/// The shortest number that is looked at, in bytes; the scanner looks at every eighth byte.
const STRIDE: usize = 8;

/// The address around the `@` at `at`.
pub(super) fn find_email(text: &str, at: usize) -> Option<Found<'static>> {
    let bytes = text.as_bytes();
    let local = bytes[..at]
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte))
        .count();
    let domain = bytes[at + 1..]
        .iter()
        .take(253)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
        .count();
    let mut start = at - local;
    while matches!(bytes.get(start), Some(b'.' | b'-' | b'%' | b'+')) {
        start += 1;
    }
    // The `n` of an escaped line break is not part of the name.
    if start > 0 && bytes[start - 1] == b'\\' && matches!(bytes[start], b'n' | b't' | b'r') {
        start += 1;
    }
    let host = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
    let name = text.get(start..at)?;
    let (labels, top) = host.rsplit_once('.')?;
    let is_address = !name.is_empty()
        && !matches!(name, "git" | "hg" | "svn")
        && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && (2..=24).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && labels.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
        && !FILE_ENDINGS.contains(&top)
        // A registry's `package@1.2.3-beta.rc` and a script's `name@host:path` are none.
        && !labels.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'x')
        && bytes.get(at + 1 + domain) != Some(&b'(');
    is_address.then(|| Found::personal("email", start..at + 1 + host.len()))
}

/// `icon@2x.png` is a file.
const FILE_ENDINGS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "ts", "css", "html", "json", "yaml",
    "yml", "toml", "rs", "py", "md", "txt", "so", "service", "local", "plist",
];

struct Patterns {
    ssn: Regex,
    card: Regex,
    phone: Regex,
}

/// `None` only when a pattern does not compile, which a test rules out.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let patterns = Patterns {
        ssn: Regex::new(r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}").ok()?,
        card: Regex::new(r"\d{4}([ -]?)\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{4}[ -]?\d{6}[ -]?\d{4,5}")
            .ok()?,
        phone: Regex::new(
            r"(?x)
            \+[1-9]\d{0,2}[\ .-]?\(?\d{1,4}\)?(?:[\ .-]?\d{2,5}){1,4}
            | (?:1[\ .-])?\([2-9]\d{2}\)\ ?[2-9]\d{2}[\ .-]\d{4}
            | (?:1-)?[2-9]\d{2}-[2-9]\d{2}-\d{4}
            | (?:1\.)?[2-9]\d{2}\.[2-9]\d{2}\.\d{4}
            | (?:1\ )?[2-9]\d{2}\ [2-9]\d{2}\ \d{4}",
        )
        .ok()?,
    };
    Some(patterns)
});

/// The digits of the shortest number of a person.
const MIN_DIGITS: usize = 9;

/// Whether `text` has enough digits for [`find_numbers`] to find anything.
pub(super) fn may_hold_numbers(text: &str) -> bool {
    text.len() >= MIN_DIGITS && text.bytes().filter(u8::is_ascii_digit).count() >= MIN_DIGITS
}

/// Every number of a person in `text`.
pub(super) fn find_numbers(text: &str, found: &mut Vec<Found<'_>>) {
    let bytes = text.as_bytes();
    let mut at = STRIDE - 1;
    let mut done = 0;
    while at < bytes.len() {
        if !in_number(bytes[at]) {
            at += STRIDE;
            continue;
        }
        let start = at
            - bytes[done..at]
                .iter()
                .rev()
                .take_while(|byte| in_number(**byte))
                .count();
        let end = at
            + bytes[at..]
                .iter()
                .take_while(|byte| in_number(**byte))
                .count();
        if bytes[start..end]
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .count()
            >= MIN_DIGITS
        {
            judge(text, start..end, found);
        }
        done = end;
        at = end + STRIDE - 1;
    }
}

fn in_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'.' | b'(' | b')' | b'+')
}

fn judge(text: &str, run: Range<usize>, found: &mut Vec<Found<'_>>) {
    let Some(patterns) = PATTERNS.as_ref() else {
        return;
    };
    let rules: [(&'static str, &Regex, Check); 3] = [
        ("payment-card", &patterns.card, is_card),
        ("ssn", &patterns.ssn, is_ssn),
        ("phone", &patterns.phone, is_phone),
    ];
    for (rule, pattern, check) in rules {
        for number in pattern.find_iter(&text[run.clone()]) {
            let range = run.start + number.start()..run.start + number.end();
            if stands_alone(text.as_bytes(), &range) && check(text, &range) {
                found.push(Found::personal(rule, range));
            }
        }
    }
}

type Check = fn(&str, &Range<usize>) -> bool;

/// A number inside of a longer number, a name, a path or a decimal is part of that.
fn stands_alone(bytes: &[u8], range: &Range<usize>) -> bool {
    let before = range.start.checked_sub(1).map(|at| bytes[at]);
    let after = bytes.get(range.end).copied();
    let next = bytes.get(range.end + 1).copied();
    let escaped = range.start >= 2 && bytes[range.start - 2] == b'\\';
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| !byte.is_ascii_digit());
    before.is_none_or(|byte| {
        escaped || !(byte.is_ascii_alphanumeric() || b"._-+/#\\".contains(&byte))
    }) && after.is_none_or(|byte| !(byte.is_ascii_alphanumeric() || b"_/+".contains(&byte)))
        && (!matches!(after, Some(b'-' | b'.')) || ends(next))
}

fn is_ssn(text: &str, range: &Range<usize>) -> bool {
    let digits = digits(&text[range.clone()]);
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    let written =
        text[range.clone()].contains('-') || follows(text, range, &["ssn", "social security"]);
    written
        && area != "000"
        && area != "666"
        && !area.starts_with('9')
        && group != "00"
        && serial != "0000"
}

fn is_phone(text: &str, range: &Range<usize>) -> bool {
    let number = &text[range.clone()];
    let count = digits(number).len();
    let announced = || {
        follows(
            text,
            range,
            &[
                "phone", "tel", "call", "mobile", "cell", "fax", "whatsapp", "sms",
            ],
        )
    };
    if number.starts_with('+') {
        return (10..=15).contains(&count) || (8..10).contains(&count) && announced();
    }
    !number.contains(' ') || number.contains('(') || announced()
}

fn is_card(text: &str, range: &Range<usize>) -> bool {
    let number = &text[range.clone()];
    let digits = digits(number);
    let issuer = match digits.as_bytes() {
        [b'4', ..] => matches!(digits.len(), 13 | 16 | 19),
        [b'5', b'1'..=b'5', ..] | [b'2', b'2'..=b'7', ..] => digits.len() == 16,
        [b'3', b'4' | b'7', ..] => digits.len() == 15,
        [b'3', b'0' | b'6' | b'8' | b'9', ..] => matches!(digits.len(), 14 | 16),
        [b'3', b'5', ..] | [b'6', b'0' | b'2' | b'4' | b'5', ..] => matches!(digits.len(), 16..=19),
        _ => false,
    };
    let separators = number.bytes().filter(|byte| !byte.is_ascii_digit()).count();
    let even =
        separators == 0 || separators >= 2 && !(number.contains(' ') && number.contains('-'));
    let varied = digits.bytes().any(|digit| digit != digits.as_bytes()[0]);
    issuer && even && varied && passes_luhn(&digits)
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0') << (index % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether one of `words` stands shortly before the number.
fn follows(text: &str, range: &Range<usize>, words: &[&str]) -> bool {
    let mut start = range.start.saturating_sub(24);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = text[start..range.start].to_ascii_lowercase();
    words.iter().any(|word| before.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(PATTERNS.is_some());
    }

    #[test]
    fn only_a_right_check_digit_passes() {
        assert!(passes_luhn(&"4242".repeat(4)));
        assert!(!passes_luhn("4242424242424241"));
    }
}
