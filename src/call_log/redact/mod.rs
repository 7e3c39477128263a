//! Takes secrets and personal data out of everything that is written down.
//!
//! Both are on by default. Four layers find secrets: the process's own keys, the shapes of
//! vendors' tokens, the names that values stand under, and the context around them (headers, URLs,
//! `password = …`). Numbers, booleans and nulls never change, nor do ids, hashes, times and what
//! a replay must send back to the provider (signatures, encrypted reasoning). Entropy alone never
//! decides. A placeholder names the rule and never the match; redacting twice changes nothing.

mod assignment;
mod cache;
mod config;
mod counts;
mod found;
mod http;
mod judge;
mod keys;
mod own;
mod pem;
mod personal;
mod plausible;
mod scan;
mod shapes;
mod tokens;
mod tree;
mod view;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use serde_json::Value;

pub use config::{CustomRule, SanitizeConfig};
pub use counts::Redactions;

use cache::{Cache, Outcome};
use found::{merge, placeholder, replace};
use keys::Secrecy;
use own::OwnSecrets;
use scan::{Finds, Scanner};

use crate::error::Result;

/// The rule that stands for a text which could not be looked at.
const FAILED: &str = "sanitizer-failed";
/// A replacement can uncover the next find; more rounds than these never were needed.
const MAX_ROUNDS: usize = 8;

/// Removes what must not be written down; cheap to clone, safe to share.
///
/// ```
/// use duologue::call_log::{Redactions, SanitizeConfig, Sanitizer};
///
/// let sanitizer = Sanitizer::new(&SanitizeConfig::default())?;
/// let mut counts = Redactions::default();
/// let text = sanitizer.redact("log in with password = hunter2 for max_tokens 4000", &mut counts);
/// assert_eq!(text, "log in with password = <REDACTED:secret-key> for max_tokens 4000");
/// assert_eq!(counts.get("secret-key"), 1);
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sanitizer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// `None` when only the process's own secrets are removed.
    scanner: Option<Scanner>,
    own: Option<OwnSecrets>,
    cache: Cache,
}

impl Sanitizer {
    /// A sanitizer with the rules of `config`. Values of secret-looking environment variables are
    /// read now; keys handed to providers later are noticed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a custom rule whose name or pattern is
    /// not allowed; the error names both.
    pub fn new(config: &SanitizeConfig) -> Result<Self> {
        Ok(Self(Some(Arc::new(Inner {
            scanner: Some(Scanner::new(config)?),
            own: config.secrets.then(OwnSecrets::of_process),
            cache: Cache::default(),
        }))))
    }

    /// A sanitizer that changes nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// A sanitizer that removes the process's own secrets and nothing else.
    pub fn own_secrets_only() -> Self {
        Self(Some(Arc::new(Inner {
            scanner: None,
            own: Some(OwnSecrets::of_process()),
            cache: Cache::default(),
        })))
    }

    /// This sanitizer, or the default one where this one has no rules.
    pub(crate) fn or_default(&self) -> &Self {
        let has_rules = |inner: &Arc<Inner>| inner.scanner.is_some();
        if self.0.as_ref().is_some_and(has_rules) {
            self
        } else {
            Self::shared_default()
        }
    }

