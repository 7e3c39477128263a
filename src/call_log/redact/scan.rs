//! One pass over the text finds every keyword of every rule; a rule then looks only where one of
//! its keywords stands.

use std::collections::HashSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::config::{CustomRule, SanitizeConfig};
use super::found::{Found, Rank};
use super::keys::{KeyNames, is_opaque_to_us};
use super::shapes::{self, Shape};
use super::view::{HIDDEN, View};
use super::{assignment, http, own, pem, personal, tokens};
use crate::error::{Error, ErrorKind, Result};

/// What a keyword calls for.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    Shape(&'static Shape),
    SecretName,
    Authorization,
    Bearer,
    Basic,
    Cookie,
    UserInfo,
    UserOption,
    Armour,
    Email,
    /// A placeholder, or a value that a replay needs as it is.
    Keep,
    Opaque,
    Hidden,
}

/// The rules of one configuration.
#[derive(Debug)]
pub(super) struct Scanner {
    keywords: AhoCorasick,
    triggers: Vec<Trigger>,
    custom: Vec<(String, Regex)>,
    rules: HashSet<String>,
    pub(super) keys: KeyNames,
    pub(super) secrets: bool,
    personal_data: bool,
}

/// What one scan found.
#[derive(Debug, Default)]
pub(super) struct Finds<'s> {
    pub(super) found: Vec<Found<'s>>,
    pub(super) kept: Vec<Range<usize>>,
}

impl Scanner {
    pub(super) fn new(config: &SanitizeConfig) -> Result<Self> {
        let keys = KeyNames::new(&config.keys, &config.allow_keys);
        let custom = config
            .rules
            .iter()
            .map(compile)
            .collect::<Result<Vec<_>>>()?;
        let (words, triggers) = keywords(config, &keys);
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(words)
            .map_err(|error| {
                Error::new(ErrorKind::Config, "the sanitizer's keys are too many")
                    .with_source(error)
            })?;
        let rules = BUILT_IN
            .iter()
            .map(|rule| (*rule).to_owned())
            .chain(shapes::all().iter().map(|shape| shape.form.rule.to_owned()))
            .chain(custom.iter().map(|(name, _)| name.clone()))
            .collect();
        Ok(Self {
            keywords,
            triggers,
            custom,
            rules,
            keys,
            secrets: config.secrets,
            personal_data: config.personal_data,
        })
    }

    /// Whether [`find`](Self::find) has nothing to look at in `text`: no keyword, none of the
    /// process's own secrets, no long number. Costs half of it, and most short texts are plain.
    pub(super) fn is_plain(&self, text: &str, own: Option<&own::Matcher>) -> bool {
        if !self.custom.is_empty() || self.personal_data && personal::may_hold_numbers(text) {
            return false;
        }
        own.is_none_or(|own| !own.is_in(text)) && !self.keywords.is_match(text)
    }

    /// Everything in `text` that is to be replaced, and what must stay.
    pub(super) fn find<'s>(&'s self, text: &str, own: Option<&'s own::Matcher>) -> Finds<'s> {
        let mut finds = Finds::default();
        let has_hidden = self.look(text, own, &mut finds);
        if has_hidden {
            let view = View::of(text);
            let mut seen = Finds::default();
            self.look(&view.text, own, &mut seen);
            for mut found in seen.found {
                found.range = view.original(&found.range);
                finds.found.push(found);
            }
            finds
                .kept
                .extend(seen.kept.iter().map(|kept| view.original(kept)));
        }
        finds
    }

    /// Adds what it finds; returns whether some characters are hidden.
    fn look<'s>(
        &'s self,
        text: &str,
        own: Option<&'s own::Matcher>,
        finds: &mut Finds<'s>,
    ) -> bool {
        if let Some(own) = own {
            own.find(text, &mut finds.found);
        }
        if self.personal_data {
            personal::find_numbers(text, &mut finds.found);
        }
        for (name, pattern) in &self.custom {
            finds
                .found
                .extend(pattern.captures_iter(text).filter_map(|captures| {
                    let hit = captures.name("secret").or_else(|| captures.get(0))?;
                    Some(Found {
                        range: hit.range(),
                        rule: name,
                        rank: Rank::Custom,
                    })
                }));
        }
        let mut has_hidden = false;
        let mut named = 0;
        for hit in self.keywords.find_overlapping_iter(text) {
            let at = hit.start()..hit.end();
            match self.triggers[hit.pattern().as_usize()] {
                Trigger::Hidden => has_hidden = true,
                Trigger::SecretName if at.start < named => {}
                Trigger::SecretName => {
                    let name = assignment::name_around(text, &at);
                    assignment::find(text, &name, &self.keys, &mut finds.found);
                    named = name.end;
                }
                Trigger::Keep => finds.kept.extend(self.placeholder(text, &at)),
                Trigger::Opaque => finds.kept.extend(opaque_value(text, &at)),
                trigger => finds.found.extend(find_one(trigger, text, &at)),
            }
        }
        has_hidden
    }

    /// The placeholder of a known rule that begins here; another name is text like any other.
    fn placeholder(&self, text: &str, at: &Range<usize>) -> Option<Range<usize>> {
        let rest = &text.as_bytes()[at.end..];
        let length = rest.iter().take(64).position(|byte| *byte == b'>')?;
        let rule = text.get(at.end..at.end + length)?;
        (text[at.clone()] == *"<REDACTED:" && self.rules.contains(rule))
            .then(|| at.start..at.end + length + 1)
    }
}

