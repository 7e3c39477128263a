//! What the sanitizer finds and what it leaves alone. Secrets are put together at run time, so
//! that nothing in this repository looks like one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use duologue::ErrorKind;
use duologue::call_log::{CustomRule, Redactions, SanitizeConfig, Sanitizer};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Building one costs more than most tests.
fn sanitizer() -> Sanitizer {
    static SHARED: LazyLock<Sanitizer> =
        LazyLock::new(|| Sanitizer::new(&SanitizeConfig::default()).unwrap());
    SHARED.clone()
}

fn redact(text: &str) -> String {
    sanitizer()
        .redact(text, &mut Redactions::default())
        .into_owned()
}

fn redact_value(mut value: Value) -> Value {
    sanitizer().redact_value(&mut value, &mut Redactions::default());
    value
}

/// `length` letters and digits without a pattern, the same for the same `seed`.
fn noise(seed: u64, length: usize, alphabet: &str) -> String {
    let letters = alphabet.as_bytes();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
        })
        .collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

/// One token of each vendor whose shape a user is most likely to meet: rule and token.
fn vendor_tokens() -> Vec<(&'static str, String)> {
    let any = |seed, length| noise(seed, length, ALNUM);
    let hex = |seed, length| noise(seed, length, HEX);
    vec![
        ("openai-key", ["sk", "-proj-", &any(1, 74)].concat()),
        ("openai-key", ["sk", "-svcacct-", &any(2, 74)].concat()),
        ("sk-key", ["sk", "-", &any(3, 48)].concat()),
        ("anthropic-key", ["sk", "-ant-api03-", &any(4, 93)].concat()),
        (
            "aws-access-key",
            ["AK", "IA", &noise(5, 16, UPPER)].concat(),
        ),
        (
            "aws-access-key",
            ["AS", "IA", &noise(6, 16, UPPER)].concat(),
        ),
        ("github-token", ["gh", "p_", &any(7, 36)].concat()),
        ("github-token", ["gh", "s_", &any(8, 36)].concat()),
        (
            "github-token",
            ["github", "_pat_", &any(9, 22), "_", &any(10, 59)].concat(),
        ),
        ("gitlab-token", ["gl", "pat-", &any(11, 20)].concat()),
        ("google-api-key", ["AI", "za", &any(12, 35)].concat()),
        (
            "google-oauth-secret",
            ["GOC", "SPX-", &any(13, 28)].concat(),
        ),
        (
            "slack-token",
            ["xo", "xb-", &noise(14, 12, DIGITS), "-", &any(15, 24)].concat(),
        ),
        (
            "slack-token",
            [
                "xa",
                "pp-1-A",
                &noise(16, 10, UPPER),
                "-",
                &noise(17, 12, DIGITS),
                "-",
                &hex(18, 64),
            ]
            .concat(),
        ),
        ("stripe-key", ["sk", "_live_", &any(19, 24)].concat()),
        (
            "stripe-webhook-secret",
            ["wh", "sec_", &any(20, 32)].concat(),
        ),
        ("npm-token", ["np", "m_", &any(21, 36)].concat()),
        (
            "pypi-token",
            ["py", "pi-AgEIcHlwaS5vcmc", &any(22, 70)].concat(),
        ),
        ("huggingface-token", ["h", "f_", &any(23, 34)].concat()),
        (
            "sendgrid-key",
            ["S", "G.", &any(24, 22), ".", &any(25, 43)].concat(),
        ),
        ("twilio-key", ["S", "K", &hex(26, 32)].concat()),
        ("mailgun-key", ["ke", "y-", &hex(27, 32)].concat()),
        ("square-token", ["sq0", "csp-", &any(28, 43)].concat()),
        ("shopify-token", ["shp", "at_", &hex(29, 32)].concat()),
        ("digitalocean-token", ["dop", "_v1_", &hex(30, 64)].concat()),
        ("databricks-token", ["da", "pi", &hex(31, 32)].concat()),
        (
            "telegram-token",
            [&noise(32, 10, "123456789"), ":A", "A", &any(33, 33)].concat(),
        ),
        ("docker-token", ["dckr", "_pat_", &any(34, 27)].concat()),
        ("linear-key", ["lin", "_api_", &any(35, 40)].concat()),
        ("notion-token", ["nt", "n_", &any(36, 46)].concat()),
        (
            "postman-key",
            ["PM", "AK-", &hex(37, 24), "-", &hex(38, 34)].concat(),
        ),
        (
            "grafana-token",
            ["gl", "sa_", &any(39, 32), "_", &hex(40, 8)].concat(),
        ),
        (
            "new-relic-key",
            ["NR", "AK-", &noise(41, 27, UPPER)].concat(),
        ),
        ("doppler-token", ["dp", ".pt.", &any(42, 43)].concat()),
        ("vault-token", ["hv", "s.", &any(43, 90)].concat()),
        (
            "age-secret-key",
            ["AGE-SECRET", "-KEY-1", &noise(44, 58, UPPER)].concat(),
        ),
        (
            "azure-client-secret",
            [&any(45, 3), "8Q", "~", &any(46, 34)].concat(),
        ),
        ("mailchimp-key", [&hex(47, 32), "-u", "s12"].concat()),
        ("groq-key", ["gs", "k_", &any(48, 52)].concat()),
        ("replicate-token", ["r", "8_", &any(49, 37)].concat()),
        ("jwt", jwt()),
    ]
}

