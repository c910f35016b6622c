//! Records gathered by variant and prompt, ready for resampling.

use std::collections::{BTreeSet, HashMap, HashSet};

use infercost_schema::run::VariantHeader;
use infercost_schema::{
    Evaluation, EvaluationRecord, InferenceRecord, LoadRecord, Outcome, PromptId, RunRecord, VariantId,
    WindowRecord,
};

use crate::attribution::{PhasePowers, attribute_weighted, phase_powers, time_shares};
use crate::statistics::blocks::{Blocks, Measured};
use crate::statistics::bootstrap::{Resampled, Table};
use crate::statistics::percentile::Timed;

mod run_blocks;
use run_blocks::RunBlocks;

/// Why there is no interval where prompts are many and blocks are not.
pub(crate) const TOO_FEW_BLOCKS: &str = "the prompts ran in too few blocks to know how windows differ; more prompts, or a smaller --window-prompts, show it";

/// Columns of one variant's own sums.
pub(crate) mod own {
    pub(crate) const ANSWERED: usize = 0;
    pub(crate) const INFERENCES: usize = 1;
    pub(crate) const BUSY: usize = 2;
    pub(crate) const JOULES: usize = 3;
    pub(crate) const METERED: usize = 4;
    pub(crate) const OUTPUT: usize = 5;
    pub(crate) const PREFILL_TOKENS: usize = 6;
    pub(crate) const PREFILL_TIME: usize = 7;
    pub(crate) const DECODE_TOKENS: usize = 8;
    pub(crate) const DECODE_TIME: usize = 9;
    pub(crate) const SCORE: usize = 10;
    pub(crate) const SCORED: usize = 11;
    pub(crate) const KLD: usize = 12;
    pub(crate) const POSITIONS: usize = 13;
    pub(crate) const MATCHES: usize = 14;
    pub(crate) const NLL_CHANGE: usize = 15;
    pub(crate) const COMPARED: usize = 16;
    pub(crate) const PREFILLED: usize = 17;
    pub(crate) const DECODED: usize = 18;
    /// Squares and product of divergence and positions, for the standard error of their ratio.
    pub(crate) const KLD_SQUARES: [usize; 3] = [19, 20, 21];
    pub(crate) const WIDTH: usize = 22;
}

/// Columns of a variant beside the baseline, over the prompts that both answered.
pub(crate) mod pair {
    pub(crate) const SHARED: usize = 0;
    /// [`super::own::INFERENCES`] to [`super::own::METERED`] of the baseline stand here in the same order.
    pub(crate) const BASELINE: usize = 1;
    /// And those of the variant here.
    pub(crate) const VARIANT: usize = 5;
    pub(crate) const VARIANT_METERED: usize = 8;
    pub(crate) const BASELINE_SCORE: usize = 9;
    pub(crate) const SCORE: usize = 10;
    /// The score with what was not evaluated counted as right.
    pub(crate) const BEST_SCORE: usize = 11;
    pub(crate) const SCORED: usize = 12;
    pub(crate) const WIDTH: usize = 13;
}

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
        let prompts = prompt_indices(runs);
        let evaluations = Evaluations::index(runs, &prompts, baseline);
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
                gather_variant(runs, header, &prompts, &evaluations, &mut columns)
            })
            .collect();
        for index in 0..variants.len() {
            pair_up(&variants, index, &mut table);
            pair_up_blocks(&variants, index, &mut by_block);
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

/// One column sum; NaN outside the table, which no statistic survives.
pub(crate) fn at(totals: &[f64], column: usize) -> f64 {
    totals.get(column).copied().unwrap_or(f64::NAN)
}

/// One variant's own columns, of the prompts and of the blocks.
struct Columns<'t> {
    prompts: (&'t mut Table, usize),
    blocks: (&'t mut Table, usize),
    of: &'t RunBlocks,
}

impl Columns<'_> {
    fn add(&mut self, prompt: usize, column: usize, value: f64) {
        self.prompts.0.add(prompt, self.prompts.1 + column, value);
    }

    /// Adds to a prompt and to the block in which it was asked.
    fn add_both(&mut self, (prompt, block): (usize, usize), column: usize, value: f64) {
        self.add(prompt, column, value);
        self.blocks.0.add(block, self.blocks.1 + column, value);
    }

    /// Sets the squares and the product of two cells: the first squared, both, the second squared.
    fn square(&mut self, prompt: usize, of: [usize; 2], to: [usize; 3]) {
        let (table, first) = &self.prompts;
        let [one, other] = of.map(|column| table.get(prompt, first + column));
        for (column, value) in to.into_iter().zip([one * one, one * other, other * other]) {
            let old = self.prompts.0.get(prompt, self.prompts.1 + column);
            self.add(prompt, column, value - old);
        }
    }

    /// Marks that a prompt bears on something, once.
    fn mark(&mut self, prompt: usize, column: usize) {
        mark(self.prompts.0, prompt, self.prompts.1 + column);
    }

    /// Marks a prompt and the block in which it was asked.
    fn mark_both(&mut self, (prompt, block): (usize, usize), column: usize) {
        self.mark(prompt, column);
        mark(self.blocks.0, block, self.blocks.1 + column);
    }
}

fn mark(table: &mut Table, row: usize, column: usize) {
    if table.get(row, column) <= 0.0 {
        table.add(row, column, 1.0);
    }
}

type Indices<'a> = HashMap<&'a PromptId, usize>;

/// Chosen prompts in order, then any other that was run all the same.
fn prompt_indices(runs: &[RunRecord]) -> Indices<'_> {
    let mut indices = HashMap::new();
    let chosen = runs.iter().flat_map(|run| &run.header.prompts.chosen);
    let run = runs.iter().flat_map(|run| &run.windows).flat_map(|window| &window.inferences);
    for prompt in chosen.chain(run.map(|inference| &inference.prompt)) {
        let next = indices.len();
        indices.entry(prompt).or_insert(next);
    }
    indices
}

