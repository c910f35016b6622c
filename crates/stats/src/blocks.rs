//! Intervals of what a machine does, from the few blocks of a run.
//!
//! A meter reads once a window, and heat, a neighbor or a clock step moves all prompts of a window together, so
//! prompts are no independent measurements of joules or seconds. The unit is the block: the stretch in which
//! every variant answers the same prompts, each in a window of its own, in turn. What drifts from block to block
//! cancels in a comparison, and what is left is seen from how blocks differ.
//!
//! The variance is the jackknife's, one block left out at a time, and the bounds are Student's with one degree of
//! freedom less than there are blocks: "CV3" with t(G − 1), which keeps its error rate with few and unequal
//! clusters where a bootstrap or a normal quantile does not (Bell & McCaffrey, *Bias Reduction in Standard Errors
//! for Linear Regression with Multi-Stage Samples*, Surv. Methodol. 28, 2002; MacKinnon, Nielsen & Webb,
//! *Cluster-Robust Inference: A Guide to Empirical Practice*, J. Econom. 232, 2023). It is taken on the logarithm,
//! since costs, joules and rates are positive and compared as ratios.
//!
//! Prompts differ as well, and few blocks show that badly: four may agree by chance. So a [`Measured`] value has
//! the wider of two bounds, the bootstrap's over prompts and this one. Either holds alone where its kind of spread
//! is all there is, and blocks hold both kinds. Where a prompt was asked in several blocks (repetitions, joined
//! runs) they do not, and the two distances add in squares: the two-way variance of Cameron, Gelbach & Miller
//! (*Robust Inference with Multiway Clustering*, J. Bus. Econ. Stat. 29, 2011) without what it takes off again.

use infercost_core::Estimate;

use crate::bootstrap::{Distribution, Table};
use crate::normal::student_quantile;

/// Fewest blocks that say anything about how blocks differ. Two have one degree of freedom: their interval is
/// honest and wide.
pub const FEWEST_BLOCKS: usize = 2;
/// Fewest blocks for a comparison of two variants. Of two blocks the interval would reach from next to nothing to
/// thousands of times as much, which is no news.
pub const FEWEST_TO_COMPARE: usize = 3;
/// Natural logarithm of more than any interval should hold; beyond it a double ends.
const FARTHEST: f64 = 300.0;

/// Sums by block: the columns of a [`Table`] of prompts, with a row a block.
#[derive(Debug, Clone)]
pub struct Blocks {
    table: Table,
    observed: Vec<f64>,
    nested: bool,
}

impl Blocks {
    /// `nested` says that no prompt was asked in two blocks.
    pub fn new(table: Table, nested: bool) -> Self {
        let observed = table.sums();
        Self { table, observed, nested }
    }

    /// The statistic as observed, and without each block that bears on it (`presence` above 0), in the order of
    /// the blocks; NaN where it is not defined.
    pub fn without_each(&self, presence: usize, statistic: impl Fn(&[f64]) -> f64) -> (f64, Vec<f64>) {
        let without = self.without(|block| self.table.get(block, presence) > 0.0, &statistic);
        (statistic(&self.observed), without)
    }

    /// The statistic without each block, whether that bears on it or not: the values of several statistics stand side by
    /// side.
    pub fn without_every(&self, statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        self.without(|_| true, &statistic)
    }

    fn without(&self, is_left_out: impl Fn(usize) -> bool, statistic: &impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut without = vec![0.0; self.observed.len()];
        let mut values = Vec::new();

        for block in (0..self.table.prompts()).filter(|block| is_left_out(*block)) {
            for (column, (left, all)) in without.iter_mut().zip(&self.observed).enumerate() {
                *left = all - self.table.get(block, column);
            }
            values.push(statistic(&without));
        }
        values
    }

    /// The bounds of a statistic whose distribution over prompts is `prompts`; `None` where it bears on fewer than
    /// [`FEWEST_BLOCKS`], or is not defined without one of them.
    pub fn measured(
        &self,
        presence: usize,
        statistic: impl Fn(&[f64]) -> f64,
        prompts: Distribution,
    ) -> Option<Measured> {
        let (point, without) = self.without_each(presence, statistic);
        let is_ratio = point > 0.0 && without.iter().all(|value| *value > 0.0);
        let values: Vec<f64> =
            if is_ratio { without.iter().map(|value| value.ln()).collect() } else { without };
        let error = jackknife_error(&values)?;
        Some(Measured { prompts, error, blocks: values.len(), is_ratio, nested: self.nested })
    }

    /// True where no prompt was asked in two blocks.
    pub fn is_nested(&self) -> bool {
        self.nested
    }
}

