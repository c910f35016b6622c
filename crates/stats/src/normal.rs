//! The standard normal and Student's t distributions.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Φ(z): the probability that a standard normal value lies below `z`.
pub fn cumulative(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Φ⁻¹(p): the value below which a standard normal value lies with probability `p`; ±∞ at 1 and 0.
pub fn quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(0.0, 1.0))
}

/// The same for Student's t with the given degrees of freedom; the normal quantile where they are not
/// positive and finite.
pub fn student_quantile(p: f64, degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or_else(|_| quantile(p), |t| t.inverse_cdf(p.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
    }

    /// Expected values: scipy 1.17 `norm.cdf`, `norm.ppf` and `t.ppf`.
    #[test]
    fn known_values() {
        check(cumulative(1.0), 0.841_344_746_068_542_9);
        check(quantile(0.975), 1.959_963_984_540_054);
        check(quantile(0.05), -1.644_853_626_951_472_2);
        check(student_quantile(0.975, 4.0), 2.776_445_105_197_793_4);
        check(student_quantile(0.05, 29.0), -1.699_127_026_533_497_4);
    }
}