fn find_one(trigger: Trigger, text: &str, at: &Range<usize>) -> Option<Found<'static>> {
    let begins = || tokens::begins_a_word(text.as_bytes(), at.start);
    match trigger {
        Trigger::Shape(shape) => tokens::find(text, at.start, shape),
        Trigger::Authorization => http::find_authorization(text, at.end),
        Trigger::Bearer => begins().then(|| http::find_bearer(text, at.end)).flatten(),
        Trigger::Basic => begins().then(|| http::find_basic(text, at.end)).flatten(),
        Trigger::Cookie => begins().then(|| http::find_cookie(text, at.end)).flatten(),
        Trigger::UserInfo => http::find_user_info(text, at.end),
        Trigger::UserOption => http::find_user_option(text, at.end),
        Trigger::Armour => pem::find(text, at.start),
        Trigger::Email => personal::find_email(text, at.start),
        Trigger::SecretName | Trigger::Keep | Trigger::Opaque | Trigger::Hidden => None,
    }
}

/// The string behind `"signature":` and its like, when it is long enough to be opaque.
fn opaque_value(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !is_opaque_to_us(&text[name.clone()]) {
        return None;
    }
    let gap = assignment::count(bytes, name.end, 24, |byte| b"\\\": ".contains(&byte));
    let at = name.end + gap;
    let length = assignment::count(bytes, at, usize::MAX, |byte| {
        byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)
    });
    (gap >= 2 && bytes[name.end..at].contains(&b':') && length >= 32).then(|| at..at + length)
}

/// Every keyword with what it calls for.
fn keywords(config: &SanitizeConfig, keys: &KeyNames) -> (Vec<Vec<u8>>, Vec<Trigger>) {
    let mut all: Vec<(Vec<u8>, Trigger)> = vec![(b"<redacted:".to_vec(), Trigger::Keep)];
    let mut add = |words: &[&str], trigger| {
        all.extend(words.iter().map(|word| (word.as_bytes().to_vec(), trigger)));
    };
    if config.secrets {
        for shape in shapes::all() {
            add(shape.form.keywords, Trigger::Shape(shape));
        }
        add(SECRET_NAMES, Trigger::SecretName);
        for key in keys.added() {
            add(
                &[key, &key.replace('_', "-"), &key.replace('_', "")],
                Trigger::SecretName,
            );
        }
        add(&["authorization"], Trigger::Authorization);
        add(&["bearer"], Trigger::Bearer);
        add(&["basic"], Trigger::Basic);
        add(&["cookie"], Trigger::Cookie);
        add(&["://"], Trigger::UserInfo);
        add(&["-u ", "--user ", "--user=", "-u\""], Trigger::UserOption);
        add(pem::KEYWORDS, Trigger::Armour);
        add(
            &[
                "signature",
                "encrypted_content",
                "encryptedcontent",
                "thought_signature",
            ],
            Trigger::Opaque,
        );
    }
    if config.personal_data {
        add(&["@"], Trigger::Email);
    }
    if config.secrets || config.personal_data {
        all.extend(HIDDEN.iter().map(|bytes| (bytes.to_vec(), Trigger::Hidden)));
    }
    all.into_iter().unzip()
}

fn compile(rule: &CustomRule) -> Result<(String, Regex)> {
    let named = (1..=40).contains(&rule.name.len())
        && rule
            .name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !named {
        return Err(Error::new(
            ErrorKind::Config,
            format!("the name of sanitizer rule `{}` is not allowed", rule.name),
        )
        .with_hint("use 1 to 40 lower-case letters, digits and hyphens"));
    }
    let pattern = Regex::new(&rule.pattern).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!(
                "sanitizer rule `{}` has a bad pattern `{}`",
                rule.name, rule.pattern
            ),
        )
        .with_source(error)
        .with_hint(
            "patterns have the syntax of the `regex` crate: no look-around, no back-references",
        )
    })?;
    Ok((rule.name.clone(), pattern))
}

/// The words in names that mark a secret; the name around a word is judged as a whole.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "_pass",
    "-pass",
    "dbpass",
    "pass=",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "api key",
    "credential",
    "creds",
    "_key",
    "-key",
    "?key=",
    "&key=",
    "accesskey",
    "access key",
    "privatekey",
    "private key",
    "accountkey",
    "account key",
    "sharedkey",
    "masterkey",
    "signingkey",
    "signing key",
    "authkey",
    "encryptionkey",
    "encryption key",
    "licensekey",
    "license key",
    "_auth",
    "auth=",
    "\"auth\"",
    "jwt",
    "?sig=",
    "&sig=",
    "signature=",
    "key\"",
    "key'",
    "key =",
    "key=",
    "key:",
];

/// The names of the rules that are no token shapes.
const BUILT_IN: &[&str] = &[
    "own-secret",
    "secret-key",
    "authorization",
    "bearer-token",
    "basic-auth",
    "cookie",
    "url-password",
    "curl-user",
    "private-key",
    "email",
    "phone",
    "ssn",
    "payment-card",
    "url-signature",
    "sanitizer-failed",
];
