//! Intervals of percentiles.

use infercost_core::Estimate;
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::blocks::{FEWEST_BLOCKS, deviate, jackknife_error, joined};
use crate::quantile::quantile;

/// One timed answer: its prompt, the block in which that was asked, and the value.
pub type Timed = (usize, usize, f64);

/// The percentile `p` of pooled values with a two-sided interval; `None` where the prompts are too few for an end, or
/// lie in one block.
///
/// By prompts the ends are order statistics: the number of values below the percentile is binomial, whatever their
/// distribution (Conover, *Practical Nonparametric Statistics*, 1999, § 3.2); repetitions of a prompt count as one. By
/// blocks it is the jackknife of the logarithm with Student's deviate, which holds for percentiles since a block is
/// many values (Shao & Wu, *A General Theory for Jackknife Variance Estimation*, Ann. Stat. 17, 1989). The two are
/// joined as for other measurements (see [`crate::blocks`]).
pub fn percentile(values: &[Timed], p: f64, confidence: f64, nested: bool) -> Option<Estimate> {
    let prompts = distinct(values.iter().map(|value| value.0));
    let blocks = distinct(values.iter().map(|value| value.1));
    if blocks.len() < FEWEST_BLOCKS {
        return None;
    }

    let all = sorted_without(values, None);
    let point = quantile(&all, p)?;
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = ranks(prompts.len(), p, tail)?;

    let mut without = Vec::with_capacity(blocks.len());
    for block in &blocks {
        without.push(quantile(&sorted_without(values, Some(*block)), p)?.ln());
    }
    let error = jackknife_error(&without)?;

    let mut ends = [point; 2];
    for (end, (rank, level)) in ends.iter_mut().zip([(low, tail), (high, 1.0 - tail)]) {
        let share = (rank - 1) as f64 / (prompts.len() - 1) as f64;
        let by_prompts = quantile(&all, share)?.ln();
        let by_blocks = point.ln() + deviate(level, blocks.len()) * error;
        *end = joined(point.ln(), by_prompts, by_blocks, nested).exp();
    }

    let [lower, upper] = ends;
    let (lower, upper) = (lower.min(point), upper.max(point));
    let is_sound = lower.is_finite() && upper.is_finite();
    is_sound.then_some(Estimate { point, lower, upper, confidence, n: prompts.len() })
}

/// Distinct numbers, ascending.
fn distinct(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut all: Vec<usize> = numbers.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Positive values in ascending order, without those of one block.
fn sorted_without(values: &[Timed], left_out: Option<usize>) -> Vec<f64> {
    let kept = values.iter().filter(|value| Some(value.1) != left_out);
    let mut kept: Vec<f64> = kept.map(|value| value.2).filter(|value| *value > 0.0).collect();

    kept.sort_unstable_by(f64::total_cmp);
    kept
}

/// Ranks, from 1, of the order statistics of `n` values that hold the percentile `p` but for `tail` on either side.
fn ranks(n: usize, p: f64, tail: f64) -> Option<(usize, usize)> {
    let binomial = Binomial::new(p, n as u64).ok()?;

    // The r-th smallest lies above the percentile where fewer than r values lie below it.
    let low = (1..=n).rev().find(|rank| binomial.cdf(*rank as u64 - 1) <= tail)?;
    let high = (1..=n).find(|rank| binomial.cdf(*rank as u64 - 1) >= 1.0 - tail)?;
    (n > 1).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: Hahn & Meeker, *Statistical Intervals*, 1991, two-sided 95 % for the median; for the 95th
    /// percentile 1 − 0.95^n ≥ 0.975 from n = 72 on.
    #[test]
    fn known_ranks() {
        for (n, p, expected) in [
            (10, 0.5, Some((2, 9))),
            (20, 0.5, Some((6, 15))),
            (5, 0.5, None),
            (71, 0.95, None),
            (1, 0.5, None),
            (0, 0.5, None),
        ] {
            assert_eq!(ranks(n, p, 0.025), expected, "{n} {p}");
        }
        assert_eq!(ranks(72, 0.95, 0.025).map(|(_, high)| high), Some(72));
    }

    #[test]
    fn a_slow_block_widens() {
        let of = |slow: f64| -> Vec<Timed> {
            let value = |i: usize| 1.0 + (i % 10) as f64 / 10.0;
            (0..40).map(|i| (i, i / 10, value(i) * if i < 10 { slow } else { 1.0 })).collect()
        };
        let width =
            |slow: f64| percentile(&of(slow), 0.5, 0.95, true).map_or(0.0, |found| found.upper / found.lower);
        assert!(width(1.0) > 1.0 && width(2.0) > 1.2 * width(1.0), "{} {}", width(1.0), width(2.0));
        assert_eq!(percentile(&of(1.0)[..10], 0.5, 0.95, true), None, "one block");
        assert_eq!(percentile(&[], 0.5, 0.95, true), None);
    }
}
