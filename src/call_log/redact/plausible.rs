//! Whether the value of a name that marks a secret is one: code and prose about secrets stay.

use super::assignment::Tie;
use super::judge::{Makeup, is_identifier, is_path, is_reference, is_scalar, looks_random};

/// The value of `password`, `api_key`, `client_secret`, …
pub(super) fn under_certain_name(name: &str, tie: Tie, value: &str, quoted: bool) -> bool {
    if value.len() < 3 || is_reference(value) {
        return false;
    }
    let makeup = Makeup::of(value);
    match tie {
        Tie::Json => makeup.spaces < 4 && !is_about(value) && !is_working_directory(name, value),
        Tie::Query => !is_about(value),
        Tie::Column => looks_random(value, 12),
        Tie::Argument if quoted => {
            makeup.spaces == 0
                && value.len() >= 4
                && makeup.digits > 0
                && !is_path(value)
                && !is_about(value)
        }
        Tie::Argument | Tie::Prose if !quoted => is_password(value, makeup) && makeup.digits > 0,
        Tie::Element => makeup.spaces == 0 && value.len() >= 4 && !is_about(value),
        _ if quoted => {
            makeup.spaces == 0
                && value.len() >= 4
                && !is_about(value)
                && !is_path(value)
                && !is_code(value)
        }
        Tie::Flag => is_password(value, makeup),
        _ => is_password(value, makeup) || is_environment_line(name, value),
    }
}

/// The value of `token`, `auth`, `stripe_key`, …
pub(super) fn under_likely_name(name: &str, tie: Tie, value: &str, quoted: bool) -> bool {
    if is_reference(value) {
        return false;
    }
    if name.to_ascii_lowercase().ends_with("key") {
        return looks_random(value, 20) && !is_fingerprint(value) && (quoted || !is_call(value));
    }
    match tie {
        Tie::Json | Tie::Query => is_credential(value),
        _ if quoted => looks_random(value, 12),
        _ => looks_random(value, 16) && !is_call(value),
    }
}

/// What a structure's `token` must look like to be hidden: not a word of a model's vocabulary.
pub(super) fn is_credential(value: &str) -> bool {
    let makeup = Makeup::of(value);
    makeup.spaces == 0
        && !is_path(value)
        && !is_scalar(value)
        && (value.len() >= 6 && makeup.digits >= 1 && makeup.letters() >= 3
            || value.len() >= 12 && makeup.upper >= 2 && makeup.lower >= 2)
}

/// A value without quotes: words, numbers, names of a program and calls are no passwords.
fn is_password(value: &str, makeup: Makeup) -> bool {
    value.len() >= 5
        && !is_scalar(value)
        && !is_identifier(value)
        && !is_path(value)
        && !is_code(value)
        && !is_call(value)
        && !is_about(value)
        && !is_type(value)
        && (makeup.digits >= 1
            || makeup.letters() >= 3
                && (value.chars().skip(1))
                    .any(|sign| matches!(sign, '!' | '@' | '#' | '$' | '%' | '^')))
}

/// `PASSWORD=swordfish` is a line of an environment file, whatever the word.
fn is_environment_line(name: &str, value: &str) -> bool {
    value.len() >= 6
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && value.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_about(value)
}

fn is_code(value: &str) -> bool {
    value.contains(['(', '[', '{', '<', '>', ' ']) && !looks_random(value, 20)
        || value.starts_with(['&', '*', '-', '+', '|', '=', '%', ':', '\\', ',', ';', '?'])
        || value.contains("::")
        || value.contains("()")
}

/// `invalid_password` and `secret-name` speak about a secret.
fn is_about(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    is_identifier(value)
        && [
            "passw",
            "secret",
            "token",
            "key",
            "auth",
            "credential",
            "cookie",
            "field",
            "input",
            "bearer",
        ]
        .iter()
        .any(|word| lower.contains(word))
}

/// `PWD` holds the shell's directory.
pub(super) fn is_working_directory(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("pwd") && is_path(value)
}

/// A call or an index: `decode(x)`, `parts[1]`.
fn is_call(value: &str) -> bool {
    value
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_alphanumeric() && matches!(pair[1], b'(' | b'['))
}

/// `u128`, `sha256`, `base64`, `int32`, `varchar255`.
fn is_type(value: &str) -> bool {
    let letters = value.trim_end_matches(|letter: char| letter.is_ascii_digit());
    value.len() - letters.len() <= 3
        && matches!(
            letters.to_ascii_lowercase().as_str(),
            "u" | "i"
                | "f"
                | "int"
                | "uint"
                | "float"
                | "utf"
                | "sha"
                | "sha3-"
                | "sha-"
                | "md"
                | "base"
                | "varchar"
                | "char"
                | "ed"
                | "x"
                | "aes"
                | "rs"
                | "es"
                | "hs"
                | "oauth"
                | "argon"
                | "c"
                | "uuid"
                | "uuidv"
                | "bytes"
                | "string"
                | "str"
                | "utf-"
                | "aes-"
                | "bcrypt"
                | "pbkdf"
        )
}

/// A hash or a UUID under a name that only might be a secret's is an id.
fn is_fingerprint(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
