//! Percentiles of times.

use serde::Serialize;

/// Percentiles of a time, in milliseconds; absent ones have no calls to be taken from.
///
/// They are nearest ranks: `p95_ms` is the smallest time that at least 95 % of the calls do not
/// exceed, so it is the time of a call that was made and never a mean of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// Calls whose time is known.
    pub calls: u64,
    /// Half of the calls took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// 95 % of the calls took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u64>,
    /// 99 % of the calls took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

impl Latency {
    /// The percentiles of these times, in any order.
    ///
    /// ```
    /// use duologue::query::Latency;
    ///
    /// let latency = Latency::of(vec![30, 10, 40, 20]);
    /// assert_eq!((latency.p50_ms, latency.p95_ms), (Some(20), Some(40)));
    /// assert_eq!(Latency::of(Vec::new()).p50_ms, None);
    /// ```
    pub fn of(mut times_ms: Vec<u64>) -> Self {
        times_ms.sort_unstable();
        let rank = |percent: usize| {
            let rank = (times_ms.len() * percent).div_ceil(100);
            times_ms.get(rank.saturating_sub(1)).copied()
        };
        Self {
            calls: times_ms.len() as u64,
            p50_ms: rank(50),
            p95_ms: rank(95),
            p99_ms: rank(99),
            max_ms: times_ms.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_at_its_rank() {
        let hundred = Latency::of((1..=100).rev().collect());
        let ranks = [
            hundred.p50_ms,
            hundred.p95_ms,
            hundred.p99_ms,
            hundred.max_ms,
        ];
        assert_eq!(ranks, [Some(50), Some(95), Some(99), Some(100)]);
        let one = Latency::of(vec![7]);
        assert_eq!((one.p50_ms, one.p99_ms, one.calls), (Some(7), Some(7), 1));
    }
}
