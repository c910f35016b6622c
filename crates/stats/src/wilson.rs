//! Wilson's score interval for one proportion.

/// Two-sided interval for a proportion of `successes` in `n` independent trials, with `z` standard normal
/// deviates on either side (Wilson, J. Am. Stat. Assoc. 22, 1927). [0, 1] where `n` is 0.
///
/// `successes` may be fractional: scores between 0 and 1 vary no more than a proportion with the same mean,
/// so the interval then errs on the wide side.
pub fn wilson(successes: f64, n: usize, z: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let n = n as f64;
    let p = (successes / n).clamp(0.0, 1.0);
    let center = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((center - half) / scale).clamp(0.0, p), ((center + half) / scale).clamp(p, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(successes: f64, n: usize, expected: (f64, f64)) {
        let got = wilson(successes, n, 1.959_963_984_540_054);
        let near = (got.0 - expected.0).abs() < 1e-7 && (got.1 - expected.1).abs() < 1e-7;
        assert!(near, "{successes}/{n}: {got:?} is not {expected:?}");
    }

    /// Expected values: statsmodels 0.15 `proportion_confint(…, method="wilson")`.
    #[test]
    fn known_values() {
        WILSON_CASES.iter().for_each(|(successes, n, expected)| check(*successes, *n, *expected));
        check(0.0, 0, (0.0, 1.0));
    }

    const WILSON_CASES: &[(f64, usize, (f64, f64))] = &[
        (0.0, 10, (0.000000000, 0.277532800)),
        (10.0, 10, (0.722467200, 1.000000000)),
        (5.0, 10, (0.236593091, 0.763406909)),
        (81.0, 263, (0.255288520, 0.366209577)),
        (1.0, 1, (0.206549314, 1.000000000)),
        (970.0, 1000, (0.957496586, 0.978906261)),
    ];
}
