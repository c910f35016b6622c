//! Error rates spent over several looks at growing data.

use crate::normal;

/// Points at which the density of what has not stopped is kept.
const POINTS: usize = 240;
/// Standard deviations below 0 at which the density ends.
const REACH: f64 = 7.0;

/// The one-sided error at which the last of several looks is to be read, so that the chance of ever crossing
/// is at most `alpha`·t^`exponent` up to each look. `shares` are the shares t of the planned information at
/// the looks so far, ascending, the last being the present one; `alpha` itself for a single look at the end.
///
/// The density of the score at each look, among what did not cross before, is integrated numerically
/// (Armitage, McPherson & Rowe, J. R. Stat. Soc. A 132, 1969; Jennison & Turnbull 2000, ch. 19).
pub fn tail(shares: &[f64], alpha: f64, exponent: f64) -> f64 {
    let seen = shares.iter().position(|share| *share > 0.0).and_then(|first| shares.get(first..));
    let Some((first, later)) = seen.and_then(<[f64]>::split_first) else { return alpha };

    let mut spent = spent_at(*first, alpha, exponent);
    let mut level = spent;
    let mut bound = -normal::quantile(spent.max(f64::MIN_POSITIVE)) * first.sqrt();
    let mut density = Density::first(*first, bound);
    let mut before = *first;

    for (index, share) in later.iter().enumerate() {
        let deviation = (share - before).max(f64::MIN_POSITIVE).sqrt();
        let spent_by_now = spent_at(*share, alpha, exponent);
        bound = density.bound(deviation, *share, spent_by_now - spent);
        level = normal::cumulative(-bound / share.sqrt());
        if index + 1 < later.len() {
            density = density.next(deviation, *share, bound);
        }
        before = *share;
        spent = spent_by_now;
    }

    level
}

/// The error spent up to a share of the information: α·t^ρ (Kim & DeMets 1987).
fn spent_at(share: f64, alpha: f64, exponent: f64) -> f64 {
    alpha * share.clamp(0.0, 1.0).powf(exponent)
}

/// Density of the score below a bound, on an even grid with the weights of Simpson's rule in it.
struct Density {
    cells: Vec<(f64, f64)>,
}

impl Density {
    fn first(share: f64, bound: f64) -> Self {
        let deviation = share.sqrt();
        Self::on(share, bound, |score| bell(score / deviation) / deviation)
    }

    fn next(&self, deviation: f64, share: f64, bound: f64) -> Self {
        Self::on(share, bound, |score| {
            let cells = self.cells.iter();
            cells.map(|(from, mass)| mass * bell((score - from) / deviation)).sum::<f64>() / deviation
        })
    }

    fn on(share: f64, bound: f64, density: impl Fn(f64) -> f64) -> Self {
        let least = -REACH * share.sqrt();
        let step = (bound - least) / POINTS as f64;

        let mut cells = Vec::with_capacity(POINTS + 1);
        for index in 0..=POINTS {
            let weight = match index {
                0 | POINTS => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            };

            let score = least + step * index as f64;
            cells.push((score, density(score) * weight * step / 3.0));
        }

        Self { cells }
    }

    /// The bound that `spend` of the probability crosses after a further increment.
    fn bound(&self, deviation: f64, share: f64, spend: f64) -> f64 {
        let (mut low, mut high) = (-REACH * share.sqrt(), REACH * 2.0 * share.sqrt());
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if self.crossing(middle, deviation) > spend { low = middle } else { high = middle }
        }
        high
    }

    /// The probability that crosses a bound after a further increment.
    fn crossing(&self, bound: f64, deviation: f64) -> f64 {
        self.cells.iter().map(|(from, mass)| mass * normal::cumulative((from - bound) / deviation)).sum()
    }
}

/// Density of the standard normal distribution.
fn bell(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shares: &[f64], alpha: f64, exponent: f64, expected: &[f64]) {
        for (looks, expected) in expected.iter().enumerate() {
            let got = tail(&shares[..=looks], alpha, exponent);
            assert!((got - expected).abs() < 5e-6, "{shares:?} {looks}: {got} is not {expected}");
        }
    }

    /// Expected values: Python, each boundary solved from the joint normal distribution function of scipy
    /// 1.17 (`multivariate_normal.cdf`) instead of by recursion.
    #[test]
    fn known_values() {
        check(&[0.25, 0.5, 0.75, 1.0], 0.05, 3.0, &[0.000_781, 0.005_818, 0.018_699, 0.043_868]);
        check(&[1.0 / 3.0, 0.5, 2.0 / 3.0, 1.0], 0.05, 1.0, &[0.016_667, 0.015_134, 0.017_794, 0.029_149]);
        check(&[0.5, 1.0], 0.025, 3.0, &[0.003_125, 0.023_710]);
        check(&[0.2, 0.4, 0.6, 0.8, 1.0], 0.025, 1.0, &[0.005, 0.006_352, 0.007_958, 0.009_664, 0.011_437]);
        check(&[1.0], 0.05, 3.0, &[0.05]);
        check(&[], 0.05, 3.0, &[]);
    }

    #[test]
    fn strange_looks_stay_between_nothing_and_all() {
        for shares in [
            vec![0.5, 0.500_001],
            vec![1e-9, 1.0],
            vec![0.0, 0.5],
            (1..=64).map(|i| f64::from(i) / 64.0).collect(),
        ] {
            let got = tail(&shares, 0.05, 1.0);
            assert!((0.0..=0.05).contains(&got), "{shares:?}: {got}");
        }
    }
}