fn jwt() -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "HS256", "typ": "JWT"}));
    let body = part(json!({"sub": "someone", "iat": 1_700_000_000}));
    format!("{head}.{body}.{}", noise(50, 43, ALNUM))
}

fn pem() -> String {
    let title = ["RSA PRIV", "ATE KEY"].concat();
    let body = noise(51, 64, ALNUM);
    format!("-----BEGIN {title}-----\n{body}\n{body}\n-----END {title}-----")
}

#[test]
fn vendor_tokens_are_found_by_their_shape_and_named_in_the_placeholder() {
    for (rule, token) in vendor_tokens() {
        let clean = redact(&format!("we use {token} for this"));
        assert_eq!(clean, format!("we use <REDACTED:{rule}> for this"));
    }
}

#[test]
fn tokens_are_found_wherever_they_stand() {
    for (_, token) in vendor_tokens() {
        let places = [
            token.clone(),
            format!("see `{token}`."),
            json!({"text": {"inner": token}}).to_string(),
            json!({"text": json!({"inner": token}).to_string()}).to_string(),
            format!("<item note=\"{token}\">{token}</item>"),
            format!("id,note\n7,{token}\n8,none"),
            format!("https://example.org/?q={token}&page=2"),
            format!("export THING={token} && run"),
            format!("first\\n{token}\\nlast"),
        ];
        for text in places {
            let clean = redact(&text);
            assert!(!clean.contains(&token), "{text}\n{clean}");
            assert!(clean.contains("<REDACTED:"), "{clean}");
        }
    }
}

#[test]
fn tokens_split_by_invisible_characters_escapes_or_line_breaks_are_found() {
    for (rule, token) in vendor_tokens() {
        let (head, tail) = token.split_at(token.len() / 2 + 3);
        let (escaped, rest) = token.split_at(1);
        let escaped = format!("\\u{:04x}{rest}", u32::from(escaped.as_bytes()[0]));
        for text in [
            format!("{head}\u{200b}{tail}"),
            format!("{head}\u{ad}{tail}"),
            escaped,
        ] {
            assert_eq!(redact(&text), format!("<REDACTED:{rule}>"), "{text}");
        }
    }
    let token = ["sk", "-ant-api03-", &noise(4, 93, ALNUM)].concat();
    let (head, tail) = token.split_at(50);
    for text in [
        format!("{head}\n{tail}"),
        format!("{head}\\n{tail}"),
        format!("{head}\r\n  {tail}"),
    ] {
        assert_eq!(redact(&text), "<REDACTED:anthropic-key>", "{text}");
    }
    let token = ["gh", "p_", &noise(7, 36, ALNUM)].concat();
    let (head, tail) = token.split_at(14);
    assert_eq!(
        redact(&format!("{head}\n{tail} is it")),
        "<REDACTED:github-token> is it"
    );
}

#[test]
fn the_line_after_a_token_is_not_taken_for_its_rest() {
    let token = ["sk", "-ant-api03-", &noise(4, 93, ALNUM)].concat();
    assert_eq!(
        redact(&format!("{token}\nnext line")),
        "<REDACTED:anthropic-key>\nnext line"
    );
}

