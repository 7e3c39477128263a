//! The secrets that this process itself holds: what is registered here never reaches a sink.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

/// Shorter values are too common in ordinary text to be taken for a secret.
pub(crate) const MIN_LENGTH: usize = 8;

static SECRETS: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());
static VERSION: AtomicU64 = AtomicU64::new(0);

/// Makes every sanitizer of the process remove `secret` from now on.
pub(crate) fn register(secret: &SecretString) {
    if secret.expose_secret().len() < MIN_LENGTH {
        return;
    }
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    if secrets
        .iter()
        .all(|known| known.expose_secret() != secret.expose_secret())
    {
        secrets.push(secret.clone());
        VERSION.fetch_add(1, Ordering::Release);
    }
}

/// Registers the value of a variable, header or parameter whose name says that it is a secret.
pub(crate) fn register_named(name: &str, value: &str) {
    if names_a_secret(name) {
        let value = value.strip_prefix("Bearer ").unwrap_or(value);
        register(&SecretString::from(value));
    }
}

/// Whether `OPENAI_API_KEY`, `x-access-token`, `PGPASSWORD`, … is the name of a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "key",
        "token",
        "secret",
        "authorization",
        "credentials",
        "cookie",
        "passphrase",
        "signature",
        "sig",
    ];
    const ENDINGS: [&str; 6] = [
        "apikey",
        "accesskey",
        "token",
        "secret",
        "password",
        "passwd",
    ];
    let name = name.to_ascii_lowercase();
    name.split(['-', '_', '.'])
        .any(|word| WORDS.contains(&word) || ENDINGS.iter().any(|ending| word.ends_with(ending)))
}

/// A number that changes whenever a secret is registered.
pub(crate) fn version() -> u64 {
    VERSION.load(Ordering::Acquire)
}

/// All registered secrets.
pub(crate) fn all() -> Vec<SecretString> {
    SECRETS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_names_of_figures_are_not() {
        let secret = [
            "OPENAI_API_KEY",
            "PGPASSWORD",
            "x-api-key",
            "GITHUB_TOKEN",
            "Authorization",
        ];
        assert!(secret.into_iter().all(names_a_secret));
        let plain = [
            "MAX_TOKENS",
            "TOKENIZERS_PARALLELISM",
            "PWD",
            "HOME",
            "KEYBOARD",
            "api-version",
        ];
        assert!(!plain.into_iter().any(names_a_secret));
    }
}