/// Standard error from the values of a statistic without each block: √((G − 1) ÷ G × Σ(value − mean)²). `None`
/// for fewer than [`FEWEST_BLOCKS`], or where a value is not finite.
pub fn jackknife_error(without: &[f64]) -> Option<f64> {
    let blocks = without.len() as f64;
    let mean = without.iter().sum::<f64>() / blocks;
    let square: f64 = without.iter().map(|value| (value - mean).powi(2)).sum();
    let error = ((blocks - 1.0) / blocks * square).sqrt();
    (without.len() >= FEWEST_BLOCKS && error.is_finite()).then_some(error)
}

/// Student's deviate for a standard error from so many blocks.
pub fn deviate(level: f64, blocks: usize) -> f64 {
    student_quantile(level, blocks as f64 - 1.0)
}

/// The bound at a distance from `point` that holds what prompts and what blocks say; both lie on the same side.
pub fn joined(point: f64, by_prompts: f64, by_blocks: f64, nested: bool) -> f64 {
    let (one, other) = (by_prompts - point, by_blocks - point);
    let farther = if one.abs() > other.abs() { one } else { other };
    if nested { point + farther } else { point + one.hypot(other).copysign(farther) }
}

/// A value of what a machine did, with bounds that know of prompts and of blocks.
#[derive(Debug, Clone)]
pub struct Measured {
    prompts: Distribution,
    /// Of the logarithm where `is_ratio`.
    error: f64,
    blocks: usize,
    is_ratio: bool,
    nested: bool,
}

impl Measured {
    /// Blocks behind it.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The same of two machines that were measured apart, the one with the fewer blocks in so many of them: its blocks
    /// alone say how its windows differ, and every prompt was asked in two. The jackknife over the blocks of both adds
    /// what either varies by.
    #[must_use]
    pub fn of_two_machines(self, fewest_blocks: usize) -> Self {
        Self { blocks: self.blocks.min(fewest_blocks), nested: false, ..self }
    }

    /// The bound below which the truth lies with one-sided probability `level`.
    pub fn bound(&self, level: f64) -> f64 {
        let point = self.prompts.point;
        let distance = deviate(level, self.blocks) * self.error;
        let by_blocks =
            if self.is_ratio { distance.clamp(-FARTHEST, FARTHEST).exp() * point } else { point + distance };
        let by_prompts = self.prompts.bound(level);
        let by_prompts = if level < 0.5 { by_prompts.min(point) } else { by_prompts.max(point) };
        if self.is_ratio && by_prompts > 0.0 {
            joined(point.ln(), by_prompts.ln(), by_blocks.ln(), self.nested).exp()
        } else {
            joined(point, by_prompts, by_blocks, self.nested)
        }
    }

    /// Point and two-sided interval; `None` where a bound is not finite, or the interval of a positive quantity says
    /// nothing ([`Estimate::narrows_ratio`]).
    pub fn estimate(&self, confidence: f64) -> Option<Estimate> {
        let tail = (1.0 - confidence) / 2.0;
        self.interval(tail, tail, confidence)
    }

    /// Point and an interval with the given errors below and above it, under the given name of confidence.
    pub fn interval(&self, below: f64, above: f64, confidence: f64) -> Option<Estimate> {
        let point = self.prompts.point;
        let (lower, upper) = (self.bound(below), self.bound(1.0 - above));
        if !lower.is_finite() || !upper.is_finite() {
            return None;
        }

        let n = self.prompts.n;
        let interval = Estimate { point, lower: lower.min(point), upper: upper.max(point), confidence, n };
        (!self.is_ratio || interval.narrows_ratio()).then_some(interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jackknife of a mean is its standard error s ÷ √n.
    #[test]
    fn known_errors() {
        let mean_without = |values: &[f64]| -> Vec<f64> {
            let sum: f64 = values.iter().sum();
            values.iter().map(|value| (sum - value) / (values.len() - 1) as f64).collect()
        };
        for (values, expected) in [
            (&[1.0, 2.0, 3.0][..], Some(0.577_350_269)),
            (&[2.0, 2.0, 2.0, 2.0], Some(0.0)),
            (&[1.0, 3.0], Some(1.0)),
            (&[1.0], None),
            (&[], None),
            (&[1.0, f64::NAN, 2.0], None),
        ] {
            let got = jackknife_error(&mean_without(values));
            let near = match (got, expected) {
                (Some(got), Some(expected)) => f64::abs(got - expected) < 1e-9,
                (got, expected) => got == expected,
            };
            assert!(near, "{values:?}: {got:?} is not {expected:?}");
        }
    }

    #[test]
    fn bounds_join() {
        for (by_prompts, by_blocks, nested, expected) in [
            (8.0, 7.0, true, 7.0),
            (6.0, 7.0, true, 6.0),
            (13.0, 14.0, true, 14.0),
            (13.0, 14.0, false, 15.0),
            (7.0, 6.0, false, 5.0),
            (10.0, 10.0, false, 10.0),
        ] {
            let got = joined(10.0, by_prompts, by_blocks, nested);
            assert!((got - expected).abs() < 1e-12, "{by_prompts} {by_blocks} {nested}: {got}");
        }
    }
}
