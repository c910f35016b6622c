//! Records gathered by variant and prompt, ready for resampling.

mod columns;
mod gather;
pub(crate) mod known_lengths;
mod pooling;
mod prompt_set;
mod run_blocks;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use infercost_core::run::VariantHeader;
use infercost_core::{
    InferenceRecord, LoadRecord, Outcome, PromptId, Reason, RunRecord, VariantId, WindowRecord,
};

use crate::attribution::PhasePowers;
use crate::machines::Machines;
use infercost_stats::blocks::{Blocks, Measured};
use infercost_stats::bootstrap::{Distribution, Resampled, Table};
use infercost_stats::percentile::Timed;

use columns::Columns;
pub(crate) use columns::{Layout, Own, OwnTotals, Pair, Place, Spent, Totals};
use gather::VariantPlace;
pub(crate) use gather::tokens_cost;
use pooling::Pool;
use prompt_set::PromptSet;
use run_blocks::RunBlocks;

/// Task score of one variant on one prompt, averaged over repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PromptScore {
    /// What was not evaluated counted as wrong.
    pub(crate) worst: f64,
    /// The same counted as right.
    pub(crate) best: f64,
}

impl PromptScore {
    /// True where every repetition was evaluated.
    pub(crate) fn settled(&self) -> bool {
        (self.best - self.worst).abs() <= 0.0
    }
}

/// One request as the machine saw it.
#[derive(Debug, Clone, Copy)]
struct Asking<'a> {
    place: Place,
    outcome: &'a Outcome,
    /// Seconds in which it kept the machine busy.
    busy: f64,
    joules: Option<f64>,
    /// Money for its tokens; 0 where the machine is paid.
    tokens_cost: f64,
}

/// One variant's records.
#[derive(Debug)]
pub(crate) struct VariantSample<'a> {
    pub(crate) header: &'a VariantHeader,
    /// The place of its machine.
    pub(crate) machine: usize,
    /// Windows whose times, energy and cost count.
    pub(crate) windows: Vec<&'a WindowRecord>,
    /// Windows whose answers and failures count: those of the first time, where one was measured again.
    pub(crate) first: Vec<&'a WindowRecord>,
    /// The run of each window.
    pub(crate) runs: Vec<usize>,
    pub(crate) loads: Vec<&'a LoadRecord>,
    /// Phase powers of its windows, where they tell prefill from decode.
    pub(crate) powers: Option<PhasePowers>,
    /// Joules that belong to no inference, over metered windows.
    pub(crate) unattributed: f64,
    /// By prompt, of those that are [`scored`](Self::scored).
    scores: Vec<PromptScore>,
    /// Prompts that are graded and were run.
    pub(crate) scored: PromptSet,
    /// Divergences of single positions, prompt by prompt.
    pub(crate) klds: Vec<&'a [f64]>,
    /// Prompts asked at least once, failures included.
    pub(crate) asked: PromptSet,
    /// Prompts with at least one answer of one token or more.
    pub(crate) answered: PromptSet,
    /// By prompt that was asked: the share of its requests without an answer.
    failed: Vec<f64>,
    /// Prompts with a divergence.
    pub(crate) compared: PromptSet,
    /// Prompts on which the divergence could not be taken.
    pub(crate) incomparable: PromptSet,
    /// Prompts that it was asked on another machine alone: its quality there counts, and nothing else.
    pub(crate) filled: PromptSet,
    /// True for the baseline's weights on another machine, where divergences are taken from them.
    pub(crate) is_other_reference: bool,
    /// What each request took.
    askings: Vec<Asking<'a>>,
    /// True where some divergences are known from below only.
    pub(crate) bounded: bool,
    /// True where some likelihoods of the baseline's answers are not known.
    pub(crate) likelihoods_not_reported: bool,
    /// First reason for an impossible task evaluation.
    pub(crate) task_reason: Option<&'a str>,
    /// First reason for an impossible divergence.
    pub(crate) divergence_reason: Option<&'a str>,
}

impl<'a> VariantSample<'a> {
    /// A time of each request that has it, with its prompt and its block.
    pub(crate) fn timed(&self, of: impl Fn(&Outcome) -> Option<Duration>) -> Vec<Timed> {
        let mut all = Vec::with_capacity(self.askings.len());
        for Asking { place, outcome, .. } in &self.askings {
            let Place { prompt, block } = *place;
            all.extend(of(outcome).map(|time| Timed { prompt, block, value: time.as_secs_f64() }));
        }
        all
    }

