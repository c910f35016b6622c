//! Records gathered by variant and prompt, ready for resampling.

mod columns;
mod gather;
mod run_blocks;

use std::collections::HashSet;

use infercost_core::run::VariantHeader;
use infercost_core::{InferenceRecord, LoadRecord, RunRecord, VariantId, WindowRecord};

use crate::attribution::PhasePowers;
use infercost_stats::blocks::{Blocks, Measured};
use infercost_stats::bootstrap::{Resampled, Table};
use infercost_stats::percentile::Timed;

use columns::Columns;
pub(crate) use columns::{at, own, pair};
use run_blocks::RunBlocks;

/// Why there is no interval where prompts are many and blocks are not.
pub(crate) const TOO_FEW_BLOCKS: &str = "the prompts ran in too few blocks to know how windows differ; more prompts, or a smaller --window-prompts, show it";

/// Task score of one variant on one prompt, averaged over repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// One inference as the machine saw it.
#[derive(Debug, Clone, Copy)]
struct Asked {
    prompt: usize,
    block: usize,
    busy: f64,
    joules: Option<f64>,
    ttft: Option<f64>,
    tpot: Option<f64>,
}

/// One variant's records.
#[derive(Debug)]
pub(crate) struct VariantSample<'a> {
    pub(crate) header: &'a VariantHeader,
    pub(crate) windows: Vec<&'a WindowRecord>,
    /// The run of each window.
    pub(crate) runs: Vec<usize>,
    pub(crate) loads: Vec<&'a LoadRecord>,
    /// Phase powers of its windows, where they tell prefill from decode.
    pub(crate) powers: Option<PhasePowers>,
    /// Joules that belong to no inference, over metered windows.
    pub(crate) unattributed: f64,
    /// By prompt; `None` where not graded or not run.
    pub(crate) scores: Vec<Option<PromptScore>>,
    /// Divergences of single positions, pooled.
    pub(crate) klds: Vec<f64>,
    /// Prompts answered at least once, failures included.
    pub(crate) answered: HashSet<usize>,
    /// Prompts with a divergence.
    pub(crate) compared: HashSet<usize>,
    /// Prompts on which the divergence could not be taken.
    pub(crate) incomparable: HashSet<usize>,
    /// What each asking of a prompt took.
    asked: Vec<Asked>,
    /// Prompts with at least one answer of one token or more.
    pub(crate) written: HashSet<usize>,
    /// True where some divergences are known from below only.
    pub(crate) bounded: bool,
    /// True where some likelihoods of the baseline's answers are not known.
    pub(crate) untold: bool,
    /// First reason for an impossible task evaluation.
    pub(crate) task_reason: Option<&'a str>,
    /// First reason for an impossible divergence.
    pub(crate) divergence_reason: Option<&'a str>,
}

impl<'a> VariantSample<'a> {
    /// Times to first token and per output token, each with its prompt and its block.
    pub(crate) fn timed(&self) -> (Vec<Timed>, Vec<Timed>) {
        let of = |time: fn(&Asked) -> Option<f64>| {
            let timed = self.asked.iter().filter_map(|asked| Some((asked.prompt, asked.block, time(asked)?)));
            timed.collect()
        };
        (of(|asked| asked.ttft), of(|asked| asked.tpot))
    }

    /// Its windows, each with the place of its run.
    pub(crate) fn windows_by_run(&self) -> impl Iterator<Item = (usize, &'a WindowRecord)> + '_ {
        self.runs.iter().copied().zip(self.windows.iter().copied())
    }

    pub(crate) fn inferences(&self) -> impl Iterator<Item = &'a InferenceRecord> + '_ {
        self.windows.iter().flat_map(|window| window.inferences.iter())
    }
}

/// Everything gathered; the resamples are shared by all variants.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) variants: Vec<VariantSample<'a>>,
    pub(crate) baseline: usize,
    pub(crate) prompts: usize,
    pub(crate) resampled: Resampled,
    /// The same columns by block, for what the machine did: time, tokens, joules, and scores beside them.
    pub(crate) blocks: Blocks,
}

impl<'a> Samples<'a> {
    /// Gathers the records of the runs. `baseline` must be among the variants; they keep their order, the
    /// baseline moved to the front.
    pub(crate) fn gather(runs: &'a [RunRecord], baseline: &VariantId, seed: u64) -> Self {
        let prompts = gather::prompt_indices(runs);
        let evaluations = gather::Evaluations::index(runs, &prompts, baseline);
        let mut headers: Vec<&VariantHeader> = Vec::new();
        for header in runs.iter().flat_map(|run| &run.header.variants) {
            if !headers.iter().any(|known| known.id == header.id) {
                headers.push(header);
            }
        }
        headers.sort_by_key(|header| header.id != *baseline);
        let run_blocks = RunBlocks::of(runs, &prompts);
        let width = headers.len() * (own::WIDTH + pair::WIDTH);
        let mut table = Table::new(prompts.len(), width);
        let mut by_block = Table::new(run_blocks.count(), width);
        let variants: Vec<VariantSample<'_>> = headers
            .iter()
            .enumerate()
            .map(|(index, header)| {
                let first = index * own::WIDTH;
                let mut columns =
                    Columns { prompts: (&mut table, first), blocks: (&mut by_block, first), of: &run_blocks };
                gather::variant(runs, header, &prompts, &evaluations, &mut columns)
            })
            .collect();
        for index in 0..variants.len() {
            gather::pair_up(&variants, index, &mut table);
            gather::pair_up_blocks(&variants, index, &mut by_block);
        }
        let resampled = Resampled::draw(table, seed);
        let blocks = Blocks::new(by_block, run_blocks.is_nested());
        Self { variants, baseline: 0, prompts: prompts.len(), resampled, blocks }
    }

    /// The interval of something that the machine did: by prompts and by blocks. `presence` is the column of what
    /// bears on it.
    ///
    /// # Errors
    /// Why there is none: `too_few_prompts`, or [`TOO_FEW_BLOCKS`].
    pub(crate) fn measured(
        &self,
        presence: usize,
        too_few_prompts: &'static str,
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Result<Measured, &'static str> {
        let prompts = self.resampled.distribution(presence, &statistic).ok_or(too_few_prompts)?;
        self.blocks.measured(presence, statistic, prompts).ok_or(TOO_FEW_BLOCKS)
    }

    /// First column of a variant's own sums.
    pub(crate) fn own(&self, variant: usize) -> usize {
        variant * own::WIDTH
    }

    /// First column of a variant's sums beside the baseline's.
    pub(crate) fn pair(&self, variant: usize) -> usize {
        self.variants.len() * own::WIDTH + variant * pair::WIDTH
    }

    /// Prompts that every variant answered, failures included.
    pub(crate) fn complete(&self) -> usize {
        let all = |prompt: &usize| self.variants.iter().all(|variant| variant.answered.contains(prompt));
        (0..self.prompts).filter(all).count()
    }
}
