//! What servers say in headers of the limits that are left.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::answer::Headers;
use crate::attempt::RateLimitStatus;

/// Names of one figure, the most exact first; `{}` is `limit`, `remaining` or `reset`.
///
/// `OpenAI`, Azure and Groq; Anthropic (whose `tokens` are those of the limit that is nearest);
/// Mistral and Cerebras; Together; `OpenRouter`; the draft of the IETF.
const REQUESTS: &[&str] = &[
    "x-ratelimit-{}-requests",
    "anthropic-ratelimit-requests-{}",
    "x-ratelimit-{}-req-minute",
    "x-ratelimit-{}-requests-minute",
    "x-ratelimit-{}-requests-day",
    "x-ratelimit-{}",
    "ratelimit-{}",
];

const TOKENS: &[&str] = &[
    "x-ratelimit-{}-tokens",
    "anthropic-ratelimit-tokens-{}",
    "anthropic-ratelimit-input-tokens-{}",
    "x-ratelimit-{}-tokens-minute",
    "x-ratelimitbysize-{}-minute",
    "x-tokenlimit-{}",
];

/// What a proxy puts before the names of its provider's headers.
const PASSED_ON: &str = "llm_provider-";

/// What `headers` say at the time `now`; `None` when they say nothing of what is left.
pub(crate) fn rate_limits(headers: &dyn Headers, now: SystemTime) -> Option<RateLimitStatus> {
    // Each of the names has it, and most answers have none of them.
    if !headers.may_have("limit") {
        return None;
    }
    let requests = family(headers, REQUESTS, now);
    let tokens = family(headers, TOKENS, now);
    if requests.is_none() && tokens.is_none() {
        return None;
    }
    let (requests, tokens) = (requests.unwrap_or_default(), tokens.unwrap_or_default());
    Some(RateLimitStatus {
        limit_requests: requests.limit,
        remaining_requests: requests.remaining,
        reset_requests: requests.reset,
        limit_tokens: tokens.limit,
        remaining_tokens: tokens.remaining,
        reset_tokens: tokens.reset,
    })
}

#[derive(Default)]
struct Figures {
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<Duration>,
}

/// The first of the names under which the server says what is left.
fn family(headers: &dyn Headers, names: &[&str], now: SystemTime) -> Option<Figures> {
    ["", PASSED_ON].iter().find_map(|before| {
        names.iter().find_map(|name| {
            let get = |part| headers.get(&format!("{before}{}", name.replace("{}", part)));
            Some(Figures {
                limit: get("limit").and_then(number),
                remaining: Some(number(get("remaining")?)?),
                reset: get("reset").and_then(|text| reset(text, now)),
            })
        })
    })
}

/// A whole number; fractions do not count, and below zero (Azure's `-1`) nothing is said.
fn number(text: &str) -> Option<u64> {
    let number = text.trim().parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number >= 0.0)?;
    Some(Duration::try_from_secs_f64(number).map_or(u64::MAX, |whole| whole.as_secs()))
}

/// `6m0s`, `20ms`, `59.5s`, seconds, seconds or milliseconds since 1970, or a date.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let seconds = Duration::try_from_secs_f64(number).ok()?;
        return Some(match number {
            1e11.. => until(SystemTime::UNIX_EPOCH.checked_add(seconds / 1000)?, now),
            1e9.. => until(SystemTime::UNIX_EPOCH.checked_add(seconds)?, now),
            _ => seconds,
        });
    }
    if let Ok(date) = text.parse::<Timestamp>() {
        return Some(until(SystemTime::from(date), now));
    }
    let wait = text.parse::<SignedDuration>().ok()?;
    Duration::try_from(wait).ok()
}

