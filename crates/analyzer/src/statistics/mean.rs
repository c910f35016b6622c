//! The mean of a few repetitions.

use infercost_core::Estimate;

use super::normal::student_quantile;

/// The mean with Student's t interval (two-sided); `None` for no values. A single value has an interval without
/// end, since it says nothing about its own spread.
///
/// Student, "The probable error of a mean", Biometrika 6 (1908).
pub fn mean_estimate(values: &[f64], confidence: f64) -> Option<Estimate> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let half = if n == 1 {
        f64::INFINITY
    } else {
        let degrees = (n - 1) as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / degrees;
        student_quantile(0.5 + confidence / 2.0, degrees) * (variance / n as f64).sqrt()
    };
    Some(Estimate { point: mean, lower: mean - half, upper: mean + half, confidence, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_values() {
        // scipy.stats.t.interval(0.95, 2, loc=2, scale=1/sqrt(3)) is (-0.484, 4.484).
        let estimate = mean_estimate(&[1.0, 2.0, 3.0], 0.95);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
        assert!(
            estimate.is_some_and(|e| near(e.point, 2.0) && near(e.lower, -0.4841) && near(e.upper, 4.4841))
        );
        assert_eq!(mean_estimate(&[], 0.95), None);
        assert!(mean_estimate(&[5.0], 0.95).is_some_and(|e| e.upper.is_infinite()));
    }
}
