//! Where a service lives, worked out of a `base_url`.

use std::net::IpAddr;

use reqwest::Url;

use super::Reach;
use crate::error::{Error, ErrorKind, Result};

/// The address in `base_url`.
pub(super) fn base(base_url: &str) -> Result<Url> {
    let mut url = Url::parse(base_url.trim()).map_err(|error| {
        Error::new(ErrorKind::Config, "`base_url` is not a URL")
            .with_source(error)
            .with_hint("write it like `https://api.openai.com/v1`")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`base_url` has the scheme `{}`", url.scheme());
        return Err(Error::new(ErrorKind::Config, message).with_hint("use `http` or `https`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            Error::new(ErrorKind::Config, "`base_url` holds credentials")
                .with_hint("take them out of the URL; set `api_key_env`, or a header"),
        );
    }
    url.set_fragment(None);
    Ok(url)
}

/// `url` with `path` at the end of its own, which may end in a slash or in `path` already.
pub(in crate::provider) fn with_path(mut url: Url, path: &str) -> Url {
    let own = url.path().trim_end_matches('/').to_owned();
    if own.ends_with(path) {
        url.set_path(&own);
    } else {
        url.set_path(&format!("{own}{path}"));
    }
    url
}

/// Which servers a client for `url` has to reach.
pub(super) fn reach(url: &Url) -> Reach {
    match (is_loopback(url), url.scheme()) {
        (true, "http") => Reach::PlainLoopback,
        (true, _) => Reach::Loopback,
        (false, _) => Reach::Anywhere,
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_be_written_in_any_usual_way() {
        let cases = [
            (
                "https://api.openai.com/v1",
                "https://api.openai.com/v1/chat/completions",
            ),
            (
                "https://api.openai.com/v1/",
                "https://api.openai.com/v1/chat/completions",
            ),
            (
                "http://h:1/v1/chat/completions/",
                "http://h:1/v1/chat/completions",
            ),
            ("http://h", "http://h/chat/completions"),
            (
                "https://x/deploy/?api-version=1",
                "https://x/deploy/chat/completions?api-version=1",
            ),
        ];
        for (base_url, expected) in cases {
            assert_eq!(
                with_path(base(base_url).unwrap(), "/chat/completions").as_str(),
                expected
            );
        }
    }

    #[test]
    fn a_bad_base_url_is_told_without_repeating_it() {
        for base_url in [
            "",
            "api.openai.com/v1",
            "ftp://h/v1",
            "https://user:word@h/v1",
            "http://",
        ] {
            let error = base(base_url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:#}").contains("word"), "{error:#}");
        }
    }

    #[test]
    fn a_server_on_this_machine_is_reached_without_a_proxy() {
        let of = |url: &str| reach(&Url::parse(url).unwrap());
        assert_eq!(of("http://127.0.0.1:8080/v1"), Reach::PlainLoopback);
        assert_eq!(of("https://[::1]/v1"), Reach::Loopback);
        assert_eq!(of("http://LOCALHOST/v1"), Reach::PlainLoopback);
        assert_eq!(of("https://api.openai.com/v1"), Reach::Anywhere);
    }
}
