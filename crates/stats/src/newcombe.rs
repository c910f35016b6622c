//! Newcombe's interval for the difference of two paired proportions.

use crate::wilson::wilson;

/// Answers of two variants to the same prompts, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairedCounts {
    /// Both right.
    pub both_right: usize,
    /// Baseline right, candidate wrong.
    pub right_to_wrong: usize,
    /// Baseline wrong, candidate right.
    pub wrong_to_right: usize,
    /// Both wrong.
    pub both_wrong: usize,
}

impl PairedCounts {
    /// Prompts.
    pub fn total(&self) -> usize {
        self.both_right + self.right_to_wrong + self.wrong_to_right + self.both_wrong
    }

    /// The same with the two variants' parts exchanged.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self { right_to_wrong: self.wrong_to_right, wrong_to_right: self.right_to_wrong, ..self }
    }

    /// Share right of the baseline; 0 without prompts.
    pub fn baseline_share(&self) -> f64 {
        (self.both_right + self.right_to_wrong) as f64 / self.total().max(1) as f64
    }

    /// Share right of the candidate minus share right of the baseline; 0 without prompts.
    pub fn difference(&self) -> f64 {
        let n = self.total().max(1) as f64;
        (self.wrong_to_right as f64 - self.right_to_wrong as f64) / n
    }
}

/// Two-sided interval for candidate minus baseline, with `z` standard normal deviates on either side:
/// method 10 of Newcombe, *Improved confidence intervals for the difference between binomial proportions
/// based on paired data*, Stat. Med. 17, 1998 (Wilson intervals joined by a continuity-corrected φ).
/// [−1, 1] without prompts.
///
/// It does not collapse where no pair is discordant, as a bootstrap would.
pub fn newcombe_paired(counts: PairedCounts, z: f64) -> (f64, f64) {
    let n = counts.total();
    if n == 0 {
        return (-1.0, 1.0);
    }

    let size = n as f64;
    let candidate_right = (counts.both_right + counts.wrong_to_right) as f64;
    let baseline_right = (counts.both_right + counts.right_to_wrong) as f64;
    let (candidate, baseline) = (candidate_right / size, baseline_right / size);
    let (candidate_low, candidate_high) = wilson(candidate_right, n, z);
    let (baseline_low, baseline_high) = wilson(baseline_right, n, z);

    let phi = phi(counts);
    let difference = counts.difference();
    let below = joined_distance(candidate - candidate_low, baseline_high - baseline, phi);
    let above = joined_distance(candidate_high - candidate, baseline - baseline_low, phi);

    ((difference - below).max(-1.0), (difference + above).min(1.0))
}

/// Distance of an end of the difference from its point, by those of the two proportions and their correlation.
fn joined_distance(candidate: f64, baseline: f64, phi: f64) -> f64 {
    (candidate * candidate - 2.0 * phi * candidate * baseline + baseline * baseline).max(0.0).sqrt()
}

/// A share as counted: so many of `n`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Of them.
    pub count: f64,
    /// All.
    pub n: usize,
}

/// Two-sided interval for the difference of two independent proportions, `one` − `other`: method 10 of Newcombe,
/// *Interval estimation for the difference between independent proportions*, Stat. Med. 17, 1998. [−1, 1] where either
/// is of nothing.
pub fn newcombe_independent(one: Share, other: Share, z: f64) -> (f64, f64) {
    if one.n == 0 || other.n == 0 {
        return (-1.0, 1.0);
    }

    let (p, q) = (one.count / one.n as f64, other.count / other.n as f64);
    let (p_low, p_high) = wilson(one.count, one.n, z);
    let (q_low, q_high) = wilson(other.count, other.n, z);
    let difference = p - q;
    let below = (p - p_low).hypot(q_high - q);
    let above = (p_high - p).hypot(q - q_low);

    ((difference - below).max(-1.0), (difference + above).min(1.0))
}

/// Correlation of the pairs, its numerator moved toward 0 by n/2 where it is positive; 0 where undefined.
fn phi(counts: PairedCounts) -> f64 {
    let [a, b, c, d] = [counts.both_right, counts.right_to_wrong, counts.wrong_to_right, counts.both_wrong]
        .map(|count| count as f64);
    let product = (a + b) * (c + d) * (a + c) * (b + d);
    if product <= 0.0 {
        return 0.0;
    }
    let covariance = a * d - b * c;
    let half = (a + b + c + d) / 2.0;
    let corrected = if covariance > 0.0 { (covariance - half).max(0.0) } else { covariance };
    corrected / product.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check((a, b, c, d): (usize, usize, usize, usize), expected: (f64, f64)) {
        let counts = PairedCounts { both_right: a, right_to_wrong: b, wrong_to_right: c, both_wrong: d };
        let got = newcombe_paired(counts, 1.959_963_984_540_054);
        let near = (got.0 - expected.0).abs() < 5e-5 && (got.1 - expected.1).abs() < 5e-5;
        assert!(near, "{counts:?}: {got:?} is not {expected:?}");
    }

    /// Expected values: a separate Python implementation from the paper's formulae over statsmodels' Wilson
    /// intervals.
    #[test]
    fn known_values() {
        NEWCOMBE_CASES.iter().for_each(|(counts, expected)| check(*counts, *expected));
    }

    /// Expected values: table II of the paper, method 10.
    #[test]
    fn independent_proportions() {
        for (one, other, expected) in [
            ((56.0, 70), (48.0, 80), (0.0524, 0.3339)),
            ((9.0, 10), (3.0, 10), (0.1705, 0.8090)),
            ((10.0, 10), (0.0, 20), (0.6791, 1.0)),
        ] {
            let share = |(count, n)| Share { count, n };
            let got = newcombe_independent(share(one), share(other), 1.959_963_984_540_054);
            let near = (got.0 - expected.0).abs() < 5e-5 && (got.1 - expected.1).abs() < 5e-5;
            assert!(near, "{one:?} {other:?}: {got:?} is not {expected:?}");
        }
    }

    #[test]
    fn no_discordant_pair_is_not_certainty() {
        let counts = PairedCounts { both_right: 60, both_wrong: 40, ..PairedCounts::default() };
        let (low, high) = newcombe_paired(counts, 1.645);
        assert!(low < -0.01 && high > 0.01, "[{low}, {high}]");
    }

    type Case = ((usize, usize, usize, usize), (f64, f64));

    const NEWCOMBE_CASES: &[Case] = &[
        ((36, 12, 2, 0), (-0.340428, -0.056930)),
        ((53, 0, 1, 0), (-0.049622, 0.097714)),
        ((60, 0, 0, 40), (-0.020608, 0.020608)),
        ((54, 5, 3, 38), (-0.077709, 0.038044)),
        ((100, 0, 0, 0), (-0.036993, 0.036993)),
        ((0, 30, 0, 30), (-0.622650, -0.363385)),
        ((1, 1, 1, 1), (-0.494920, 0.494920)),
        ((2, 14, 3, 1), (-0.778825, -0.163936)),
    ];
}