    /// The share of a prompt's requests without an answer; `None` where it was not asked.
    pub(crate) fn failed(&self, prompt: usize) -> Option<f64> {
        self.failed.get(prompt).copied().filter(|_| self.asked.contains(prompt))
    }

    /// A prompt's score; `None` where it is not graded.
    pub(crate) fn score(&self, prompt: usize) -> Option<PromptScore> {
        self.scores.get(prompt).copied().filter(|_| self.scored.contains(prompt))
    }

    /// The scores of all graded prompts.
    pub(crate) fn all_scores(&self) -> impl Iterator<Item = PromptScore> + '_ {
        self.scored.iter().filter_map(|prompt| self.score(prompt))
    }

    /// Prompts with a score of the baseline's, which its evaluation settled, and one of this variant's, each with both. What
    /// the baseline was asked on another machine alone may be this variant's very answer, where the two hold the same
    /// weights.
    pub(crate) fn score_pairs(&self, baseline: &Self) -> Vec<(usize, PromptScore, PromptScore)> {
        let mut pairs = Vec::new();
        for prompt in baseline.scored.both(&self.scored) {
            if let (Some(reference), Some(score)) = (baseline.score(prompt), self.score(prompt))
                && reference.settled()
                && !(self.is_other_reference && baseline.filled.contains(prompt))
            {
                pairs.push((prompt, reference, score));
            }
        }
        pairs
    }

    /// Its windows, each with the place of its run.
    pub(crate) fn windows_by_run(&self) -> impl Iterator<Item = (usize, &'a WindowRecord)> + '_ {
        self.runs.iter().copied().zip(self.windows.iter().copied())
    }

    /// Requests whose answers and failures count, each once.
    pub(crate) fn first_inferences(&self) -> impl Iterator<Item = &'a InferenceRecord> + '_ {
        self.first.iter().flat_map(|window| window.inferences.iter())
    }

    /// Requests whose times count.
    pub(crate) fn inferences(&self) -> impl Iterator<Item = &'a InferenceRecord> + Clone + '_ {
        self.windows.iter().flat_map(|window| window.inferences.iter())
    }
}

/// Everything gathered; the resamples are shared by all variants.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) variants: Vec<VariantSample<'a>>,
    pub(crate) baseline: usize,
    has_several_machines: bool,
    pub(crate) prompts: usize,
    /// The row of each prompt.
    rows: HashMap<&'a PromptId, usize>,
    pub(crate) layout: Layout,
    pub(crate) resampled: Resampled,
    /// The same columns by block, for what the machine did: time, tokens, joules, and scores beside them.
    pub(crate) blocks: Blocks,
}

impl<'a> Samples<'a> {
    /// Gathers the records of the runs. `baseline` must be among the variants; they keep their order, the
    /// baseline moved to the front.
    pub(crate) fn gather(
        runs: &'a [RunRecord],
        machines: &Machines,
        baseline: &VariantId,
        seed: u64,
    ) -> Self {
        let prompts = gather::prompt_indices(runs);
        let evaluations = gather::Evaluations::index(runs, &prompts, baseline);
        let mut headers: Vec<&VariantHeader> = Vec::new();
        for header in runs.iter().flat_map(|run| &run.header.variants) {
            if !headers.iter().any(|known| known.id == header.id) {
                headers.push(header);
            }
        }

        headers.sort_by_key(|header| header.id != *baseline);
        let pool = Pool::of(runs, machines, baseline);
        let run_blocks = RunBlocks::of(runs, machines, &prompts);
        let layout = Layout { variants: headers.len() };
        let mut by_prompt = Table::new(prompts.len(), layout.width());
        let mut by_block = Table::new(run_blocks.count(), layout.width());

        let mut variants: Vec<VariantSample<'_>> = Vec::new();
        for (variant, header) in headers.iter().enumerate() {
            let mut columns = Columns {
                prompts: &mut by_prompt,
                blocks: &mut by_block,
                layout,
                variant,
                run_blocks: &run_blocks,
            };

            let place = if machines.are_several() { machines.of_variant(&header.id) } else { 0 };
            let sources = pool.of_variant(&header.id);
            let variant_place = VariantPlace { header, machine: place, sources, baseline };
            variants.push(gather::variant(runs, &variant_place, &prompts, &evaluations, &mut columns));

            // of a long run, columns take more memory than anything else, and many are the same
            by_prompt.settle();
            by_block.settle();
        }

        // what is compared needs these no more, and takes memory of its own
        let is_nested = run_blocks.is_nested();
        drop((evaluations, run_blocks));

        for index in 0..variants.len() {
            gather::pair_up(&variants, index, layout, &mut by_prompt);
            gather::pair_up_blocks(&variants, index, layout, &mut by_block);
            by_prompt.settle();
            by_block.settle();
        }

        let resampled = Resampled::draw(by_prompt, seed);
        let blocks = Blocks::new(by_block, is_nested);
        Self {
            variants,
            baseline: 0,
            has_several_machines: machines.are_several(),
            prompts: prompts.len(),
            rows: prompts,
            layout,
            resampled,
            blocks,
        }
    }

