//! Names that mark a secret, as whole words over snake, kebab and camel case.
//!
//! `openai_api_key`, `x-api-key` and `clientSecret` do; `max_tokens`, `key_id` and `secretary` do
//! not.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// How surely a name marks a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// It does not.
    Public,
    /// It does when the value looks like a credential: `token`, `pass`, `stripe_key`.
    Likely,
    /// It does, whatever the value: `password`, `api_key`, `client_secret`.
    Certain,
}

/// The built-in names and those of the configuration.
#[derive(Debug, Default)]
pub(super) struct KeyNames {
    secret: HashSet<String>,
    allowed: HashSet<String>,
}

impl KeyNames {
    pub(super) fn new(secret: &[String], allowed: &[String]) -> Self {
        let normal = |names: &[String]| names.iter().map(|name| words(name).join("_")).collect();
        Self {
            secret: normal(secret),
            allowed: normal(allowed),
        }
    }

    /// Whether names were added that the text scanner has to look for.
    pub(super) fn added(&self) -> impl Iterator<Item = &str> {
        self.secret.iter().map(String::as_str)
    }

    pub(super) fn classify(&self, name: &str) -> Secrecy {
        if self.secret.is_empty() && !mentions_a_secret(name) || name.contains("<REDACTED:") {
            return Secrecy::Public;
        }
        let words = words(name);
        let normal = words.join("_");
        if self.allowed.contains(&normal) {
            Secrecy::Public
        } else if self.secret.contains(&normal) {
            Secrecy::Certain
        } else {
            judge(&words)
        }
    }
}

/// Whether a value under this name must stay as it is: a replay sends it back to the provider.
pub(super) fn is_opaque_to_us(name: &str) -> bool {
    matches!(
        name,
        "signature"
            | "encrypted_content"
            | "encryptedContent"
            | "thoughtSignature"
            | "thought_signature"
            | "thought_signatures"
            | "thoughtSignatures"
            | "reasoning_opaque"
            | "system_fingerprint"
    )
}

/// The stems without which no built-in name is a secret: most names are sorted out here.
fn mentions_a_secret(name: &str) -> bool {
    static STEMS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([
                "pass", "pwd", "secret", "token", "key", "auth", "cookie", "cred", "jwt", "pin",
            ])
            .ok()
    });
    name.len() < 200
        && STEMS
            .as_ref()
            .is_none_or(|stems| stems.is_match(name.as_bytes()))
}

/// `openaiAPIKey-2` is `openai`, `api`, `key`, `2`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins = letter.is_uppercase()
            && (previous.is_lowercase()
                || previous.is_uppercase()
                    && letters.peek().is_some_and(|next| next.is_lowercase())
                || previous.is_numeric());
        if (begins || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn judge(words: &[String]) -> Secrecy {
    let Some((last, before)) = words.split_last() else {
        return Secrecy::Public;
    };
    let last = last.as_str();
    let previous = before.last().map_or("", String::as_str);
    if lists(DESCRIBES, last) {
        return Secrecy::Public;
    }
    if is_a_secret(last) {
        return Secrecy::Certain;
    }
    match last {
        "key" | "keys" => judge_key(previous, last == "keys"),
        "token" | "tokens" => judge_token(previous, last == "tokens"),
        "pass" if !before.is_empty() => Secrecy::Certain,
        "pass" | "auth" | "pin" => Secrecy::Likely,
        "cookies" => Secrecy::Certain,
        _ if !before.iter().any(|word| is_a_secret(word)) => judge_qualified(words),
        _ if lists(QUALIFIES, last) || last.bytes().all(|byte| byte.is_ascii_digit()) => {
            Secrecy::Certain
        }
        _ => Secrecy::Likely,
    }
}

/// `api_key_prod` and `token_2` are what `api_key` and `token` are.
fn judge_qualified(words: &[String]) -> Secrecy {
    match words {
        [name @ .., last]
            if !name.is_empty()
                && (lists(QUALIFIES, last.as_str())
                    || last.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            judge(name)
        }
        _ => Secrecy::Public,
    }
}

fn judge_key(previous: &str, plural: bool) -> Secrecy {
    if lists(KEYS_TO_HIDE, previous) {
        Secrecy::Certain
    } else if plural || lists(KEYS_TO_SHOW, previous) {
        Secrecy::Public
    } else {
        Secrecy::Likely
    }
}

fn judge_token(previous: &str, plural: bool) -> Secrecy {
    if lists(TOKENS_TO_HIDE, previous) {
        Secrecy::Certain
    } else if plural || lists(TOKENS_TO_SHOW, previous) {
        Secrecy::Public
    } else {
        Secrecy::Likely
    }
}

/// Whether `word` is one of `words`, which are separated by blanks.
pub(super) fn lists(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|listed| listed == word)
}