/// Evaluations by run, variant and prompt.
struct Evaluations<'a> {
    tasks: HashMap<(usize, &'a VariantId, &'a PromptId, u32), &'a Evaluation>,
    graded: HashSet<usize>,
    divergences: HashMap<&'a VariantId, Vec<&'a EvaluationRecord>>,
    /// True where some divergences were taken from another baseline and so left out.
    foreign: bool,
}

impl<'a> Evaluations<'a> {
    fn index(runs: &'a [RunRecord], prompts: &Indices<'_>, baseline: &VariantId) -> Self {
        let mut result = Self {
            tasks: HashMap::new(),
            graded: HashSet::new(),
            divergences: HashMap::new(),
            foreign: false,
        };
        for (run, evaluation) in
            runs.iter().enumerate().flat_map(|(run, record)| record.evaluations.iter().map(move |e| (run, e)))
        {
            let is_task = match &evaluation.result {
                Evaluation::Task(_) => true,
                Evaluation::Divergence(_) => false,
                Evaluation::Impossible { what, .. } => what == "task",
            };
            if is_task {
                let key = (run, &evaluation.variant, &evaluation.prompt, evaluation.repetition);
                result.tasks.insert(key, &evaluation.result);
                result.graded.extend(prompts.get(&evaluation.prompt));
            } else if runs.get(run).is_some_and(|run| run.header.baseline != *baseline) {
                result.foreign = true;
            } else {
                result.divergences.entry(&evaluation.variant).or_default().push(evaluation);
            }
        }
        result
    }
}

