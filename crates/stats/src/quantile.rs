//! Quantiles of a sample.

use infercost_core::report::Percentiles;

use crate::selection::at_ranks;

/// Quantile of an ascending sample at `p` in [0, 1]: linear interpolation between order statistics
/// (definition 7 of Hyndman & Fan, *Sample Quantiles in Statistical Packages*, Am. Stat. 50, 1996; the
/// default of NumPy and R). `None` where the sample is empty.
pub fn quantile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    quantile_of(last, p, |rank| ascending.get(rank).copied())
}

/// The same of values that are not side by side: `at` gives the value of a rank, 0 to `last`.
pub(crate) fn quantile_of(last: usize, p: f64, mut at: impl FnMut(usize) -> Option<f64>) -> Option<f64> {
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = position.floor();
    let low = at(below as usize)?;
    let high = at((below as usize + 1).min(last))?;
    let share = position - below;

    // An infinite neighbor with no weight must not turn the result into NaN.
    Some(if share > 0.0 { low + (high - low) * share } else { low })
}

/// Values up to which a sample is copied: that is faster than walking it several times.
const COPIED: usize = 100_000;

/// Quantiles of a sample in any order: as [`quantile`] of the sorted sample, in time that grows with its size alone. A large
/// one is walked five times, and none of it is kept. `shares` are in [0, 1] and ascending.
pub fn quantiles<const N: usize>(
    sample: impl Iterator<Item = f64> + Clone,
    shares: [f64; N],
) -> Option<[f64; N]> {
    let count = sample.clone().count();
    if count <= COPIED {
        let mut copy = Vec::with_capacity(count);
        copy.extend(sample);
        return quantiles_in_place(&mut copy, shares);
    }

    let last = count.checked_sub(1)?;
    let mut ranks = Vec::with_capacity(2 * N);
    for share in shares {
        quantile_of(last, share, |rank| {
            ranks.push(rank);
            Some(0.0)
        })?;
    }

    // in the order in which the ranks were asked for
    let mut values = at_ranks(sample, &ranks)?.into_iter();
    let mut quantiles = [0.0; N];
    for (quantile, share) in quantiles.iter_mut().zip(shares) {
        *quantile = quantile_of(last, share, |_| values.next())?;
    }
    Some(quantiles)
}

/// The same of a sample that is reordered.
fn quantiles_in_place<const N: usize>(sample: &mut [f64], shares: [f64; N]) -> Option<[f64; N]> {
    let last = sample.len().checked_sub(1)?;
    let mut quantiles = [0.0; N];
    // the greatest rank that was asked for: what comes before it stays where it is
    let mut settled = None;

    for (quantile, share) in quantiles.iter_mut().zip(shares) {
        *quantile = quantile_of(last, share, |rank| {
            if settled.is_none_or(|settled| settled < rank) {
                let from = settled.unwrap_or(0);
                sample.get_mut(from..)?.select_nth_unstable_by(rank - from, f64::total_cmp);
                settled = Some(rank);
            }
            sample.get(rank).copied()
        })?;
    }

    Some(quantiles)
}

/// Median, 90th, 95th and 99th percentile of pooled values, in the values' unit; non-finite ones are left
/// out. `None` where nothing is left.
pub fn percentiles(values: impl Iterator<Item = f64> + Clone) -> Option<Percentiles> {
    let finite = values.filter(|value| value.is_finite());
    let n = finite.clone().count();
    let [p50, p90, p95, p99] = quantiles(finite, [0.5, 0.9, 0.95, 0.99])?;
    Some(Percentiles { p50, p90, p95, p99, n })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn check(values: &[f64], p: f64, expected: Option<f64>) {
        let got = quantile(values, p);
        let near = match (got, expected) {
            (Some(got), Some(expected)) => (got - expected).abs() < 1e-12,
            (got, expected) => got == expected,
        };
        assert!(near, "{got:?} is not {expected:?}");
    }

    /// Expected values: NumPy 2 `quantile` with its default method.
    #[test]
    fn interpolated() {
        check(&[], 0.5, None);
        check(&[3.0], 0.99, Some(3.0));
        check(&[1.0, 2.0, 4.0, 8.0], 0.5, Some(3.0));
        check(&[1.0, 2.0, 4.0, 8.0], 0.9, Some(6.8));
        check(&[1.0, 2.0, 4.0, 8.0], 1.0, Some(8.0));
        check(&[1.0, f64::INFINITY], 0.0, Some(1.0));
    }

    #[test]
    fn unsorted_samples_have_the_quantiles_of_sorted_ones() {
        let shares = [0.0, 0.01, 0.5, 0.5, 0.9, 0.99, 0.999, 1.0];
        for size in [1, 2, 3, 10, 97, 1_000, 100_001] {
            let sample: Vec<f64> = (0..size).map(|i| f64::from((i * 7_919 + 13) % 101) / 7.0).collect();
            let mut sorted = sample.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let expected = shares.map(|share| quantile(&sorted, share).unwrap().to_bits());
            let found = quantiles(sample.iter().copied(), shares).unwrap();
            assert_eq!(found.map(f64::to_bits), expected, "{size}");
        }
        assert_eq!(quantiles([].into_iter(), shares), None);
    }

    #[test]
    fn pooled_percentiles_leave_out_what_is_not_a_number() {
        let values = (0..=100).rev().map(f64::from).chain([f64::NAN]);
        let expected = Percentiles { p50: 50.0, p90: 90.0, p95: 95.0, p99: 99.0, n: 101 };
        assert_eq!(percentiles(values), Some(expected));
        assert_eq!(percentiles([f64::NAN].into_iter()), None);
    }
}
