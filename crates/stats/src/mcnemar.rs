//! McNemar's exact test for paired right and wrong answers.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Two-sided exact p-value that flips in both directions are equally likely: twice the lower tail of a
/// binomial with p = ½ over the discordant pairs, at most 1 (McNemar, Psychometrika 12, 1947). 1 without
/// discordant pairs.
pub fn exact_p(right_to_wrong: u64, wrong_to_right: u64) -> f64 {
    let discordant = right_to_wrong.saturating_add(wrong_to_right);
    Binomial::new(0.5, discordant)
        .map_or(1.0, |flips| (2.0 * flips.cdf(right_to_wrong.min(wrong_to_right))).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(right_to_wrong: u64, wrong_to_right: u64, expected: f64) {
        let got = exact_p(right_to_wrong, wrong_to_right);
        assert!((got - expected).abs() < 1e-9, "{right_to_wrong}, {wrong_to_right}: {got} is not {expected}");
    }

    /// Expected values: statsmodels 0.15 `mcnemar(…, exact=True)`.
    #[test]
    fn known_values() {
        MCNEMAR_CASES.iter().for_each(|(b, c, expected)| check(*b, *c, *expected));
        check(0, 0, 1.0);
    }

    const MCNEMAR_CASES: &[(u64, u64, f64)] = &[
        (1, 0, 1.000000000000),
        (5, 3, 0.726562500000),
        (10, 2, 0.038574218750),
        (0, 8, 0.007812500000),
        (30, 12, 0.007915897335),
        (4, 4, 1.000000000000),
    ];
}
