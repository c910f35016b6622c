//! Percentiles of many latencies from counts in bins, which add up however the rows were split.
//!
//! Bin i holds what lies in (γⁱ⁻¹, γⁱ], with γ = (1 + α) ÷ (1 − α), and stands for 2γⁱ ÷ (γ + 1): whatever lies in the bin is
//! at most the share α away from that. This is DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile
//! sketch with relative-error guarantees", VLDB 2019) with its bins as groups of a query, so that every engine that counts
//! can make one.

use std::collections::BTreeMap;

use serde::Serialize;

/// α: how far a percentile may be from the one of the sorted latencies, as a share of it.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Percentiles, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
    /// How many there are.
    pub n: u64,
}

/// Bins of whole microseconds.
pub(crate) type Bins = BTreeMap<i64, u64>;

/// 1 ÷ ln γ: what the logarithm of a latency is multiplied with.
pub(crate) fn bins_per_log() -> f64 {
    1.0 / ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln()
}

/// The percentiles of what was counted, in seconds; `None` where nothing was.
pub(crate) fn percentiles(bins: &Bins) -> Option<Percentiles> {
    let n: u64 = bins.values().sum();
    if n == 0 {
        return None;
    }
    Some(Percentiles {
        p50: percentile(bins, n, 0.5),
        p90: percentile(bins, n, 0.9),
        p95: percentile(bins, n, 0.95),
        p99: percentile(bins, n, 0.99),
        n,
    })
}

/// The latency below or at which the share `q` of all lies: that of rank ⌈q·n⌉.
fn percentile(bins: &Bins, n: u64, q: f64) -> f64 {
    let rank = ((q * n as f64).ceil() as u64).max(1);
    let mut below = 0;
    for (bin, count) in bins {
        below += count;
        if below >= rank {
            return seconds(*bin);
        }
    }
    f64::NAN
}

/// What a bin stands for.
fn seconds(bin: i64) -> f64 {
    let gamma = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
    2.0 * (bin as f64 * gamma.ln()).exp() / (gamma + 1.0) / 1e6
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

    use super::*;

    fn bin(micros: f64) -> i64 {
        (micros.ln() * bins_per_log()).ceil() as i64
    }

    #[test]
    fn percentiles_are_within_the_stated_error() {
        let check = |latencies: &[f64]| {
            let mut bins = Bins::new();
            for latency in latencies {
                *bins.entry(bin(*latency)).or_default() += 1;
            }
            let mut sorted = latencies.to_vec();
            sorted.sort_by(f64::total_cmp);
            let found = percentiles(&bins).unwrap();

            for (q, found) in [(0.5, found.p50), (0.9, found.p90), (0.95, found.p95), (0.99, found.p99)] {
                let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
                let wanted = sorted[rank - 1] / 1e6;
                assert!((found / wanted - 1.0).abs() <= RELATIVE_ERROR + 1e-12, "{q}: {found} and {wanted}");
            }
        };
        check(&[1.0]);
        check(&[3.0, 1e9]);
        check(&(1..5000).map(|i| f64::from(i) * 37.0).collect::<Vec<_>>());
        check(&(1..5000).map(|i| (f64::from(i) / 400.0).exp()).collect::<Vec<_>>());
        assert!(percentiles(&Bins::new()).is_none());
    }
}