#[test]
fn private_key_blocks_are_removed_whole_and_certificates_stay() {
    assert_eq!(
        redact(&format!("a\n{}\nb", pem())),
        "a\n<REDACTED:private-key>\nb"
    );
    let in_json = json!({"text": pem()}).to_string();
    assert_eq!(redact(&in_json), r#"{"text":"<REDACTED:private-key>"}"#);
    let cut_off = &pem()[..120];
    assert_eq!(redact(cut_off), "<REDACTED:private-key>");
    let certificate =
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----";
    assert_eq!(redact(certificate), certificate);
}

#[test]
fn credentials_in_headers_cookies_and_urls_are_found() {
    let word = ["hunt", "er2"].concat();
    let long = noise(60, 32, ALNUM);
    let basic = STANDARD.encode(format!("user:{word}"));
    let cases = [
        (
            format!("Authorization: Bearer {long}"),
            "Authorization: Bearer <REDACTED:authorization>",
        ),
        (
            format!("authorization: Basic {basic}\nAccept: */*"),
            "authorization: Basic <REDACTED:authorization>\nAccept: */*",
        ),
        (
            format!("Proxy-Authorization: {long}"),
            "Proxy-Authorization: <REDACTED:authorization>",
        ),
        (
            format!(r#"-H "Authorization: token {long}" x"#),
            r#"-H "Authorization: token <REDACTED:authorization>" x"#,
        ),
        (
            format!("send Bearer {long} along"),
            "send Bearer <REDACTED:bearer-token> along",
        ),
        (
            format!("send Basic {basic} along"),
            "send Basic <REDACTED:basic-auth> along",
        ),
        (
            format!("Cookie: sid={long}; theme=dark\nHost: x"),
            "Cookie: <REDACTED:cookie>\nHost: x",
        ),
        (
            format!("Set-Cookie: sid={long}; Path=/"),
            "Set-Cookie: <REDACTED:cookie>",
        ),
        (
            format!("postgres://app:{word}@db:5432/x"),
            "postgres://app:<REDACTED:url-password>@db:5432/x",
        ),
        (
            format!("https://api.host/v1?token={word}&page=2"),
            "https://api.host/v1?token=<REDACTED:secret-key>&page=2",
        ),
        (
            format!("https://api.host/v1?a=1&api_key={word}"),
            "https://api.host/v1?a=1&api_key=<REDACTED:secret-key>",
        ),
        (
            format!("https://api.host/v1?sig={long}"),
            "https://api.host/v1?sig=<REDACTED:secret-key>",
        ),
        (
            format!("curl -u me:{word} https://api.host"),
            "curl -u me:<REDACTED:curl-user> https://api.host",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(&text), expected);
    }
}

#[test]
fn assignments_are_found_in_prose_configuration_code_and_markup() {
    let word = ["hunt", "er2"].concat();
    let long = noise(61, 24, ALNUM);
    let cases = [
        (
            format!("my password is {word}, keep it"),
            "my password is <REDACTED:secret-key>, keep it",
        ),
        (
            format!("use api_key={long} inside prose"),
            "use api_key=<REDACTED:secret-key> inside prose",
        ),
        (
            format!("The API key: {long}."),
            "The API key: <REDACTED:secret-key>.",
        ),
        (
            format!("password = {word}"),
            "password = <REDACTED:secret-key>",
        ),
        (
            format!("DB_PASSWORD={word}\nX=1"),
            "DB_PASSWORD=<REDACTED:secret-key>\nX=1",
        ),
        (
            format!("client-secret: '{word}'"),
            "client-secret: '<REDACTED:secret-key>'",
        ),
        (
            format!("let apiKey = \"{word}\";"),
            "let apiKey = \"<REDACTED:secret-key>\";",
        ),
        (
            format!("<password>{word}</password>"),
            "<password><REDACTED:secret-key></password>",
        ),
        (
            format!("mysql --password {word} db"),
            "mysql --password <REDACTED:secret-key> db",
        ),
        (
            format!("api_key,{long}\nother,1"),
            "api_key,<REDACTED:secret-key>\nother,1",
        ),
        (
            format!("- name: API_KEY\n  value: {long}"),
            "- name: API_KEY\n  value: <REDACTED:secret-key>",
        ),
        (
            format!("{{\"password\": \"{word}\"}}"),
            "{\"password\": \"<REDACTED:secret-key>\"}",
        ),
        (
            format!("{{\\\"password\\\":\\\"{word}\\\"}}"),
            "{\\\"password\\\":\\\"<REDACTED:secret-key>\\\"}",
        ),
        (
            format!("token: str = \"{long}\""),
            "token: str = \"<REDACTED:secret-key>\"",
        ),
        (
            format!("{{\"passwords\": [\"{word}\", [\"{word}\"]]}}"),
            "{\"passwords\": [\"<REDACTED:secret-key>\", [\"<REDACTED:secret-key>\"]]}",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(&text), expected);
    }
}

#[test]
fn personal_data_is_found() {
    let card = ["4242", "4242", "4242", "4242"];
    let cases = [
        (
            ["write to jane.doe", "@", "mail.example.com."].concat(),
            "write to <REDACTED:email>.",
        ),
        (
            ["call (415) 555", "-0132 now"].concat(),
            "call <REDACTED:phone> now",
        ),
        (
            ["call +44 20 7946", " 0958"].concat(),
            "call <REDACTED:phone>",
        ),
        (["+1415", "5550132"].concat(), "<REDACTED:phone>"),
        (["ssn 219", "-09-", "9999"].concat(), "ssn <REDACTED:ssn>"),
        (
            format!("card {}", card.join(" ")),
            "card <REDACTED:payment-card>",
        ),
        (
            format!("card {}", card.concat()),
            "card <REDACTED:payment-card>",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(&text), expected);
    }
}

#[test]
fn text_that_only_resembles_secrets_stays() {
    let hex32 = noise(70, 32, HEX);
    let hex64 = noise(71, 64, HEX);
    let stays = [
        "the bearer of news".to_owned(),
        "a bearer token is sent in the Authorization header".to_owned(),
        "1700000000, 1700000000123, 1700000000123456 and 1700000000123456789".to_owned(),
        "0.1234567890 and 3.141592653589793 and -0.4111111111111111".to_owned(),
        "550e8400-e29b-41d4-a716-446655440000".to_owned(),
        format!("call {hex32} and {} and sha256:{hex64}", &hex32[..16]),
        "2026-11-21T02:09:44.123456789Z and 2026-11-21 02:09:44+00:00".to_owned(),
        "max_tokens=4000, token_count: 123456, prompt_tokens: 12, tokens_used = 77".to_owned(),
        r#"{"max_tokens": 4096, "token_budget": 20000, "tokenizer": "o200k_base_v2"}"#.to_owned(),
        r#"{"usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}}"#.to_owned(),
        r#"{"token":"Hello","logprob":-0.31,"bytes":[72]}"#.to_owned(),
        "def login(password: str, token: Optional[str] = None):".to_owned(),
        "password = getpass.getpass()".to_owned(),
        "api_key = os.environ[\"OPENAI_API_KEY\"]".to_owned(),
        "OPENAI_API_KEY=$KEY api_key=${KEY} token={{ token }} secret=<your-secret>".to_owned(),
        "the password is required; the token is invalid; secret: none".to_owned(),
        "the key is under the mat and the primary_key = user_id2".to_owned(),
        "chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ12 call_abc123DEF456ghi789JKL012".to_owned(),
        "resp_0a1b2c3d4e5f60718293a4b5c6d7e8f901 msg_01XFDUDYJgAACzvnptvVoYEL".to_owned(),
        format!("commit {} on main", noise(72, 40, HEX)),
        "git@github.com:owner/repository.git and icon@2x.png and react@18.2.0".to_owned(),
        "version 1.2.3-4567 and 10.20.30.40 and 192.168.100.200:8080".to_owned(),
        "task-force-one, risk-assessment-2024-final, disk-usage-by-month-2023".to_owned(),
        "https://user@host/path and http://host:8080/@scope/name".to_owned(),
        r#"<input type="password" name="password">"#.to_owned(),
    ];
    for text in stays {
        assert_eq!(redact(&text), text);
    }
}

#[test]
fn signatures_and_encrypted_reasoning_reach_a_replay_unchanged() {
    // A base64 text that happens to hold what looks like a token.
    let sealed = format!(
        "{}/{}/{}==",
        noise(73, 60, ALNUM),
        vendor_tokens()[6].1,
        noise(74, 60, ALNUM)
    );
    let value = json!({"content": [
        {"type": "thinking", "signature": sealed},
        {"type": "redacted_thinking", "data": sealed},
        {"encrypted_content": sealed, "thoughtSignature": sealed},
    ]});
    assert_eq!(redact_value(value.clone()), value);
    let text = json!({"signature": sealed}).to_string();
    assert_eq!(redact(&text), text);
}

#[test]
fn names_of_secrets_hide_their_strings_and_never_numbers_booleans_or_nulls() {
    for name in [
        "Authorization",
        "x-api-key",
        "openai_api_key",
        "passwd",
        "cookie",
        "client-secret",
        "clientSecret",
        "PASSWORD",
        "refresh_token",
        "Set-Cookie",
        "private_key",
        "dbPassword",
    ] {
        assert_eq!(
            redact_value(json!({name: "a b"})),
            json!({name: "<REDACTED:secret-key>"}),
            "{name}"
        );
        for kept in [
            json!(12_345_678_901_u64),
            json!(true),
            json!(null),
            json!(0.25),
            json!(""),
        ] {
            let value = json!({name: kept});
            assert_eq!(redact_value(value.clone()), value);
        }
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
        "next_page_token",
        "public_key",
        "id",
        "fingerprint",
        "password_hash",
        "api_key_env",
        "secret_name",
    ] {
        let value = json!({name: "x9Kq20LmVb77"});
        assert_eq!(redact_value(value.clone()), value, "{name}");
    }
}

#[test]
fn structures_are_searched_to_the_bottom_and_keys_like_values() {
    let (_, token) = &vendor_tokens()[6];
    let clean = redact_value(json!({
        "list": [[["a", token]], [{"deep": [token]}]],
        token: 1,
        "headers": [["Authorization", "x y"], {"name": "x-api-key", "value": "short"}],
        "text": json!({"password": "x y"}).to_string(),
        "passwords": [["one"], ["two"]],
    }));
    let hidden = "<REDACTED:github-token>";
    assert_eq!(
        clean,
        json!({
            "list": [[["a", hidden]], [{"deep": [hidden]}]],
            hidden: 1,
            "headers": [["Authorization", "<REDACTED:secret-key>"], {"name": "x-api-key", "value": "<REDACTED:secret-key>"}],
            "text": "{\"password\":\"<REDACTED:secret-key>\"}",
            "passwords": [["<REDACTED:secret-key>"], ["<REDACTED:secret-key>"]],
        })
    );
}

#[test]
fn a_schema_that_speaks_of_secrets_stays() {
    let schema = json!({
        "properties": {"password": {"type": "string", "minLength": 8}, "api_key": {"type": "string"}},
        "required": ["password", "api_key"],
        "max_tokens": 100,
    });
    assert_eq!(redact_value(schema.clone()), schema);
    let text = schema.to_string();
    assert_eq!(redact(&text), text);
}

#[test]
fn map_keys_that_become_equal_are_both_kept() {
    let tokens = vendor_tokens();
    let clean = redact_value(json!({&tokens[6].1: 1, &tokens[7].1: 2}));
    assert_eq!(
        clean,
        json!({"<REDACTED:github-token>": 1, "<REDACTED:github-token>#2": 2})
    );
}

#[test]
fn header_pairs_are_judged_by_their_name() {
    let mut counts = Redactions::default();
    let sanitizer = sanitizer();
    assert_eq!(
        sanitizer.redact_pair("X-Api-Key", "short", &mut counts),
        "<REDACTED:secret-key>"
    );
    assert_eq!(
        sanitizer.redact_pair("x-request-id", "req_9f2c", &mut counts),
        "req_9f2c"
    );
    assert_eq!(counts.total(), 1);
}

#[test]
fn custom_rules_keys_and_allowed_keys_are_honoured() {
    let config = SanitizeConfig {
        rules: vec![
            CustomRule {
                name: "ticket".into(),
                pattern: r"TICKET-\d+".into(),
            },
            CustomRule {
                name: "badge".into(),
                pattern: r"badge (?<secret>\d+)".into(),
            },
        ],
        keys: vec!["order-pin".into()],
        allow_keys: vec!["session_token".into()],
        ..SanitizeConfig::default()
    };
    let sanitizer = Sanitizer::new(&config).unwrap();
    let mut counts = Redactions::default();
    let text = sanitizer.redact("TICKET-17, TICKET-18, badge 42", &mut counts);
    assert_eq!(
        text,
        "<REDACTED:ticket>, <REDACTED:ticket>, badge <REDACTED:badge>"
    );
    assert_eq!(counts.get("ticket"), 2);
    let mut value = json!({"orderPin": "1-2", "session_token": "x9Kq20LmVb77"});
    sanitizer.redact_value(&mut value, &mut counts);
    assert_eq!(
        value,
        json!({"orderPin": "<REDACTED:secret-key>", "session_token": "x9Kq20LmVb77"})
    );
    assert_eq!(
        sanitizer.redact("order_pin = x77!q", &mut counts),
        "order_pin = <REDACTED:secret-key>"
    );
}

#[test]
fn a_bad_custom_rule_is_an_error_that_names_rule_and_pattern() {
    for (name, pattern) in [("open", "(unclosed"), ("Not Allowed", "x")] {
        let rules = vec![CustomRule {
            name: name.into(),
            pattern: pattern.into(),
        }];
        let config = SanitizeConfig {
            rules,
            ..SanitizeConfig::default()
        };
        let error = Sanitizer::new(&config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(name), "{error}");
        assert!(
            name == "Not Allowed" || error.to_string().contains(pattern),
            "{error}"
        );
    }
}

#[test]
fn secrets_and_personal_data_are_two_switches() {
    let token = &vendor_tokens()[6].1;
    let mail = ["jane", "@", "mail.example.com"].concat();
    let text = format!("{token} {mail}");
    let with = |secrets, personal_data| {
        let config = SanitizeConfig {
            secrets,
            personal_data,
            ..SanitizeConfig::default()
        };
        Sanitizer::new(&config)
            .unwrap()
            .redact(&text, &mut Redactions::default())
            .into_owned()
    };
    assert_eq!(with(true, true), "<REDACTED:github-token> <REDACTED:email>");
    assert_eq!(with(true, false), format!("<REDACTED:github-token> {mail}"));
    assert_eq!(with(false, true), format!("{token} <REDACTED:email>"));
    assert_eq!(with(false, false), text);
    assert_eq!(
        Sanitizer::off().redact(&text, &mut Redactions::default()),
        text
    );
}

#[test]
fn a_placeholder_of_no_known_rule_protects_nothing() {
    let token = &vendor_tokens()[6].1;
    assert_eq!(
        redact(&format!("<REDACTED:{token}>")),
        "<REDACTED:<REDACTED:github-token>>"
    );
}

#[test]
fn a_text_seen_before_gives_the_same_result_and_counts() {
    let text = format!("{} {}", vendor_tokens()[6].1, "words ".repeat(100));
    let sanitizer = sanitizer();
    let mut first = Redactions::default();
    let mut second = Redactions::default();
    let one = sanitizer.redact(&text, &mut first).into_owned();
    let two = sanitizer.redact(&text, &mut second).into_owned();
    assert_eq!((one, first), (two, second));
}

/// Pieces from which hard texts are made.
fn piece() -> impl Strategy<Value = String> {
    let tokens = vendor_tokens()
        .into_iter()
        .map(|(_, token)| token)
        .collect::<Vec<_>>();
    prop_oneof![
        proptest::sample::select(tokens),
        proptest::sample::select(vec![
            "password",
            " = ",
            ": ",
            "\"",
            "'",
            "\\",
            "\n",
            " ",
            "&",
            "?token=",
            "https://u:",
            "@",
            "host.com/",
            "Bearer ",
            "Authorization",
            "Cookie: a=",
            "<REDACTED:email>",
            "<REDACTED:",
            ">",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\u{200b}",
            "\\u0041",
            "\\n",
            "eyJ",
            "4242424242424242",
            "415-555-0132",
            "219-09-9999",
            "ö",
            "key",
            "_",
            "secret",
            "token",
            "x9Kq20Lm",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "curl -u ",
            "a:b1c2",
            "sk-",
            "hunter2",
            "+14155550132",
            "signature\":\"",
            "logprob",
            "=",
            "is ",
            "<password>",
            "</password>",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn redacting_twice_changes_nothing(pieces in proptest::collection::vec(piece(), 0..14)) {
        let once = redact(&pieces.concat());
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn redacting_a_value_twice_changes_nothing(name in piece(), text in piece(), other in piece()) {
        let once = redact_value(json!({name: [text, {"password": other}], "text": json!({"a": other}).to_string()}));
        prop_assert_eq!(redact_value(once.clone()), once);
    }
}

#[test]
fn a_password_that_begins_with_any_letter_is_looked_at() {
    for text in [
        "password = ϊabcdef",
        "api_key: ϊ abcdefgha_klmno",
        "secret=é!abcdefg",
        "token: 🌊abcdefgh",
    ] {
        redact(text);
    }
    assert!(!redact("password = ϊabcd!efgh").contains("abcd!efgh"));
}
