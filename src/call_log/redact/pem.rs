//! Private keys in PEM, PGP, SSH2 and `PuTTY` armour; certificates and public keys stay.

use super::found::Found;

/// The words with which an armoured private key begins.
pub(super) const KEYWORDS: &[&str] = &["-----begin ", "---- begin ssh2 ", "putty-user-key-file-"];

/// The longest key that is looked for; a key cut off by the end of the text is found, too.
const LONGEST: usize = 64 * 1024;

/// The private key whose armour begins at `start`.
pub(super) fn find(text: &str, start: usize) -> Option<Found<'static>> {
    let rest = &text[start..];
    let rest = &rest[..floor(rest, LONGEST)];
    let (head, body) = match rest.find(['\n', '\\']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let head_only = &head[..floor(head, 80)];
    if rest.starts_with("PuTTY") {
        let private = rest.find("Private-Lines:")?;
        let end = rest[private..]
            .find("Private-MAC:")
            .map_or(rest.len(), |end| private + end);
        return Some(Found::context("private-key", start + private..start + end));
    }
    if !head_only.contains("PRIVATE KEY") && !head_only.contains("ENCRYPTED PRIVATE") {
        return None;
    }
    let end = match rest.find("-----END ").or_else(|| rest.find("---- END ")) {
        Some(at) => end_of_armour(rest, at),
        // A key in one line, or one that was cut off, is as long as its base64.
        None => cut_off(head, body)?,
    };
    Some(Found::context("private-key", start..start + end))
}

fn end_of_armour(rest: &str, at: usize) -> usize {
    let title = at + 9;
    match rest[title..].find("----") {
        Some(dashes) if dashes < 60 => {
            let dashes = title + dashes;
            dashes
                + rest[dashes..]
                    .bytes()
                    .take_while(|byte| *byte == b'-')
                    .take(5)
                    .count()
        }
        _ => title,
    }
}

fn cut_off(head: &str, body: &str) -> Option<usize> {
    let length = body
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=\\\n\r -:,".contains(byte))
        .count();
    let dense = body[..length]
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .count();
    let spaces = body[..length].bytes().filter(|byte| *byte == b' ').count();
    (dense >= 24 && spaces * 8 < dense).then_some(head.len() + length)
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
