//! Settings are checked before the first request, and secrets stay hidden.

use std::time::Duration;

use duologue::ErrorKind;
use duologue::env::Environment;
use duologue::provider::{HttpProviderBuilder, OpenAi, OpenAiProvider};

fn local() -> HttpProviderBuilder<OpenAi> {
    OpenAiProvider::builder().base_url("http://127.0.0.1:1/v1")
}

fn empty() -> Environment {
    Environment::fixed(Vec::<(String, String)>::new())
}

#[test]
fn a_missing_key_names_its_variable() {
    let cases = [
        (
            local().api_key_env("TIDES_KEY").environment(empty()),
            "environment variable `TIDES_KEY` is not set",
        ),
        (
            OpenAiProvider::builder().environment(empty()),
            "environment variable `OPENAI_API_KEY` is not set",
        ),
        (
            local().environment(Environment::fixed([(
                "OPENAI_API_KEY",
                "not-for-strangers",
            )])),
            "no key is set for this `base_url`",
        ),
        (local().api_key("  "), "the key is empty"),
        (
            local()
                .api_key_env("K")
                .environment(Environment::fixed([("K", "two\nlines")])),
            "the key in `K` cannot be sent in a header",
        ),
    ];
    for (builder, message) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert_eq!(error.to_string(), message);
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let cases = [
        (local().base_url("127.0.0.1/v1"), "`base_url` is not a URL"),
        (
            local().base_url("file:///v1"),
            "`base_url` has the scheme `file`",
        ),
        (
            local().base_url("http://a:b@h/v1"),
            "`base_url` holds credentials",
        ),
        (
            local().header("bad name", "x"),
            "header `bad name` cannot be sent",
        ),
        (
            local().header("x-a", "two\nlines"),
            "header `x-a` cannot be sent",
        ),
        (local().timeout(Duration::ZERO), "`timeout` is 0"),
    ];
    for (builder, message) in cases {
        let error = builder.no_api_key().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_longest_timeouts_are_fine() {
    local()
        .no_api_key()
        .timeout(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .build()
        .unwrap();
}

#[test]
fn debug_shows_no_secret() {
    let builder = local()
        .api_key("very-secret-key")
        .header("x-key", "very-secret")
        .query("key", "very-secret");
    assert!(!format!("{builder:?}").contains("secret-"), "{builder:?}");
    assert!(!format!("{builder:?}").contains("very"), "{builder:?}");
    let provider = builder.build().unwrap();
    assert!(!format!("{provider:?}").contains("very"), "{provider:?}");
}
