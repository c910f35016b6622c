//! Means of a few values, with Student's interval.
//!
//! Student, "The probable error of a mean", Biometrika 6 (1908).

use infercost_core::Estimate;

use crate::normal::student_quantile;

/// The mean with Student's t interval (two-sided); `None` for fewer than two values, which say nothing of how far the
/// next is from them.
pub fn mean_estimate(values: &[f64], confidence: f64) -> Option<Estimate> {
    let Moments { n, mean, error } = Moments::of(values)?;
    let half = student_quantile(0.5 + confidence / 2.0, n as f64 - 1.0) * error;

    Some(Estimate { point: mean, lower: mean - half, upper: mean + half, confidence, n })
}

/// The mean of lengths, amounts or times: what was never below zero is not taken to be so in the mean. A single value
/// stands alone, with `n` 1, and settles nothing. `None` for no value.
pub fn amount_estimate(values: &[f64], confidence: f64) -> Option<Estimate> {
    if let [only] = values {
        return Some(Estimate { point: *only, lower: *only, upper: *only, confidence, n: 1 });
    }

    let mean = mean_estimate(values, confidence)?;
    let least = if values.iter().all(|value| *value >= 0.0) { 0.0 } else { f64::NEG_INFINITY };

    Some(Estimate { lower: mean.lower.max(least).min(mean.point), ..mean })
}

/// The mean of positive rates, with an interval that is positive as well: Student's on the logarithm, by the linearized
/// standard error of the mean's logarithm.
///
/// `None` where there are fewer than two values, one is not positive, or they differ so much that the interval says
/// nothing ([`Estimate::narrows_ratio`]).
pub fn rate_estimate(values: &[f64], confidence: f64) -> Option<Estimate> {
    let Moments { n, mean, error } = Moments::of(values)?;
    if values.iter().any(|value| *value <= 0.0) {
        return None;
    }

    let factor = (student_quantile(0.5 + confidence / 2.0, n as f64 - 1.0) * error / mean).exp();
    let estimate = Estimate { point: mean, lower: mean / factor, upper: mean * factor, confidence, n };

    Some(estimate).filter(Estimate::narrows_ratio)
}

/// Number of values, their mean, and its standard error.
struct Moments {
    n: usize,
    mean: f64,
    error: f64,
}

impl Moments {
    /// `None` for fewer than two values, or where one is not finite.
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n < 2 {
            return None;
        }

        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (n - 1) as f64 / n as f64).sqrt();

        (mean.is_finite() && error.is_finite()).then_some(Self { n, mean, error })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: f64, expected: f64) -> bool {
        (got - expected).abs() < 1e-3
    }

    #[test]
    fn three_values() {
        // scipy.stats.t.interval(0.95, 2, loc=2, scale=1/sqrt(3)) is (-0.484, 4.484).
        let estimate = mean_estimate(&[1.0, 2.0, 3.0], 0.95);
        let is_right = |e: Estimate| near(e.point, 2.0) && near(e.lower, -0.4841) && near(e.upper, 4.4841);
        assert!(estimate.is_some_and(is_right), "{estimate:?}");

        assert_eq!(mean_estimate(&[], 0.95), None);
        assert_eq!(mean_estimate(&[5.0], 0.95), None);
    }

    #[test]
    fn amounts_are_not_below_zero() {
        let lower = |values: &[f64]| amount_estimate(values, 0.95).map(|found| found.lower.to_bits());
        assert_eq!(lower(&[1.0, 9.0]), Some(0.0_f64.to_bits()));
        assert_eq!(amount_estimate(&[3.0], 0.95).map(|found| found.n), Some(1));
        assert_eq!(amount_estimate(&[], 0.95), None);
    }

    #[test]
    fn rates_that_say_nothing_are_not_known() {
        assert_eq!(rate_estimate(&[10.0], 0.95), None);
        assert_eq!(rate_estimate(&[10.0, 40.0], 0.95), None, "t of one degree of freedom is 12.7");
        assert_eq!(rate_estimate(&[10.0, 0.0, 10.0], 0.95), None);

        let close = rate_estimate(&[10.0, 10.4, 9.9], 0.95);
        assert!(close.is_some_and(|found| found.lower > 9.0 && found.upper < 11.5), "{close:?}");
    }

    proptest! {
        #[test]
        fn rates_are_positive_and_hold_their_point(values in prop::collection::vec(0.001_f64..1e6, 0..9)) {
            if let Some(found) = rate_estimate(&values, 0.95) {
                prop_assert!(found.lower > 0.0 && found.lower <= found.point && found.point <= found.upper);
            }
        }
    }
}