    /// The default sanitizer, made at its first use.
    pub(crate) fn shared_default() -> &'static Self {
        // Without custom rules nothing can be broken; were it otherwise, the own secrets still go.
        static DEFAULT: LazyLock<Sanitizer> = LazyLock::new(|| {
            Sanitizer::new(&SanitizeConfig::default())
                .unwrap_or_else(|_| Sanitizer::own_secrets_only())
        });
        &DEFAULT
    }

    /// Whether this sanitizer changes nothing.
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// `text` with placeholders, where nobody asks how many.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.redact(text, &mut Redactions::default()).into_owned()
    }

    /// `text` with placeholders, borrowed when nothing had to be replaced; `counts` grows by what
    /// was. A text that cannot be looked at becomes `<REDACTED:sanitizer-failed>`.
    pub fn redact<'a>(&self, text: &'a str, counts: &mut Redactions) -> Cow<'a, str> {
        match &self.0 {
            Some(inner) => inner.redact(text, counts),
            None => Cow::Borrowed(text),
        }
    }

    /// The same without remembering the text: for measurements and for texts seen only once.
    pub fn redact_uncached<'a>(&self, text: &'a str, counts: &mut Redactions) -> Cow<'a, str> {
        match &self.0 {
            Some(inner) => match inner.examine(text) {
                Some((clean, found)) => {
                    counts.merge(&found);
                    Cow::Owned(clean)
                }
                None => Cow::Borrowed(text),
            },
            None => Cow::Borrowed(text),
        }
    }

    /// Redacts every string of `value`, map keys included; a string under the name of a secret is
    /// replaced as a whole.
    ///
    /// ```
    /// use duologue::call_log::{Redactions, SanitizeConfig, Sanitizer};
    /// use serde_json::json;
    ///
    /// let sanitizer = Sanitizer::new(&SanitizeConfig::default())?;
    /// let mut value = json!({"api_key": "short", "max_tokens": 500});
    /// sanitizer.redact_value(&mut value, &mut Redactions::default());
    /// assert_eq!(value, json!({"api_key": "<REDACTED:secret-key>", "max_tokens": 500}));
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn redact_value(&self, value: &mut Value, counts: &mut Redactions) {
        let Some(inner) = &self.0 else { return };
        let done = catch_unwind(AssertUnwindSafe(|| tree::redact(inner, value, counts)));
        if done.is_err() {
            *value = Value::String(placeholder(FAILED));
            counts.add(FAILED);
        }
    }

    /// The value of a header-like pair: replaced as a whole under the name of a secret, else
    /// redacted like any text.
    pub fn redact_pair<'a>(
        &self,
        name: &str,
        value: &'a str,
        counts: &mut Redactions,
    ) -> Cow<'a, str> {
        let Some(inner) = &self.0 else {
            return Cow::Borrowed(value);
        };
        let mut clean = value.to_owned();
        tree::redact_text(inner, name, &mut clean, counts);
        if clean == value {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(clean)
        }
    }
}

