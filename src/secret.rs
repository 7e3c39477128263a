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
