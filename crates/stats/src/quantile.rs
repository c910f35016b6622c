//! Quantiles of a sample.

use infercost_core::report::Percentiles;

/// Quantile of an ascending sample at `p` in [0, 1]: linear interpolation between order statistics
/// (definition 7 of Hyndman & Fan, *Sample Quantiles in Statistical Packages*, Am. Stat. 50, 1996; the
/// default of NumPy and R). `None` where the sample is empty.
pub fn quantile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    quantile_of(last, p, |rank| ascending.get(rank).copied())
}

/// The same of values that are not side by side: `at` gives the value of a rank, 0 to `last`.
pub(crate) fn quantile_of(last: usize, p: f64, at: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = position.floor();
    let low = at(below as usize)?;
    let high = at((below as usize + 1).min(last))?;
    let share = position - below;

    // An infinite neighbor with no weight must not turn the result into NaN.
    Some(if share > 0.0 { low + (high - low) * share } else { low })
}

/// Median, 90th, 95th and 99th percentile of pooled values, in the values' unit; non-finite ones are left
/// out. `None` where nothing is left.
pub fn percentiles(mut values: Vec<f64>) -> Option<Percentiles> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);

    Some(Percentiles {
        p50: quantile(&values, 0.5)?,
        p90: quantile(&values, 0.9)?,
        p95: quantile(&values, 0.95)?,
        p99: quantile(&values, 0.99)?,
        n: values.len(),
    })
}

#[cfg(test)]
mod tests {
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
    fn pooled_percentiles_leave_out_what_is_not_a_number() {
        let values = (0..=100).rev().map(f64::from).chain([f64::NAN]).collect();
        let expected = Percentiles { p50: 50.0, p90: 90.0, p95: 95.0, p99: 99.0, n: 101 };
        assert_eq!(percentiles(values), Some(expected));
        assert_eq!(percentiles(vec![f64::NAN]), None);
    }
}
