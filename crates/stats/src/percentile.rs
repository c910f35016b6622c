//! Intervals of percentiles.

use infercost_core::Estimate;
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::blocks::{FEWEST_BLOCKS, deviate, jackknife_error, joined};
use crate::quantile::{quantile, quantile_of};

/// One timed answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// The place of its prompt.
    pub prompt: u32,
    /// The place of the block in which that was asked.
    pub block: u32,
    /// Its time, in seconds.
    pub value: f64,
}

/// Times of many answers, sorted once, however many percentiles and blocks there are.
#[derive(Debug, Clone)]
pub struct Pooled {
    prompts: usize,
    /// Those above zero, ascending.
    values: Vec<f64>,
    /// By block: where its values stand in that order, ascending.
    places: Vec<Vec<u32>>,
}

impl Pooled {
    /// Pools these answers.
    pub fn of(mut timed: Vec<Timed>) -> Self {
        timed.sort_unstable_by_key(|one| one.prompt);
        let prompts = timed.chunk_by(|one, other| one.prompt == other.prompt).count();
        timed.sort_unstable_by_key(|one| one.block);
        let blocks: Vec<u32> = timed
            .chunk_by(|one, other| one.block == other.block)
            .flat_map(<[_]>::first)
            .map(|one| one.block)
            .collect();

        timed.retain(|one| one.value > 0.0);
        timed.sort_unstable_by(|one, other| one.value.total_cmp(&other.value));
        let mut places = vec![Vec::new(); blocks.len()];
        for (place, one) in (0..).zip(&timed) {
            let block = blocks.binary_search(&one.block).ok();
            if let Some(of_block) = block.and_then(|block| places.get_mut(block)) {
                of_block.push(place);
            }
        }

        Self { prompts, values: timed.iter().map(|one| one.value).collect(), places }
    }

    /// The percentile `p` of the values with a two-sided interval; `None` where the prompts are too few for an end, or
    /// lie in one block.
    ///
    /// By prompts the ends are order statistics: the number of values below the percentile is binomial, whatever their
    /// distribution (Conover, *Practical Nonparametric Statistics*, 1999, § 3.2); repetitions of a prompt count as one. By
    /// blocks it is the jackknife of the logarithm with Student's deviate, which holds for percentiles since a block is
    /// many values (Shao & Wu, *A General Theory for Jackknife Variance Estimation*, Ann. Stat. 17, 1989). The two are
    /// joined as for other measurements (see [`crate::blocks`]).
    pub fn percentile(&self, p: f64, confidence: f64, nested: bool) -> Option<Estimate> {
        let (prompts, blocks) = (self.prompts, self.places.len());
        if blocks < FEWEST_BLOCKS {
            return None;
        }

        let point = quantile(&self.values, p)?;
        let tail = (1.0 - confidence) / 2.0;
        let (low, high) = ranks(prompts, p, tail)?;

        let without: Option<Vec<f64>> =
            self.places.iter().map(|places| self.quantile_without(places, p).map(f64::ln)).collect();
        let error = jackknife_error(&without?)?;

        let end = |rank: usize, level: f64| {
            let share = (rank - 1) as f64 / (prompts - 1) as f64;
            let by_prompts = quantile(&self.values, share)?.ln();
            let by_blocks = point.ln() + deviate(level, blocks) * error;
            Some(joined(point.ln(), by_prompts, by_blocks, nested).exp())
        };

        let (lower, upper) = (end(low, tail)?.min(point), end(high, 1.0 - tail)?.max(point));
        let is_sound = lower.is_finite() && upper.is_finite();
        is_sound.then_some(Estimate { point, lower, upper, confidence, n: prompts })
    }

    /// The quantile of what is left without the values at `places`.
    fn quantile_without(&self, places: &[u32], p: f64) -> Option<f64> {
        let last = (self.values.len() - places.len()).checked_sub(1)?;
        quantile_of(last, p, |rank| self.values.get(place_of(rank, places)).copied())
    }
}

/// Where the value of that rank stands among all, the ones at `left_out` not counted.
fn place_of(rank: usize, left_out: &[u32]) -> usize {
    let mut place = rank;
    for gap in left_out {
        if *gap as usize > place {
            break;
        }
        place += 1;
    }
    place
}

/// Ranks, from 1, of the order statistics of `n` values that hold the percentile `p` but for `tail` on either side.
fn ranks(n: usize, p: f64, tail: f64) -> Option<(usize, usize)> {
    let binomial = Binomial::new(p, n as u64).ok()?;
    // The r-th smallest lies above the percentile where fewer than r values lie below it.
    let below = |rank: usize| binomial.cdf(rank as u64 - 1);
    // It grows with the rank, so both ends are found by halving.
    let low = first_rank(n, |rank| below(rank) > tail).checked_sub(1).filter(|rank| *rank > 0)?;
    let high = first_rank(n, |rank| below(rank) >= 1.0 - tail);
    (n > 1 && high <= n).then_some((low, high))
}

/// The first of the ranks 1 to `n` at which something holds that holds at all later ones too; `n` + 1 where it never
/// does.
fn first_rank(n: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut first, mut end) = (1, n + 1);
    while first < end {
        let middle = first.midpoint(end);
        if holds(middle) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    first
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

    fn timed(prompt: u32, block: u32, value: f64) -> Timed {
        Timed { prompt, block, value }
    }

    /// Leaving values out of a sorted list is sorting what is left.
    #[test]
    fn without_a_block() {
        let all: Vec<Timed> = (0..60).map(|i| timed(i, (i * 7) % 5, f64::from((i * 37) % 23))).collect();
        let pooled = Pooled::of(all.clone());
        assert_eq!((pooled.prompts, pooled.places.len()), (60, 5));

        for (block, places) in (0..).zip(&pooled.places) {
            let kept = all.iter().filter(|one| one.block != block && one.value > 0.0);
            let mut kept: Vec<f64> = kept.map(|one| one.value).collect();
            kept.sort_unstable_by(f64::total_cmp);

            for p in [0.0, 0.1, 0.5, 0.95, 1.0] {
                assert_eq!(pooled.quantile_without(places, p), quantile(&kept, p), "{block} {p}");
            }
        }

        let pooled = Pooled::of(vec![timed(0, 0, 1.0), timed(1, 0, 2.0)]);
        assert_eq!(pooled.quantile_without(&[0, 1], 0.5), None, "nothing is left");
    }

    #[test]
    fn a_slow_block_widens() {
        let of = |slow: f64, count: u32| {
            let value = |i: u32| 1.0 + f64::from(i % 10) / 10.0;
            let one = |i: u32| timed(i, i / 10, value(i) * if i < 10 { slow } else { 1.0 });
            Pooled::of((0..count).map(one).collect()).percentile(0.5, 0.95, true)
        };
        let width = |slow: f64| of(slow, 40).map_or(0.0, |found| found.upper / found.lower);
        assert!(width(1.0) > 1.0 && width(2.0) > 1.2 * width(1.0), "{} {}", width(1.0), width(2.0));
        assert_eq!(of(1.0, 10), None, "one block");
        assert_eq!(of(1.0, 0), None);
    }
}
