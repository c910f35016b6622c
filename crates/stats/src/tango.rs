//! Tango's score test of non-inferiority for paired answers.

use crate::newcombe::PairedCounts;
use crate::normal;

/// One-sided p-value against the claim that the candidate's share of right answers lies less than `margin`
/// below the baseline's (Tango, *Equivalence test and confidence interval for the difference in proportions
/// for the paired-sample design*, Stat. Med. 17, 1998). 1 without prompts.
///
/// The variance is estimated under the hypothesis of a loss of just the margin, so few flips do not make it
/// look small: with several candidates and small sets this keeps the error rate where an interval read far
/// out in its tail does not.
pub fn inferiority_p(counts: PairedCounts, margin: f64) -> f64 {
    let n = counts.total() as f64;
    let margin = margin.clamp(0.0, 1.0);
    if n <= 0.0 {
        return 1.0;
    }
    let (lost, won) = (counts.right_to_wrong as f64, counts.wrong_to_right as f64);
    let a = 2.0 * n;
    let b = (2.0 * n - lost + won) * margin - lost - won;
    let c = -won * margin * (1.0 - margin);
    let share_won = ((b * b - 4.0 * a * c).max(0.0).sqrt() - b) / (2.0 * a);
    let variance = n * (2.0 * share_won + margin * (1.0 - margin));
    let distance = lost - won - n * margin;
    if variance > 0.0 { normal::cumulative(distance / variance.sqrt()) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check((a, b, c, d): (usize, usize, usize, usize), margin: f64, expected: f64) {
        let counts = PairedCounts { both_right: a, right_to_wrong: b, wrong_to_right: c, both_wrong: d };
        let got = inferiority_p(counts, margin);
        assert!((got - expected).abs() < 1e-5, "{counts:?} at {margin}: {got} is not {expected}");
    }

    /// Expected values: Python, the constrained likelihood maximized numerically with scipy 1.17 instead of
    /// in closed form.
    #[test]
    fn known_values() {
        TANGO_CASES.iter().for_each(|(counts, margin, expected)| check(*counts, *margin, *expected));
        check((0, 0, 0, 0), 0.1, 1.0);
        check((60, 0, 0, 40), 0.0, 1.0);
    }

    type Case = ((usize, usize, usize, usize), f64, f64);

    const TANGO_CASES: &[Case] = &[
        ((43, 0, 1, 0), 0.1, 0.007152939),
        ((60, 3, 1, 36), 0.08, 0.019764107),
        ((80, 10, 5, 5), 0.05, 0.500000000),
        ((30, 0, 0, 20), 0.1, 0.009211063),
        ((20, 8, 0, 22), 0.1, 0.921350396),
        ((500, 40, 30, 430), 0.02, 0.119573516),
    ];
}