    /// All sums as observed.
    pub(crate) fn observed(&self) -> Totals<'_> {
        Totals { cells: self.resampled.observed(), layout: self.layout }
    }

    /// The distribution over resampled prompts of a statistic of the sums; `None` as for
    /// [`Resampled::distribution`].
    pub(crate) fn distribution(
        &self,
        presence: usize,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Option<Distribution> {
        self.resampled.distribution(presence, |cells| statistic(Totals { cells, layout: self.layout }))
    }

    /// A statistic in every resample of prompts, in an order shared by all.
    pub(crate) fn draws(&self, statistic: impl Fn(Totals<'_>) -> f64) -> Vec<f64> {
        self.resampled.draws(|cells| statistic(Totals { cells, layout: self.layout }))
    }

    /// True for a variant on another machine than the baseline.
    pub(crate) fn is_elsewhere(&self, variant: usize) -> bool {
        let machine = |index: usize| self.variants.get(index).map(|variant| variant.machine);
        machine(variant) != machine(self.baseline)
    }

    /// True where no prompt bears on a variant next to the baseline in two blocks.
    pub(crate) fn is_nested(&self, variant: usize) -> bool {
        self.blocks.is_nested() && !self.is_elsewhere(variant)
    }

    /// Blocks in which a variant and the baseline were asked: of two machines those of the one with fewer.
    pub(crate) fn comparison_blocks(&self, variant: usize) -> usize {
        self.asked_blocks(variant).min(self.asked_blocks(self.baseline))
    }

    /// Blocks in which a variant was asked.
    fn asked_blocks(&self, variant: usize) -> usize {
        let askings = self.variants.get(variant).map(|variant| variant.askings.as_slice());
        let distinct: HashSet<usize> =
            askings.unwrap_or_default().iter().map(|asking| asking.place.block()).collect();
        distinct.len()
    }

    /// The interval of something that compares a variant with the baseline.
    ///
    /// # Errors
    /// As [`Samples::measured`].
    pub(crate) fn compared(
        &self,
        variant: usize,
        presence: usize,
        too_few_prompts: Reason,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Result<Measured, Reason> {
        let measured = self.measured(presence, too_few_prompts, statistic)?;
        if self.is_elsewhere(variant) {
            return Ok(measured.of_two_machines(self.comparison_blocks(variant)));
        }
        Ok(measured)
    }

    /// A statistic of a variant next to the baseline without each block; of several machines without every block, so that
    /// those of two variants stand side by side.
    pub(crate) fn without_each_block(
        &self,
        variant: usize,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Vec<f64> {
        if self.has_several_machines {
            return self.blocks.without_every(|cells| statistic(Totals { cells, layout: self.layout }));
        }
        let presence = self.layout.pair(variant, Pair::Shared);
        self.blocks.without_each(presence, |cells| statistic(Totals { cells, layout: self.layout })).1
    }

    /// The interval of something that the machine did: by prompts and by blocks. `presence` is the column of what
    /// bears on it.
    ///
    /// # Errors
    /// Why there is none: `too_few_prompts`, or that blocks are too few.
    pub(crate) fn measured(
        &self,
        presence: usize,
        too_few_prompts: Reason,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Result<Measured, Reason> {
        let prompts = self.distribution(presence, &statistic).ok_or(too_few_prompts)?;
        let measured =
            self.blocks.measured(presence, |cells| statistic(Totals { cells, layout: self.layout }), prompts);
        measured.ok_or(Reason::TooFewBlocks)
    }

    /// Prompts that every variant was asked, failures included.
    pub(crate) fn complete(&self) -> usize {
        (0..self.prompts).filter(|prompt| self.variants.iter().all(|one| one.asked.contains(*prompt))).count()
    }
}
