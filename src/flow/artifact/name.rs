//! Names that every file system takes, and that lead nowhere else.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::fingerprint;

/// Leaves room for a number and an extension below the 143 bytes of the strictest file systems.
const MAX_BYTES: usize = 100;

/// What names are made of: letters of all scripts with their marks, digits, `.`, `_` and `-`.
static STRANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let visible = r"[^[\p{L}\p{M}\p{N}._\-&&[^\p{Default_Ignorable_Code_Point}]]]+";
    Regex::new(visible).ok()
});

/// Names of devices on Windows, with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// `chosen` as the name of a file without its extension; that of the document where nothing is left.
pub(super) fn safe_stem(chosen: &str, extension: &str, document_id: &str) -> String {
    let named = |text: &str| plain(without_extension(text.trim(), extension));
    named(chosen)
        .or_else(|| named(document_id))
        .unwrap_or_else(|| "document".to_owned())
}

/// Models name the whole file at times, and the id of a file is its whole path.
fn without_extension<'a>(name: &'a str, extension: &str) -> &'a str {
    let Some((stem, ending)) = name.rsplit_once('.') else {
        return name;
    };
    if ending.eq_ignore_ascii_case(extension) {
        stem
    } else {
        name
    }
}

fn plain(text: &str) -> Option<String> {
    let outer = |c: char| matches!(c, '.' | '-' | ' ');
    let replaced = match STRANGE.as_ref() {
        Some(strange) => strange.replace_all(text, "-").into_owned(),
        None => text.replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
    };
    let mut name = replaced.trim_matches(outer).to_owned();
    if !name.contains(char::is_alphanumeric) {
        return None;
    }
    if is_device(&name) {
        name.insert(0, '_');
    }
    if name.len() > MAX_BYTES {
        let hash = fingerprint::short(&Sha256::digest(text.as_bytes())[..4]);
        let mut end = MAX_BYTES - hash.len() - 1;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name = format!("{}-{hash}", name[..end].trim_end_matches(outer));
    }
    Some(name)
}

fn is_device(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default().to_lowercase();
    let port = first.strip_prefix("com").or(first.strip_prefix("lpt"));
    let is_port = port.is_some_and(|number| {
        let mut characters = number.chars();
        let digit = characters
            .next()
            .is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
        digit && characters.next().is_none()
    });
    is_port || DEVICES.contains(&first.as_str())
}

/// How names are compared where the case of letters does not count.
pub(super) fn folded(file: &str) -> String {
    file.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::safe_stem;

    #[test]
    fn what_a_model_chose_becomes_a_plain_name() {
        for (chosen, expected) in [
            ("../../x", "x"),
            ("/etc/passwd", "etc-passwd"),
            (r"..\..\windows\system32", "windows-system32"),
            ("C:\\x", "C-x"),
            ("tides.md", "tides"),
            ("Tides.MD", "Tides"),
            (".hidden", "hidden"),
            ("-rf", "rf"),
            ("trailing. . ", "trailing"),
            ("nul", "_nul"),
            ("Com1.tar", "_Com1.tar"),
            ("lpt\u{b9}", "_lpt\u{b9}"),
            ("console", "console"),
            ("a\0b\nc\u{202e}d", "a-b-c-d"),
            ("zero\u{200b}width", "zero-width"),
            ("\u{3164}", "doc-1"),
            ("Flut & Ebbe: Überblick", "Flut-Ebbe-Überblick"),
            ("潮汐 表", "潮汐-表"),
            ("हिन्दी", "हिन्दी"),
            ("🌊", "doc-1"),
            ("", "doc-1"),
            ("..", "doc-1"),
            ("___", "doc-1"),
            ("{{ name }}$(rm)`x`", "name-rm-x"),
        ] {
            assert_eq!(safe_stem(chosen, "md", "doc/1"), expected, "{chosen:?}");
        }
        assert_eq!(safe_stem("", "md", "../"), "document");
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_different() {
        let name = |last: char| safe_stem(&format!("{}{last}", "潮".repeat(200)), "md", "1");
        assert!(
            name('a').len() <= 100 && name('a') != name('b'),
            "{}",
            name('a')
        );
    }
}
