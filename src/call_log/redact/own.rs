//! The secrets that this process holds: registered keys and the values of secret-looking
//! environment variables, found verbatim, JSON-escaped, URL-encoded and in base64.

use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::found::{Found, Rank, placeholder};
use super::judge::{Makeup, is_path, is_reference, is_scalar};
use super::keys::{KeyNames, Secrecy};
use crate::secret;

/// The rule's name.
pub(super) const RULE: &str = "own-secret";

/// Finds the process's own secrets; follows what is registered later.
pub(super) struct OwnSecrets {
    environment: Vec<SecretString>,
    current: RwLock<Arc<Matcher>>,
}

/// What is looked for as of one version of the registered secrets.
#[derive(Default)]
pub(super) struct Matcher {
    pub(super) version: u64,
    automaton: Option<AhoCorasick>,
}

impl std::fmt::Debug for OwnSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnSecrets").finish_non_exhaustive()
    }
}

impl OwnSecrets {
    /// The secrets of this process and of its environment as it is now.
    pub(super) fn of_process() -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .flat_map(|(name, value)| secrets_of_variable(&name, &value))
            .map(SecretString::from)
            .collect::<Vec<_>>();
        let current = RwLock::new(Arc::new(Matcher::new(&environment)));
        Self {
            environment,
            current,
        }
    }

    /// The matcher for everything that is registered by now.
    pub(super) fn matcher(&self) -> Arc<Matcher> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        if current.version == secret::version() {
            return current;
        }
        let fresh = Arc::new(Matcher::new(&self.environment));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        fresh
    }
}

impl Matcher {
    fn new(environment: &[SecretString]) -> Self {
        // The version comes first: a secret registered in between makes this matcher stale.
        let version = secret::version();
        let registered = secret::all();
        let mut forms = Vec::new();
        for secret in registered.iter().chain(environment) {
            let secret = secret.expose_secret();
            // A word of a placeholder would be replaced for ever.
            if secret.len() >= secret::MIN_LENGTH && !placeholder(RULE).contains(secret) {
                add_forms(secret, &mut forms);
            }
        }
        forms.sort_unstable();
        forms.dedup();
        let automaton = (!forms.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    .build(&forms)
                    .ok()
            })
            .flatten();
        Self { version, automaton }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.automaton.as_ref().is_some_and(|automaton| {
            text.len() >= automaton.min_pattern_len() && automaton.is_match(text)
        })
    }

    pub(super) fn find(&self, text: &str, found: &mut Vec<Found<'_>>) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        found.extend(automaton.find_iter(text).map(|hit| Found {
            range: hit.start()..hit.end(),
            rule: RULE,
            rank: Rank::Own,
        }));
    }
}

/// What is worth hiding in a variable: its value, the password in it, or the values of the headers
/// that it lists for a receiver of telemetry (`OTEL_EXPORTER_OTLP_HEADERS`: `name=value,…`).
fn secrets_of_variable(name: &str, value: &str) -> Vec<String> {
    if !(name.starts_with("OTEL_") && name.ends_with("_HEADERS")) {
        return secret_of_variable(name, value).into_iter().collect();
    }
    value
        .split(',')
        .filter_map(|header| header.split_once('='))
        .filter_map(|(name, value)| {
            let decoded = percent_decoded(value.trim());
            let token = decoded.rsplit(' ').next().unwrap_or_default().to_owned();
            let is_named = secret::names_a_secret(name.trim());
            let looks_so = Makeup::of(&token).digits > 0 && token.len() >= 2 * secret::MIN_LENGTH;
            let is_hidden = looks_so || (is_named && token.len() >= secret::MIN_LENGTH);
            is_hidden.then_some(token)
        })
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2);
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        } else {
            bytes.push(b'%');
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of a variable, or the password in it, when it is worth hiding.
fn secret_of_variable(name: &str, value: &str) -> Option<String> {
    if let Some(found) = value
        .find("://")
        .and_then(|at| super::http::find_user_info(value, at + 3))
    {
        return Some(value[found.range].to_owned());
    }
    let secret = value.len() >= secret::MIN_LENGTH
        && KeyNames::default().classify(name) >= Secrecy::Likely
        && !is_scalar(value)
        && !is_path(value)
        && !is_reference(value)
        && !is_word(value);
    secret.then(|| value.to_owned())
}

fn is_word(value: &str) -> bool {
    let makeup = Makeup::of(value);
    makeup.letters() + makeup.spaces == value.len() && makeup.changes < 3
}

/// The ways in which `secret` can be written.
fn add_forms(secret: &str, forms: &mut Vec<String>) {
    forms.push(secret.to_owned());
    let json = serde_json::Value::from(secret).to_string();
    forms.push(json[1..json.len() - 1].to_owned());
    for hexadecimal in ["0123456789ABCDEF", "0123456789abcdef"] {
        forms.push(url_encoded(secret, hexadecimal));
        forms.push(url_encoded(secret, hexadecimal).replace("%20", "+"));
    }
    for shift in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            forms.extend(base64_inside(secret, shift, engine));
        }
    }
}

fn url_encoded(text: &str, hexadecimal: &str) -> String {
    let digits = hexadecimal.as_bytes();
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(digits[usize::from(byte >> 4)]));
            encoded.push(char::from(digits[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// What base64 makes of `secret` when `shift` bytes (modulo 3) come before it: only the letters
/// that depend on nothing but the secret.
fn base64_inside(
    secret: &str,
    shift: usize,
    engine: &base64::engine::GeneralPurpose,
) -> Option<String> {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = engine.encode(&bytes);
    let first = (shift * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    let inside = encoded.get(first..last)?;
    (inside.len() >= secret::MIN_LENGTH).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_whatever_stands_before_it() {
        let secret = "hunter2-and-more";
        for before in ["", "a", "ab", "abc", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{secret}zz"));
            let inside = base64_inside(secret, before.len() % 3, &STANDARD_NO_PAD);
            assert!(encoded.contains(&inside.unwrap_or_default()), "{before}");
        }
    }

    #[test]
    fn keys_of_a_receiver_of_telemetry_are_secrets_and_plain_headers_are_not() {
        let secrets = |value| secrets_of_variable("OTEL_EXPORTER_OTLP_HEADERS", value);
        let list =
            "authorization=Bearer%20zk29mmq877rt, x-team=8f2a77c0d1e94b35,dataset=production";
        assert_eq!(secrets(list), ["zk29mmq877rt", "8f2a77c0d1e94b35"]);
        assert_eq!(secrets("dataset=dataset1,api-key=short,100%"), [""; 0]);
    }

    #[test]
    fn variables_with_plain_values_are_no_secrets() {
        let value = "Zk29-mmQ8-77rt";
        assert_eq!(secret_of_variable("MY_API_KEY", value), Some(value.into()));
        assert_eq!(secret_of_variable("EDITOR", value), None);
        for plain in [
            "production",
            "1234567890",
            "/run/secrets/key",
            "true",
            "short1",
        ] {
            assert_eq!(secret_of_variable("MY_API_KEY", plain), None, "{plain}");
        }
        let url = format!("postgres://app:{value}@db/x");
        assert_eq!(secret_of_variable("DATABASE_URL", &url), Some(value.into()));
    }
}