fn gather_variant<'a>(
    runs: &'a [RunRecord],
    header: &'a VariantHeader,
    prompts: &Indices<'_>,
    evaluations: &Evaluations<'a>,
    columns: &mut Columns<'_>,
) -> VariantSample<'a> {
    let windows: Vec<(usize, &WindowRecord)> = runs
        .iter()
        .enumerate()
        .flat_map(|(run, record)| record.windows.iter().map(move |window| (run, window)))
        .filter(|(_, window)| window.id.variant == header.id)
        .collect();
    let metered = windows.iter().map(|(_, window)| *window).filter(|window| !window.interrupted);
    let mut sample = VariantSample {
        header,
        windows: windows.iter().map(|(_, window)| *window).collect(),
        runs: windows.iter().map(|(run, _)| *run).collect(),
        loads: runs.iter().flat_map(|run| &run.loads).filter(|load| load.variant == header.id).collect(),
        powers: phase_powers(metered),
        unattributed: 0.0,
        scores: vec![None; prompts.len()],
        klds: Vec::new(),
        answered: HashSet::new(),
        compared: HashSet::new(),
        incomparable: HashSet::new(),
        asked: Vec::new(),
        written: HashSet::new(),
        bounded: false,
        untold: false,
        task_reason: None,
        divergence_reason: evaluations.foreign.then_some("divergences were taken from another baseline"),
    };
    let mut scores: HashMap<usize, (f64, f64, f64)> = HashMap::new();
    let columns_of = columns.of;
    for (run, window) in windows {
        let place = |inference: &InferenceRecord| {
            let prompt = prompts.get(&inference.prompt).copied()?;
            Some((prompt, columns_of.block(run, inference.repetition, prompt)?))
        };
        sample.unattributed += add_window(window, sample.powers, place, &mut sample.asked, columns);
        for inference in &window.inferences {
            let Some(prompt) = prompts.get(&inference.prompt).copied() else { continue };
            sample.answered.insert(prompt);
            if inference.outcome.output_tokens() > 0 {
                sample.written.insert(prompt);
            }
            if evaluations.graded.contains(&prompt) {
                let key = (run, &header.id, &inference.prompt, inference.repetition);
                let found = evaluations.tasks.get(&key).copied();
                let (worst, best) = score(inference, found);
                if let Some(Evaluation::Impossible { reason, .. }) = found {
                    sample.task_reason.get_or_insert(reason);
                }
                let sums = scores.entry(prompt).or_default();
                *sums = (sums.0 + worst, sums.1 + best, sums.2 + 1.0);
            }
        }
    }
    let mut blocks: HashMap<usize, Vec<usize>> = HashMap::new();
    for asked in &sample.asked {
        blocks.entry(asked.prompt).or_default().push(asked.block);
    }
    for (prompt, (worst, best, n)) in scores {
        let score = PromptScore { worst: worst / n, best: best / n };
        columns.add(prompt, own::SCORE, score.worst);
        columns.mark(prompt, own::SCORED);
        // A cost per right answer needs the scores of a block beside its costs: each asking has its part.
        let asked = blocks.get(&prompt).map_or(&[][..], Vec::as_slice);
        for block in asked {
            let (table, first) = &mut columns.blocks;
            table.add(*block, *first + own::SCORE, score.worst / asked.len() as f64);
            table.add(*block, *first + own::SCORED, 1.0 / asked.len() as f64);
        }
        if let Some(slot) = sample.scores.get_mut(prompt) {
            *slot = Some(score);
        }
    }
    for evaluation in evaluations.divergences.get(&header.id).into_iter().flatten() {
        if let Some(prompt) = prompts.get(&evaluation.prompt) {
            add_divergence(&evaluation.result, *prompt, &mut sample, columns);
        }
    }
    sample
}

/// Worst and best reading of one inference's score. A failure is 0 for certain.
fn score(inference: &InferenceRecord, found: Option<&Evaluation>) -> (f64, f64) {
    match (&inference.outcome, found) {
        (Outcome::Failed { .. }, _) => (0.0, 0.0),
        (_, Some(Evaluation::Task(task))) => {
            let score = if task.score.is_nan() { 0.0 } else { task.score.clamp(0.0, 1.0) };
            (score, score)
        }
        _ => (0.0, 1.0),
    }
}

/// Adds time, tokens and energy of a window; gives its unattributed joules.
fn add_window(
    window: &WindowRecord,
    powers: Option<PhasePowers>,
    place: impl Fn(&InferenceRecord) -> Option<(usize, usize)>,
    asked: &mut Vec<Asked>,
    columns: &mut Columns<'_>,
) -> f64 {
    let shares = time_shares(window);
    let attribution = if window.interrupted {
        None
    } else {
        attribute_weighted(window, powers.unwrap_or(PhasePowers::EQUAL))
    };
    for (index, (inference, share)) in window.inferences.iter().zip(shares).enumerate() {
        let Some(at) = place(inference) else { continue };
        columns.mark_both(at, own::ANSWERED);
        columns.add_both(at, own::INFERENCES, 1.0);
        columns.add_both(at, own::BUSY, share.busy());
        let joules = attribution.as_ref().and_then(|attribution| attribution.per_inference.get(index));
        if let Some(joules) = joules {
            columns.add_both(at, own::METERED, 1.0);
            columns.add_both(at, own::JOULES, joules.get());
        }
        let (prompt, block) = at;
        let outcome = &inference.outcome;
        asked.push(Asked {
            prompt,
            block,
            busy: share.busy(),
            joules: joules.map(|joules| joules.get()),
            ttft: outcome.time_to_first_token().map(|time| time.as_secs_f64()),
            tpot: outcome.time_per_output_token().map(|time| time.as_secs_f64()),
        });
        add_speed(inference, at, columns);
    }
    attribution.map_or(0.0, |attribution| attribution.unattributed.get())
}