fn is_a_secret(word: &str) -> bool {
    let word = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    lists(SECRETS, word) || word.ends_with("password") || word.ends_with("passwd")
}

const SECRETS: &str = "\
    password passwords passwd pwd passphrase passcode passwort secret secrets credential \
    credentials creds authorization cookie jwt apikey apikeys apitoken apisecret appsecret \
    secretkey clientsecret accesskey accesstoken authtoken authkey bearertoken privatekey \
    accountkey masterkey refreshtoken secretaccesskey sessiontoken signingkey encryptionkey \
    sharedaccesskey";

/// A last word that says the value is about a secret, not the secret.
const DESCRIBES: &str = "\
    id ids name names count counts type types hash hashes hashed length len size limit limits \
    budget url urls uri path paths file files filename dir expiry expires expiration in at ttl \
    usage used policy field fields hint header headers status prompt prompts version algorithm \
    alg format prefix suffix provider enabled required env var ref label placeholder index \
    strength manager error errors scope scopes regex pattern description title rate cost price \
    method mode class endpoint host region user username domain email details logprobs counter \
    ratio max min";

/// A last word that leaves a secret a secret.
const QUALIFIES: &str = "\
    value string text plain plaintext base64 b64 encoded raw old new current previous confirm \
    confirmation prod production dev staging test live backup data access key token default \
    primary secondary main root admin a b";

const KEYS_TO_HIDE: &str = "\
    api access private secret auth signing encryption decryption master account shared service \
    ssh deploy webhook client admin license subscription consumer integration storage ingest rsa \
    jwt crypto hmac aes root wallet pgp gpg password token session cookie authentication \
    authorization apikey credential app application rest functions publishing ecdsa ed25519 sas";

const KEYS_TO_SHOW: &str = "\
    public pub primary foreign cache sort partition row hash map dict group sub hot idempotency \
    natural unique composite lookup search object registry config metadata header parent prompt \
    dedup deduplication i18n translation message routing record column shard distribution \
    ordering json yaml xml query param arrow issue project locale state schema safety node \
    result item data";

const TOKENS_TO_HIDE: &str = "\
    access refresh auth api bearer session id secret bot csrf xsrf personal security oauth \
    oauth2 jwt private deploy login user authorization authentication identity service account \
    admin app github gitlab gh slack hf huggingface npm pypi vault registry device push webhook \
    verification reset client invite runner sas";

const TOKENS_TO_SHOW: &str = "\
    max min next page continuation sync cursor pagination prompt completion input output total \
    cached reasoning audio text image eos bos pad unk mask sep cls stop special start end first \
    last new per cost num n top current previous prev word sub thinking accepted rejected \
    prediction cancellation control";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_case_and_punctuation() {
        assert_eq!(words("openaiAPIKey-2"), ["openai", "api", "key", "2"]);
        assert_eq!(words("X-Api-Key"), ["x", "api", "key"]);
    }

    #[test]
    fn names_of_secrets_are_told_from_words_about_them() {
        let keys = KeyNames::default();
        for name in [
            "Authorization",
            "x-api-key",
            "openai_api_key",
            "passwd",
            "cookie",
            "client-secret",
            "clientSecret",
            "AWS_SECRET_ACCESS_KEY",
            "dbPassword",
            "refreshToken",
            "SMTP_PASS",
            "PASSWORD2",
            "api_key_prod",
            "OPENAI_APIKEY",
        ] {
            assert_eq!(keys.classify(name), Secrecy::Certain, "{name}");
        }
        for name in [
            "max_tokens",
            "token_count",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "tokens_used",
            "tokenizer",
            "token_budget",
            "key_id",
            "aws_access_key_id",
            "public_key",
            "primary_key",
            "keyboard",
            "secretary",
            "passage",
            "compass",
            "password_hash",
            "next_page_token",
            "api_key_env",
            "tokens",
            "author",
            "cookie_policy",
            "monkey",
        ] {
            assert_eq!(keys.classify(name), Secrecy::Public, "{name}");
        }
        for name in ["token", "pass", "stripe_key"] {
            assert_eq!(keys.classify(name), Secrecy::Likely, "{name}");
        }
    }

    #[test]
    fn the_configuration_adds_names_and_takes_names_away() {
        let keys = KeyNames::new(&["order-pin".into()], &["session_token".into()]);
        assert_eq!(keys.classify("orderPin"), Secrecy::Certain);
        assert_eq!(keys.classify("sessionToken"), Secrecy::Public);
    }
}