impl Inner {
    fn redact<'a>(&self, text: &'a str, counts: &mut Redactions) -> Cow<'a, str> {
        let Some(key) = self.cache.key(text) else {
            return match self.examine_short(text) {
                Some((clean, found)) => {
                    counts.merge(&found);
                    Cow::Owned(clean)
                }
                None => Cow::Borrowed(text),
            };
        };
        let version = crate::secret::version();
        let outcome = self.cache.get(key, version).unwrap_or_else(|| {
            let outcome = match self.examine(text) {
                Some((clean, found)) => Outcome::Changed(clean.into(), Arc::new(found)),
                None => Outcome::Unchanged,
            };
            self.cache.put(key, version, outcome.clone());
            outcome
        });
        match outcome {
            Outcome::Unchanged => Cow::Borrowed(text),
            Outcome::Changed(clean, found) => {
                counts.merge(&found);
                Cow::Owned(clean.to_string())
            }
        }
    }

    fn redact_string(&self, text: &mut String, counts: &mut Redactions) {
        if let Cow::Owned(clean) = self.redact(text, counts) {
            *text = clean;
        }
    }

    /// For values that a replay needs as they are.
    fn redact_own_only(&self, text: &mut String, counts: &mut Redactions) {
        let Some(own) = self.own.as_ref().map(OwnSecrets::matcher) else {
            return;
        };
        let mut found = Vec::new();
        own.find(text, &mut found);
        if !found.is_empty() {
            *text = replace(text, &merge(found, &[]), counts);
        }
    }

    fn secrecy(&self, name: &str) -> Secrecy {
        self.scanner
            .as_ref()
            .filter(|scanner| scanner.secrets)
            .map_or(Secrecy::Public, |scanner| scanner.keys.classify(name))
    }

    /// The redacted text and what was replaced, or `None` when nothing was.
    fn examine(&self, text: &str) -> Option<(String, Redactions)> {
        guarded(|| self.rounds(text))
    }

    /// The same; quicker for a text with nothing in it.
    fn examine_short(&self, text: &str) -> Option<(String, Redactions)> {
        guarded(|| {
            let own = self.own.as_ref().map(OwnSecrets::matcher);
            let is_plain = self
                .scanner
                .as_ref()
                .is_some_and(|scanner| scanner.is_plain(text, own.as_deref()));
            if is_plain { None } else { self.rounds(text) }
        })
    }

    /// Looks again until nothing is left, so that a second call would change nothing.
    fn rounds(&self, text: &str) -> Option<(String, Redactions)> {
        let own = self.own.as_ref().map(OwnSecrets::matcher);
        let mut counts = Redactions::default();
        let mut clean: Option<String> = None;
        for _ in 0..MAX_ROUNDS {
            let current = clean.as_deref().unwrap_or(text);
            let finds = if let Some(scanner) = &self.scanner {
                scanner.find(current, own.as_deref())
            } else {
                let mut finds = Finds::default();
                if let Some(own) = &own {
                    own.find(current, &mut finds.found);
                }
                finds
            };
            if finds.found.is_empty() {
                break;
            }
            let found = merge(finds.found, &finds.kept);
            if found.is_empty() {
                break;
            }
            clean = Some(replace(current, &found, &mut counts));
        }
        clean.map(|clean| (clean, counts))
    }
}

/// Never lost and never leaked: when `look` panics, its text is replaced.
fn guarded(look: impl FnOnce() -> Option<(String, Redactions)>) -> Option<(String, Redactions)> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
        let mut counts = Redactions::default();
        counts.add(FAILED);
        Some((placeholder(FAILED), counts))
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn redact(sanitizer: &Sanitizer, text: &str) -> String {
        sanitizer
            .redact(text, &mut Redactions::default())
            .into_owned()
    }

    #[test]
    fn own_secrets_are_found_verbatim_escaped_and_encoded_as_soon_as_they_are_registered() {
        let secret = "blue \"horse\" & staple";
        let sanitizer = Sanitizer::own_secrets_only();
        let long = format!("it is {secret}{}", " and more".repeat(60));
        assert_eq!(redact(&sanitizer, &long), long);

        crate::secret::register(&secret.into());

        assert!(redact(&sanitizer, &long).starts_with("it is <REDACTED:own-secret> and"));
        let written = [
            "blue%20%22horse%22%20%26%20staple".to_owned(),
            "blue+%22horse%22+%26+staple".to_owned(),
            serde_json::json!(secret).to_string(),
            STANDARD.encode(secret),
        ];
        for text in written {
            let clean = redact(&sanitizer, &text);
            assert!(clean.contains("<REDACTED:own-secret>"), "{text}: {clean}");
            assert!(!clean.contains("horse"), "{clean}");
        }
        let inside = STANDARD.encode(format!("user:{secret}"));
        let clean = redact(&sanitizer, &inside);
        assert!(clean.contains("<REDACTED:own-secret>"), "{clean}");
        let mut value = serde_json::json!({"signature": secret});
        sanitizer.redact_value(&mut value, &mut Redactions::default());
        assert_eq!(
            value,
            serde_json::json!({"signature": "<REDACTED:own-secret>"})
        );
    }

    #[test]
    fn a_text_whose_rule_fails_is_replaced() {
        let failed = guarded(|| panic!("a rule failed"));
        let (text, counts) = failed.unwrap_or_default();
        assert_eq!(text, "<REDACTED:sanitizer-failed>");
        assert_eq!(counts.get(FAILED), 1);
    }
}
