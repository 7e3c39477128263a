//! Credentials as HTTP carries them: headers, cookies, user information in URLs, `curl -u`.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::assignment::{count, is_blank};
use super::found::Found;
use super::judge::{Makeup, is_reference, is_scalar, looks_random};

/// The value of the `Authorization` header that is named before `end`.
pub(super) fn find_authorization(text: &str, end: usize) -> Option<Found<'static>> {
    let at = header_value(text.as_bytes(), end)?;
    let value = line(text, at);
    let (scheme, credential) = match text[value.clone()].split_once(' ') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme.len() + 1, rest.trim_start()),
        _ => (0, &text[value.clone()]),
    };
    let start = value.end - credential.len().min(value.len() - scheme.min(value.len()));
    let hides = if scheme > 0 {
        credential.len() >= 3 && !is_reference(credential) && !is_sentence(credential)
    } else {
        credential.len() >= 6
            && !credential.contains([' ', '(', '['])
            && !is_reference(credential)
            && Makeup::of(credential).digits > 0
    };
    hides.then(|| Found::context("authorization", start..value.end))
}

/// `Bearer …` and `Token …` outside of a header; "bearer of news" is none.
pub(super) fn find_bearer(text: &str, end: usize) -> Option<Found<'static>> {
    let range = credential_after(text, end)?;
    let token = &text[range.clone()];
    let makeup = Makeup::of(token);
    let hides =
        token.len() >= 8 && makeup.digits >= 1 && makeup.letters() >= 1 && !is_reference(token)
            || looks_random(token, 16);
    hides.then(|| Found::context("bearer-token", range))
}

/// `Basic …` when it decodes to `user:password`.
pub(super) fn find_basic(text: &str, end: usize) -> Option<Found<'static>> {
    let range = credential_after(text, end)?;
    let credential = text[range.clone()].trim_end_matches('=');
    let decoded = STANDARD_NO_PAD
        .decode(credential)
        .or_else(|_| URL_SAFE_NO_PAD.decode(credential))
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let hides =
        credential.len() >= 6 && decoded.contains(':') && !decoded.chars().any(char::is_control);
    hides.then(|| Found::context("basic-auth", range))
}

/// The value of the `Cookie` or `Set-Cookie` header that is named before `end`.
pub(super) fn find_cookie(text: &str, end: usize) -> Option<Found<'static>> {
    let value = line(text, header_value(text.as_bytes(), end)?);
    let (name, content) = text[value.clone()].split_once('=')?;
    let is_pair = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-$%*!#+^|~".contains(&byte))
        && content.len() >= 2
        && !is_reference(content);
    is_pair.then(|| Found::context("cookie", value))
}

/// The password in the user information of the URL whose `://` ends at `end`.
pub(super) fn find_user_info(text: &str, end: usize) -> Option<Found<'static>> {
    let bytes = text.as_bytes();
    let length = count(bytes, end, 512, |byte| {
        !byte.is_ascii_whitespace() && !b"/?#\"'<>`\\,|".contains(&byte)
    });
    let authority = &text[end..end + length];
    let info = &authority[..authority.rfind('@')?];
    let password = match info.split_once(':') {
        Some((_, password)) => password,
        None if looks_random(info, 20) => info,
        None => return None,
    };
    let start = end + info.len() - password.len();
    let stand_in = matches!(
        password.to_ascii_lowercase().as_str(),
        "password" | "pass" | "passwd" | "pwd" | "pw" | "p" | "***" | "****"
    );
    let hides = !password.is_empty()
        && !stand_in
        && !password.starts_with(['$', '{', '<', '%', '['])
        && !password.contains("<REDACTED:");
    hides.then(|| Found::context("url-password", start..start + password.len()))
}

/// The password of `curl -u user:password`, whose option ends at `end`.
pub(super) fn find_user_option(text: &str, end: usize) -> Option<Found<'static>> {
    let bytes = text.as_bytes();
    let line = &bytes[end.saturating_sub(300)..end];
    memchr::memmem::find(line, b"curl").or_else(|| memchr::memmem::find(line, b"http"))?;
    let at = end
        + count(bytes, end, 20, |byte| {
            is_blank(byte) || b"=\"'\\".contains(&byte)
        });
    let length = count(bytes, at, 400, |byte| {
        !byte.is_ascii_whitespace() && !b"\"'`\\|<>".contains(&byte)
    });
    let (user, password) = text[at..at + length].split_once(':')?;
    let hides =
        user.len() < 200 && password.len() >= 3 && !is_scalar(password) && !is_reference(password)
            || password.is_empty() && looks_random(user, 16);
    let start = if password.is_empty() {
        at
    } else {
        at + user.len() + 1
    };
    hides.then(|| {
        Found::context(
            "curl-user",
            start
                ..start
                    + password
                        .len()
                        .max(if password.is_empty() { user.len() } else { 0 }),
        )
    })
}

/// Where the value begins when a header's `:` (or `=`, `,` between strings) follows at `end`.
fn header_value(bytes: &[u8], end: usize) -> Option<usize> {
    let closed = end + count(bytes, end, 8, |byte| b"\\\"'`]*)".contains(&byte));
    let at = closed + count(bytes, closed, 8, is_blank);
    let length = match bytes.get(at..)? {
        [b'=', b'>', ..] | [b':', b':' | b'=', ..] => 2,
        [b':' | b'=', ..] => 1,
        [b',', ..] if closed > end => 1,
        _ => return None,
    };
    let at = at + length;
    Some(
        at + count(bytes, at, 24, |byte| {
            is_blank(byte) || b"\\\"'`[*".contains(&byte)
        }),
    )
}

/// From `at` to the end of the line or of the string.
fn line(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut length = count(bytes, at, 8192, |byte| !b"\r\n\"'`<>".contains(&byte));
    if let Some(escape) = memchr::memchr(b'\\', &bytes[at..at + length]) {
        length = escape;
    }
    let value = &text[at..at + length];
    at..at
        + value
            .trim_end_matches([' ', '\t', ',', ')', ']', '}'])
            .len()
}

/// The token after a scheme's name that ends at `end`.
fn credential_after(text: &str, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let rest = bytes.get(end..)?;
    let gap = match rest {
        [b'%', b'2', b'0', ..] => 3,
        [b' ' | b'\t' | b':' | b'=', ..] => count(bytes, end, 6, |byte| {
            is_blank(byte) || b":=\"'".contains(&byte)
        }),
        _ => return None,
    };
    let at = end + gap;
    let length = count(bytes, at, 16384, |byte| {
        byte.is_ascii_alphanumeric() || b"-._~+/=:".contains(&byte)
    });
    let token = text[at..at + length].trim_end_matches(['.', ':', '-', ',']);
    Some(at..at + token.len())
}

fn is_scheme(word: &str) -> bool {
    [
        "bearer",
        "basic",
        "token",
        "digest",
        "apikey",
        "negotiate",
        "ntlm",
        "hawk",
        "oauth",
        "key",
        "jwt",
        "bot",
        "aws4-hmac-sha256",
        "sharedkey",
        "splunk",
        "sso-key",
        "genie-key",
        "ghapp",
        "dpop",
        "api-key",
    ]
    .iter()
    .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// `Authorization: Bearer tokens are sent …` is prose.
fn is_sentence(text: &str) -> bool {
    let makeup = Makeup::of(text);
    makeup.digits == 0
        && makeup.changes < 3
        && (makeup.spaces > 0 && !text.contains('=')
            || super::keys::lists(
                "token tokens auth authentication authorization scheme header credentials access realm",
                text,
            ))
}
