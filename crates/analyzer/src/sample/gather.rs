//! From records to the rows and columns of the table, prompt by prompt.

use std::collections::{BTreeSet, HashMap, HashSet};

use infercost_core::run::VariantHeader;
use infercost_core::{
    Evaluation, EvaluationRecord, InferenceRecord, Outcome, PromptId, RunRecord, VariantId, WindowRecord,
};

use super::columns::{Columns, mark, own, pair};
use super::{Asked, PromptScore, VariantSample};
use crate::attribution::{PhasePowers, attribute_weighted, phase_powers, time_shares};
use infercost_stats::bootstrap::Table;

/// The row of each prompt.
pub(super) type Indices<'a> = HashMap<&'a PromptId, usize>;

/// Chosen prompts in order, then any other that was run all the same.
pub(super) fn prompt_indices(runs: &[RunRecord]) -> Indices<'_> {
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
pub(super) struct Evaluations<'a> {
    tasks: HashMap<(usize, &'a VariantId, &'a PromptId, u32), &'a Evaluation>,
    graded: HashSet<usize>,
    divergences: HashMap<&'a VariantId, Vec<&'a EvaluationRecord>>,
    /// True where some divergences were taken from another baseline and so left out.
    foreign: bool,
}

impl<'a> Evaluations<'a> {
    pub(super) fn index(runs: &'a [RunRecord], prompts: &Indices<'_>, baseline: &VariantId) -> Self {
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

/// Gathers one variant's records.
pub(super) fn variant<'a>(
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
    let cached = inference.cached_input_tokens.unwrap_or(0);
    let computed = inference.input_tokens.map_or(0, |input| input.saturating_sub(cached));
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
pub(super) fn pair_up(variants: &[VariantSample<'_>], index: usize, table: &mut Table) {
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
pub(super) fn pair_up_blocks(variants: &[VariantSample<'_>], index: usize, table: &mut Table) {
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
