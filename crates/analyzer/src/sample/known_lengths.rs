//! The interval of a cost ratio at the lengths that were asked.
//!
//! The lengths of prompts and of the baseline's answers are what a workload is: they are known, and no error. What is left
//! is how the machine and the variant vary, and, where a part of a set was run, how the rest of it may differ.

use std::collections::{HashMap, HashSet};

use infercost_core::{Estimate, Fact, RunRecord};
use infercost_stats::controls::{Known, MeanError, Part};

use super::columns::{Own, Pair, Totals};
use super::{Samples, VariantSample};

/// One-sided errors at the two ends of an interval, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RatioTails {
    pub(crate) below: f64,
    pub(crate) above: f64,
    pub(crate) confidence: f64,
}

/// A ratio with the error of its logarithm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RatioAtLengths {
    ratio: f64,
    error: MeanError,
    prompts: usize,
    /// Mean tokens of prompts and of the baseline's answers.
    read: f64,
    written: f64,
}

impl RatioAtLengths {
    /// `None` where the interval says nothing.
    pub(crate) fn interval(&self, tails: RatioTails) -> Option<Estimate> {
        let (down, up) = (self.error.distance(tails.below), self.error.distance(tails.above));
        let estimate = Estimate {
            point: self.ratio,
            lower: self.ratio * (-down).exp(),
            upper: self.ratio * up.exp(),
            confidence: tails.confidence,
            n: self.prompts,
        };
        (estimate.upper.is_finite() && estimate.narrows_ratio()).then_some(estimate)
    }

    /// What it holds for.
    pub(crate) fn fact(&self) -> Fact {
        Fact::SavingAtLengths {
            prompt_tokens: (self.read > 0.0).then_some(self.read),
            answer_tokens: self.written,
        }
    }
}

impl Samples<'_> {
    /// The ratio of a variant's cost to the baseline's with its error at given lengths; `None` where the two are not of one
    /// run, a prompt was asked in several blocks of it, or there are too few prompts to tell.
    pub(crate) fn at_known_lengths(
        &self,
        variant: usize,
        runs: &[RunRecord],
        ratio: &impl Fn(Totals<'_>) -> f64,
    ) -> Option<RatioAtLengths> {
        let baseline = self.variants.first().filter(|_| self.blocks.is_nested())?;
        let run = only_run(runs, baseline, self.variants.get(variant)?)?;
        let observed = ratio(self.observed());
        if !observed.is_finite() || observed <= 0.0 {
            return None;
        }

        // What each prompt does to the logarithm of the ratio (Efron's pseudo-values, less their mean).
        let presence = self.layout.pair(variant, Pair::Shared);
        let of_cells = |cells: &[f64]| ratio(Totals { cells, layout: self.layout });
        let without = self.resampled.without_each(presence, of_cells);
        let others = without.len() as f64 - 1.0;
        let rows: Vec<usize> = without.iter().map(|(row, _)| *row).collect();
        let values: Vec<f64> =
            without.iter().map(|(_, value)| others * (observed.ln() - value.ln())).collect();

        let read = self.of_baseline(&rows, Own::PrefillTokens);
        let written = self.of_baseline(&rows, Own::Output);
        let balanced = balanced(run, self, &rows, &read);
        let share = rows.len() as f64 / f64::from(run.header.prompts.total.max(1));
        let part = (share < 1.0).then_some(Part { share, balanced: &balanced });

        let (mean_read, mean_written) = (mean(&read), mean(&written));
        let lengths = [read, written];
        let blocks = blocks(baseline, &rows)?;
        let error = MeanError::of(&values, &Known { lengths: &lengths, blocks: &blocks, part })?;
        Some(RatioAtLengths {
            ratio: observed,
            error,
            prompts: rows.len(),
            read: mean_read,
            written: mean_written,
        })
    }

    /// A column of the baseline's own, by row.
    fn of_baseline(&self, rows: &[usize], column: Own) -> Vec<f64> {
        let column = self.layout.own(self.baseline, column);
        rows.iter().map(|row| self.resampled.cell(*row, column)).collect()
    }
}

/// The run that both are of; `None` where there are several.
fn only_run<'r>(
    runs: &'r [RunRecord],
    baseline: &VariantSample<'_>,
    variant: &VariantSample<'_>,
) -> Option<&'r RunRecord> {
    let [first, rest @ ..] = baseline.runs.as_slice() else { return None };
    let is_one = rest.iter().chain(&variant.runs).all(|run| run == first);
    runs.get(*first).filter(|_| is_one)
}

fn mean(column: &[f64]) -> f64 {
    column.iter().sum::<f64>() / column.len() as f64
}

/// The block of each row; `None` where a prompt was not asked in any.
fn blocks(baseline: &VariantSample<'_>, rows: &[usize]) -> Option<Vec<usize>> {
    let mut of_prompt = HashMap::new();
    for asking in &baseline.askings {
        of_prompt.insert(asking.place.prompt(), asking.place.block());
    }
    rows.iter().map(|row| of_prompt.get(row).copied()).collect()
}

/// What the way of drawing a part of a set has balanced: kinds, and lengths of prompts. Nothing where the whole set was to
/// be run and is not over yet, nor in runs of before parts were drawn so.
fn balanced(run: &RunRecord, samples: &Samples<'_>, rows: &[usize], read: &[f64]) -> Vec<Vec<f64>> {
    let prompts = &run.header.prompts;
    let is_drawn = u32::try_from(prompts.chosen.len()).is_ok_and(|chosen| chosen < prompts.total);
    if !is_drawn || prompts.kinds.is_empty() {
        return Vec::new();
    }

    let mut columns = vec![read.to_vec()];
    for kind in &prompts.kinds {
        let members: HashSet<usize> =
            kind.chosen.iter().filter_map(|prompt| samples.rows.get(prompt).copied()).collect();
        columns.push(rows.iter().map(|row| f64::from(u8::from(members.contains(row)))).collect());
    }
    columns
}
