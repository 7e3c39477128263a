//! Figures for people: short, with their units.

use crate::cost::Cost;

/// `12 ms`, `3.4 s`, `5.6 min`, `7.8 h`.
pub(in crate::cli) fn time(ms: u64) -> String {
    let tenths = |unit: u64, name: &str| format!("{:.1} {name}", ms as f64 / unit as f64);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => tenths(1_000, "s"),
        120_000..7_200_000 => tenths(60_000, "min"),
        _ => tenths(3_600_000, "h"),
    }
}

/// [`time`], or `-` when it is not known.
pub(super) fn some_time(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), time)
}

/// `999`, `12.3k`, `4.5M`.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{:.1}G", count as f64 / 1e9),
    }
}

/// [`count`], or `-` when it is not known.
pub(super) fn some_count(known: Option<u64>) -> String {
    known.map_or_else(|| "-".to_owned(), count)
}

/// `$0.0123`, or `unknown`; `≥` when some calls are missing in it.
pub(super) fn cost(cost: Option<Cost>, calls_without: u64) -> String {
    match cost {
        None if calls_without == 0 => "-".to_owned(),
        None => "unknown".to_owned(),
        Some(cost) => {
            let least = if calls_without > 0 { "≥" } else { "" };
            let dollars = cost.usd().round_sf(4).unwrap_or_else(|| cost.usd());
            format!("{least}${}", dollars.normalize())
        }
    }
}

/// `11-21 03:11:58`, in UTC; a text that is no time stays as it is.
pub(in crate::cli) fn moment(started_at: &str) -> String {
    match started_at.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%m-%d %H:%M:%S").to_string(),
        Err(_) => started_at.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_units() {
        let times = [0, 999, 1_000, 119_999, 120_000, 7_200_000].map(time);
        assert_eq!(
            times,
            ["0 ms", "999 ms", "1.0 s", "120.0 s", "2.0 min", "2.0 h"]
        );
        let counts = [0, 9_999, 10_000, 1_234_567, 2_000_000_000].map(count);
        assert_eq!(counts, ["0", "9999", "10.0k", "1.2M", "2.0G"]);
    }

    #[test]
    fn a_cost_that_lacks_calls_says_so() {
        let dollars = Some(Cost::from_usd(crate::cost::Decimal::new(123_456, 6)));
        assert_eq!(cost(dollars, 0), "$0.1235");
        assert_eq!(cost(dollars, 2), "≥$0.1235");
        assert_eq!(
            (cost(None, 3), cost(None, 0)),
            ("unknown".into(), "-".into())
        );
    }
}