fn until(date: SystemTime, now: SystemTime) -> Duration {
    date.duration_since(now).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected = (Option<u64>, Option<u64>, Option<u64>);

    /// Limit, remaining and milliseconds until the reset, of requests and of tokens.
    fn read(headers: &[(&str, &str)]) -> Option<(Expected, Expected)> {
        let owned: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let status = rate_limits(&owned, now)?;
        let millis = |reset: Option<Duration>| reset.map(crate::attempt::millis);
        Some((
            (
                status.limit_requests,
                status.remaining_requests,
                millis(status.reset_requests),
            ),
            (
                status.limit_tokens,
                status.remaining_tokens,
                millis(status.reset_tokens),
            ),
        ))
    }

    const NONE: Expected = (None, None, None);

    #[test]
    fn openai_azure_and_groq() {
        let openai = [
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-requests", "20ms"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        let expected = (
            (Some(60), Some(59), Some(20)),
            (Some(150_000), Some(149_984), Some(360_000)),
        );
        assert_eq!(read(&openai), Some(expected));
        let azure = [
            ("x-ratelimit-remaining-requests", "9"),
            ("x-ratelimit-remaining-tokens", "-1"),
        ];
        let expected = ((None, Some(9), None), (None, None, None));
        assert_eq!(read(&azure), Some(expected));
        let groq = [
            ("x-ratelimit-remaining-requests", "14370"),
            ("x-ratelimit-reset-requests", "2m59.56s"),
            ("x-ratelimit-remaining-tokens", "17997"),
            ("x-ratelimit-reset-tokens", "7.66s"),
        ];
        let expected = (
            (None, Some(14_370), Some(179_560)),
            (None, Some(17_997), Some(7_660)),
        );
        assert_eq!(read(&groq), Some(expected));
    }

    #[test]
    fn anthropic_says_dates() {
        let headers = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2023-11-14T22:13:50Z"),
            ("anthropic-ratelimit-tokens-limit", "40000"),
            ("anthropic-ratelimit-tokens-remaining", "39000"),
            ("anthropic-ratelimit-tokens-reset", "2023-11-14T22:13:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "7"),
        ];
        let expected = (
            (Some(50), Some(0), Some(30_000)),
            (Some(40_000), Some(39_000), Some(0)),
        );
        assert_eq!(read(&headers), Some(expected));
    }

    #[test]
    fn others_have_names_and_clocks_of_their_own() {
        let cerebras = [
            ("x-ratelimit-remaining-requests-day", "999"),
            ("x-ratelimit-reset-requests-day", "33011.5"),
            ("x-ratelimit-limit-tokens-minute", "60000"),
            ("x-ratelimit-remaining-tokens-minute", "12"),
            ("x-ratelimit-reset-tokens-minute", "11.25"),
        ];
        let expected = (
            (None, Some(999), Some(33_011_500)),
            (Some(60_000), Some(12), Some(11_250)),
        );
        assert_eq!(read(&cerebras), Some(expected));
        let mistral = [
            ("x-ratelimit-limit-req-minute", "60"),
            ("x-ratelimit-remaining-req-minute", "58"),
            ("x-ratelimitbysize-remaining-minute", "499986"),
        ];
        let expected = ((Some(60), Some(58), None), (None, Some(499_986), None));
        assert_eq!(read(&mistral), Some(expected));
        let openrouter = [
            ("X-RateLimit-Limit", "20"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "1700000030000"),
        ];
        let expected = ((Some(20), Some(0), Some(30_000)), NONE);
        assert_eq!(read(&openrouter), Some(expected));
        let together = [
            ("x-ratelimit-remaining", "5"),
            ("x-ratelimit-reset", "1"),
            ("x-tokenlimit-remaining", "1000"),
        ];
        let expected = ((None, Some(5), Some(1_000)), (None, Some(1_000), None));
        assert_eq!(read(&together), Some(expected));
        let proxy = [("llm_provider-x-ratelimit-remaining-tokens", "3")];
        assert_eq!(read(&proxy), Some((NONE, (None, Some(3), None))));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("x-ratelimit-limit-requests", "60")]), None);
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "many")]), None);
        let bad_reset = [
            ("x-ratelimit-remaining", "1"),
            ("x-ratelimit-reset", "soon"),
        ];
        let expected = ((None, Some(1), None), NONE);
        assert_eq!(read(&bad_reset), Some(expected));
        for reset in ["-1", "-5s", "nan", "inf", "1e300"] {
            let headers = [("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", reset)];
            assert_eq!(read(&headers), Some(expected), "{reset}");
        }
    }
}
