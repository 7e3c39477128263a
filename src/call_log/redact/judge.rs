//! Whether a value looks like a credential. Asked only by a rule that already has a reason.

use super::keys::lists;

/// Shannon entropy in bits for each byte.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

/// What kinds of bytes a value has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Makeup {
    pub(super) digits: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    /// Neither letter, digit, `_`, `-` nor `.`.
    pub(super) symbols: usize,
    pub(super) spaces: usize,
    /// Neighbours of different kinds, where kinds are digit, lower and upper case.
    pub(super) changes: usize,
}

impl Makeup {
    pub(super) fn of(value: &str) -> Self {
        let mut makeup = Self::default();
        let mut previous = 0_u8;
        for byte in value.bytes() {
            let kind = match byte {
                b'0'..=b'9' => {
                    makeup.digits += 1;
                    1
                }
                b'a'..=b'z' => {
                    makeup.lower += 1;
                    2
                }
                b'A'..=b'Z' => {
                    makeup.upper += 1;
                    3
                }
                b'_' | b'-' | b'.' => 0,
                _ if byte.is_ascii_whitespace() => {
                    makeup.spaces += 1;
                    0
                }
                _ => {
                    makeup.symbols += 1;
                    0
                }
            };
            // A capital that begins a word is no change of kind.
            if kind != 0 && previous != 0 && kind != previous && !(previous == 3 && kind == 2) {
                makeup.changes += 1;
            }
            previous = kind;
        }
        makeup
    }

    pub(super) fn letters(self) -> usize {
        self.lower + self.upper
    }
}

/// Long, mixed and without words: what a generator made.
pub(super) fn looks_random(value: &str, min_length: usize) -> bool {
    if value.len() < min_length || is_reference(value) {
        return false;
    }
    let makeup = Makeup::of(value);
    let mixed = makeup.digits >= 2 && makeup.letters() >= 2 && makeup.changes >= 3
        || makeup.lower >= 4 && makeup.upper >= 4 && makeup.changes >= 5;
    mixed && makeup.spaces == 0 && !is_path(value) && entropy(value) >= 2.9
}

/// Whether `value` stands for a secret that is elsewhere, or for none at all.
pub(super) fn is_reference(value: &str) -> bool {
    let inner = value.trim_matches(|letter: char| !letter.is_alphanumeric());
    let lower = inner.to_ascii_lowercase();
    value.starts_with(['$', '<', '{', '[', '('])
        || value.starts_with("%(")
        || value.starts_with("%s")
        || value.contains("{{")
        || value.contains("${")
        || value.contains("<REDACTED:")
        || value.contains("...")
        || value.contains('…')
        || value.starts_with('%') && value.ends_with('%')
        || inner.len() < 2
        || is_one_letter(inner)
        || lists(STAND_INS, lower.as_str())
        || [
            "your",
            "my-",
            "my_",
            "example",
            "placeholder",
            "changeme",
            "change_me",
            "change-me",
            "insert",
            "replace",
            "dummy",
            "xxxx",
            "todo",
            "process.env",
            "os.environ",
            "env.",
            "secrets.",
            "vars.",
        ]
        .iter()
        .any(|stem| lower.starts_with(stem))
}

fn is_one_letter(value: &str) -> bool {
    let mut letters = value.bytes();
    letters
        .next()
        .is_some_and(|first| letters.all(|letter| letter.eq_ignore_ascii_case(&first)))
}

/// Words that documentation writes where a secret would be.
const STAND_INS: &str = "\
    none null nil true false undefined string str bytes text yes no on off required optional \
    invalid missing empty unknown redacted hidden masked removed password passwd pass pwd secret \
    token key apikey api_key api-key value username credentials bearer basic default any object \
    function boolean number integer option prompt env self user test_password dev";

/// `/usr/lib`, `./x`, `a/b/c.txt`, `https://…`.
pub(super) fn is_path(value: &str) -> bool {
    value.starts_with(['/', '.', '~'])
        || value.contains("://")
        || value.contains('/')
            && value
                .split('/')
                .all(|part| part.len() < 24 && Makeup::of(part).changes < 3)
}

/// Whether `value` is a number, a version, a duration, a boolean or a null.
pub(super) fn is_scalar(value: &str) -> bool {
    value.bytes().all(|byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b',' | b':' | b'e' | b'_')
    }) || value.parse::<f64>().is_ok()
        || matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "none" | "nil" | "yes" | "no" | "on" | "off"
        )
}

/// `config.api_key`, `self.token`, `Vec::new`: names of a program, not a value.
pub(super) fn is_identifier(value: &str) -> bool {
    let makeup = Makeup::of(value);
    value.contains("::")
        || value.contains("->")
        || makeup.symbols == 0
            && value
                .split(['.', '-', '_'])
                .all(|part| part.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_generator_made_is_told_from_words() {
        assert!(looks_random("q8Zr2LmX0vTn4BwY", 16));
        assert!(looks_random("9f86d081884c7d659a2feaa0c55ad015", 16));
        assert!(!looks_random("my-first-long-token", 16));
        assert!(!looks_random("/usr/share/doc/python3", 16));
        assert!(!looks_random("SomeLongTypeName", 16));
    }
}