fn add_speed(inference: &InferenceRecord, at: (usize, usize), columns: &mut Columns<'_>) {
    let outcome = &inference.outcome;
    let output = outcome.output_tokens();
    columns.add_both(at, own::OUTPUT, f64::from(output));
    let Some(first) = outcome.time_to_first_token() else { return };
    // Tokens from a prefix cache were not computed.
    let computed = inference.input_tokens.saturating_sub(inference.cached_input_tokens.unwrap_or(0));
    if computed > 0 && !first.is_zero() {
        columns.mark_both(at, own::PREFILLED);
        columns.add_both(at, own::PREFILL_TOKENS, f64::from(computed));
        columns.add_both(at, own::PREFILL_TIME, first.as_secs_f64());
    }
    if output > 1 {
        columns.mark_both(at, own::DECODED);
        columns.add_both(at, own::DECODE_TOKENS, f64::from(output - 1));
        columns.add_both(at, own::DECODE_TIME, outcome.latency().saturating_sub(first).as_secs_f64());
    }
}

fn add_divergence<'a>(
    result: &'a Evaluation,
    prompt: usize,
    sample: &mut VariantSample<'a>,
    columns: &mut Columns<'_>,
) {
    match result {
        Evaluation::Divergence(divergence) => {
            let finite = divergence.kld.iter().all(|kld| kld.is_finite())
                && divergence.baseline_nll.is_finite()
                && divergence.candidate_nll.is_none_or(f64::is_finite);
            if !finite {
                sample.incomparable.insert(prompt);
                sample.divergence_reason.get_or_insert("a recorded divergence is not a finite number");
            } else if !divergence.kld.is_empty() {
                sample.compared.insert(prompt);
                columns.mark(prompt, own::COMPARED);
                columns.add(prompt, own::KLD, divergence.kld.iter().sum());
                columns.add(prompt, own::POSITIONS, divergence.kld.len() as f64);
                columns.square(prompt, [own::KLD, own::POSITIONS], own::KLD_SQUARES);
                let matches = f64::from(divergence.top1_matches).min(divergence.kld.len() as f64);
                columns.add(prompt, own::MATCHES, matches);
                match divergence.candidate_nll {
                    Some(nll) => columns.add(prompt, own::NLL_CHANGE, nll - divergence.baseline_nll),
                    None => sample.untold = true,
                }
                sample.bounded |= divergence.at_least;
                sample.klds.extend(&divergence.kld);
            }
        }
        Evaluation::Impossible { reason, .. } => {
            sample.incomparable.insert(prompt);
            sample.divergence_reason.get_or_insert(reason);
        }
        Evaluation::Task(_) => {}
    }
}

/// Copies the sums of prompts that both answered to the pair columns.
fn pair_up(variants: &[VariantSample<'_>], index: usize, table: &mut Table) {
    let (Some(baseline), Some(variant)) = (variants.first(), variants.get(index)) else { return };
    let first = variants.len() * own::WIDTH + index * pair::WIDTH;
    let shared: BTreeSet<usize> = baseline.answered.intersection(&variant.answered).copied().collect();
    for prompt in shared {
        table.add(prompt, first + pair::SHARED, 1.0);
        for offset in 0..=own::METERED - own::INFERENCES {
            let column = own::INFERENCES + offset;
            let (of_baseline, of_variant) =
                (table.get(prompt, column), table.get(prompt, index * own::WIDTH + column));
            table.add(prompt, first + pair::BASELINE + offset, of_baseline);
            table.add(prompt, first + pair::VARIANT + offset, of_variant);
        }
        let scores = (baseline.scores.get(prompt), variant.scores.get(prompt));
        if let (Some(Some(reference)), Some(Some(score))) = scores
            && reference.settled()
        {
            table.add(prompt, first + pair::BASELINE_SCORE, reference.worst);
            table.add(prompt, first + pair::SCORE, score.worst);
            table.add(prompt, first + pair::BEST_SCORE, score.best);
            table.add(prompt, first + pair::SCORED, 1.0);
        }
    }
}

/// The same by block: time and joules of prompts that both answered.
fn pair_up_blocks(variants: &[VariantSample<'_>], index: usize, table: &mut Table) {
    let (Some(baseline), Some(variant)) = (variants.first(), variants.get(index)) else { return };
    let first = variants.len() * own::WIDTH + index * pair::WIDTH;
    for (sample, other, column) in [(baseline, variant, pair::BASELINE), (variant, baseline, pair::VARIANT)] {
        for asked in sample.asked.iter().filter(|asked| other.answered.contains(&asked.prompt)) {
            mark(table, asked.block, first + pair::SHARED);
            let cells = [1.0, asked.busy, asked.joules.unwrap_or(0.0), f64::from(asked.joules.is_some())];
            for (offset, value) in cells.into_iter().enumerate() {
                table.add(asked.block, first + column + offset, value);
            }
        }
    }
}
