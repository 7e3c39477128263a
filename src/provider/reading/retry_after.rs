//! How long a provider asks to wait before the next attempt.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::provider::answer::Headers;

/// The wait that `headers` ask for at the time `now`: `retry-after` in seconds or as an HTTP date,
/// `retry-after-ms`, and what a proxy passes on of its provider under `llm_provider-…`.
///
/// Milliseconds beat seconds of the same server, since they say the same more exactly; of a proxy
/// and its provider the longer wait counts. What cannot be read counts as absent.
pub(crate) fn retry_after(headers: &dyn Headers, now: SystemTime) -> Option<Duration> {
    let own = wait(
        headers.get("retry-after-ms"),
        headers.get("retry-after"),
        now,
    );
    let passed_on = wait(
        headers.get("llm_provider-retry-after-ms"),
        headers.get("llm_provider-retry-after"),
        now,
    );
    own.max(passed_on)
}

fn wait(millis: Option<&str>, seconds: Option<&str>, now: SystemTime) -> Option<Duration> {
    millis
        .and_then(|text| number(text, 1e-3))
        .or_else(|| seconds.and_then(|text| number(text, 1.0).or_else(|| until_date(text, now))))
}

fn number(text: &str, unit: f64) -> Option<Duration> {
    let seconds = text.trim().parse::<f64>().ok()? * unit;
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn until_date(text: &str, now: SystemTime) -> Option<Duration> {
    let date: Timestamp = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(
        SystemTime::from(date)
            .duration_since(now)
            .unwrap_or(Duration::ZERO),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<Duration> {
        let owned: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&owned, now)
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table")]
    fn seconds_milliseconds_and_dates_are_read() {
        let cases: [(&[(&str, &str)], Option<u64>); 13] = [
            (&[], None),
            (&[("Retry-After", "2")], Some(2_000)),
            (&[("retry-after", " 0.25 ")], Some(250)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after-ms", "20")], Some(20)),
            (&[("retry-after-ms", "20"), ("retry-after", "1")], Some(20)),
            (&[("llm_provider-retry-after", "3")], Some(3_000)),
            (&[("llm_provider-retry-after-ms", "1500")], Some(1_500)),
            (
                &[("retry-after", "1"), ("llm_provider-retry-after", "3")],
                Some(3_000),
            ),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")],
                Some(10_000),
            ),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT")], Some(0)),
        ];
        for (headers, millis) in cases {
            assert_eq!(
                read(headers),
                millis.map(Duration::from_millis),
                "{headers:?}"
            );
        }
    }
}
