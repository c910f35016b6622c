//! From records to the rows and columns of the table, prompt by prompt.

use std::collections::HashMap;

use infercost_core::run::VariantHeader;
use infercost_core::{
    Evaluation, EvaluationKind, EvaluationRecord, InferenceRecord, Outcome, RunRecord, VariantId,
    WindowRecord,
};

use super::columns::{Columns, Layout, Own, Pair, Place, mark};
use super::prompt_set::PromptSet;
use super::run_blocks::Indices;
use super::{Asking, PromptScore, VariantSample};
use crate::attribution::{PhasePowers, attribute_weighted, phase_powers, time_shares};
use crate::interference::Superseded;
use infercost_cost::{TokenUsage, cost_of_tokens};
use infercost_stats::bootstrap::Table;

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

/// An answer of a variant: its run, its prompt's row and its repetition.
type Answer = (usize, usize, u32);

/// Evaluations of one variant's answers. A list takes half the memory of a map.
#[derive(Default)]
struct Tasks<'a>(Vec<(Answer, &'a Evaluation)>);

impl<'a> Tasks<'a> {
    /// Makes them ready to be looked up.
    fn sort(&mut self) {
        self.0.sort_by_key(|(answer, _)| *answer);
    }

    /// The evaluation of an answer, of several the last.
    fn of(&self, answer: Answer) -> Option<&'a Evaluation> {
        let behind = self.0.partition_point(|(other, _)| *other <= answer);
        let (found, evaluation) = self.0.get(behind.checked_sub(1)?)?;
        (*found == answer).then_some(*evaluation)
    }
}

/// Evaluations by run, variant and prompt.
pub(super) struct Evaluations<'a> {
    tasks: HashMap<&'a VariantId, Tasks<'a>>,
    graded: PromptSet,
    divergences: HashMap<&'a VariantId, Vec<&'a EvaluationRecord>>,
    /// True where some divergences were taken from another baseline and so left out.
    foreign: bool,
}

impl<'a> Evaluations<'a> {
    pub(super) fn index(runs: &'a [RunRecord], prompts: &Indices<'_>, baseline: &VariantId) -> Self {
        let mut result = Self {
            tasks: HashMap::new(),
            graded: PromptSet::new(prompts.len()),
            divergences: HashMap::new(),
            foreign: false,
        };

        for (run, evaluation) in
            runs.iter().enumerate().flat_map(|(run, record)| record.evaluations.iter().map(move |e| (run, e)))
        {
            if evaluation.result.kind() == EvaluationKind::Task {
                // what was never asked has no answer to be graded
                let Some(prompt) = prompts.get(&evaluation.prompt).copied() else { continue };
                let tasks = result.tasks.entry(&evaluation.variant).or_default();
                tasks.0.push(((run, prompt, evaluation.repetition), &evaluation.result));
                result.graded.insert(prompt);
            } else if runs.get(run).is_some_and(|run| !shares_reference(runs, run, baseline)) {
                result.foreign = true;
            } else {
                result.divergences.entry(&evaluation.variant).or_default().push(evaluation);
            }
        }

        for tasks in result.tasks.values_mut() {
            tasks.sort();
        }
        result
    }
}

/// True where divergences of a run tell of this baseline: they were taken from it, or from the same weights on another
/// machine.
fn shares_reference(runs: &[RunRecord], run: &RunRecord, baseline: &VariantId) -> bool {
    if run.header.baseline == *baseline {
        return true;
    }
    let mut headers = runs.iter().flat_map(|run| &run.header.variants);
    let own = run.header.variants.iter().find(|variant| variant.id == run.header.baseline);
    let reference = headers.find(|variant| variant.id == *baseline);

    own.zip(reference).is_some_and(|(own, reference)| have_same_weights(own, reference))
}

/// True for the same weights and words; what is unknown is not the same.
fn have_same_weights(one: &VariantHeader, other: &VariantHeader) -> bool {
    let of = |variant: &VariantHeader| {
        let engine = &variant.engine;
        engine.weights_sha256.clone().zip(engine.tokenizer_sha256.clone())
    };
    of(one).is_some_and(|weights| of(other) == Some(weights))
}

/// True for the baseline's weights on another machine, where divergences are taken from them.
fn is_other_reference(runs: &[RunRecord], variant: &VariantId, baseline: &VariantId) -> bool {
    let mut own = runs.iter().filter(|run| run.header.baseline == *variant);
    variant != baseline && own.any(|run| shares_reference(runs, run, baseline))
}

/// A variant, where it ran, and what tells of its quality beside its own records.
pub(super) struct VariantPlace<'v, 'a> {
    pub(super) header: &'a VariantHeader,
    /// The place of its machine.
    pub(super) machine: usize,
    /// Variants on other machines that answer as it does.
    pub(super) sources: &'v [&'a VariantId],
    /// What the others are compared with.
    pub(super) baseline: &'v VariantId,
}

/// Gathers one variant's records.
pub(super) fn variant<'a>(
    runs: &'a [RunRecord],
    place: &VariantPlace<'_, 'a>,
    prompts: &Indices<'_>,
    evaluations: &Evaluations<'a>,
    columns: &mut Columns<'_>,
) -> VariantSample<'a> {
    let header = place.header;
    let windows: Vec<(usize, &WindowRecord)> = runs
        .iter()
        .enumerate()
        .flat_map(|(run, record)| record.windows.iter().map(move |window| (run, window)))
        .filter(|(_, window)| window.id.variant == header.id)
        .collect();
    let superseded: Vec<Superseded<'_>> = runs.iter().map(Superseded::of).collect();
    let counts = |run: usize, window: &WindowRecord| {
        superseded.get(run).is_none_or(|superseded| superseded.counts(window))
    };
    let measured: Vec<(usize, &WindowRecord)> =
        windows.iter().copied().filter(|(run, window)| counts(*run, window)).collect();

    let metered = measured.iter().map(|(_, window)| *window).filter(|window| !window.interrupted);
    let mut sample = VariantSample {
        header,
        machine: place.machine,
        windows: measured.iter().map(|(_, window)| *window).collect(),
        first: windows
            .iter()
            .map(|(_, window)| *window)
            .filter(|window| window.remeasures.is_none())
            .collect(),
        runs: measured.iter().map(|(run, _)| *run).collect(),
        loads: runs.iter().flat_map(|run| &run.loads).filter(|load| load.variant == header.id).collect(),
        powers: phase_powers(metered),
        unattributed: 0.0,
        scores: vec![PromptScore::default(); prompts.len()],
        scored: PromptSet::new(prompts.len()),
        klds: Vec::new(),
        asked: PromptSet::new(prompts.len()),
        answered: PromptSet::new(prompts.len()),
        failed: vec![0.0; prompts.len()],
        compared: PromptSet::new(prompts.len()),
        incomparable: PromptSet::new(prompts.len()),
        filled: PromptSet::new(prompts.len()),
        is_other_reference: is_other_reference(runs, &header.id, place.baseline),
        askings: Vec::with_capacity(measured.iter().map(|(_, window)| window.inferences.len()).sum()),
        bounded: false,
        likelihoods_not_reported: false,
        task_reason: None,
        divergence_reason: evaluations.foreign.then_some("divergences were taken from another baseline"),
    };

    let mut marks = vec![PromptMarks::default(); prompts.len()];
    let tasks = evaluations.tasks.get(&header.id);
    for (run, window) in windows {
        if counts(run, window) {
            sample.unattributed += add_window(run, window, prompts, &mut sample, columns);
        }
        // Quality and failures are the first window's.
        if window.remeasures.is_some() {
            continue;
        }

        for inference in &window.inferences {
            let Some(prompt) = prompts.get(&inference.prompt).copied() else { continue };
            let answered = inference.outcome.is_answered();
            sample.asked.insert(prompt);
            if answered {
                sample.answered.insert(prompt);
            }
            let Some(marks) = marks.get_mut(prompt) else { continue };
            marks.requests += 1.0;
            marks.answers += f64::from(u8::from(answered));

            if evaluations.graded.contains(prompt) {
                let found = tasks.and_then(|tasks| tasks.of((run, prompt, inference.repetition)));
                let score = score(inference, found);
                if let Some(Evaluation::Impossible { reason, .. }) = found {
                    sample.task_reason.get_or_insert(reason);
                }
                marks.graded += 1.0;
                marks.worst += score.worst;
                marks.best += score.best;
            }
        }
    }

    fill(runs, place.sources, prompts, evaluations, &mut marks, &mut sample);

    let places = places_by_prompt(&sample);
    for (prompt, marks) in marks.iter().enumerate() {
        if marks.requests > 0.0
            && let Some(slot) = sample.failed.get_mut(prompt)
        {
            *slot = 1.0 - marks.answers / marks.requests;
        }
        if let Some(score) = marks.score() {
            add_score(prompt, score, marks, &places, columns);
            if let Some(slot) = sample.scores.get_mut(prompt) {
                *slot = score;
                sample.scored.insert(prompt);
            }
        }
    }

    for evaluation in evaluations.divergences.get(&header.id).into_iter().flatten() {
        if let Some(prompt) = prompts.get(&evaluation.prompt) {
            add_divergence(&evaluation.result, *prompt, &mut sample, columns);
        }
    }
    for source in place.sources {
        for evaluation in evaluations.divergences.get(source).into_iter().flatten() {
            let prompt = prompts.get(&evaluation.prompt).filter(|prompt| sample.filled.contains(**prompt));
            if let Some(prompt) = prompt.copied() {
                add_divergence(&evaluation.result, prompt, &mut sample, columns);
            }
        }
    }

    sample
}

/// Adds the grades of answers on other machines to prompts that were not asked on this one.
fn fill<'a>(
    runs: &'a [RunRecord],
    sources: &[&'a VariantId],
    prompts: &Indices<'_>,
    evaluations: &Evaluations<'a>,
    marks: &mut [PromptMarks],
    sample: &mut VariantSample<'a>,
) {
    for (run, record) in runs.iter().enumerate() {
        let windows = record.windows.iter().filter(|window| window.remeasures.is_none());
        for window in windows.filter(|window| sources.contains(&&window.id.variant)) {
            for inference in &window.inferences {
                let Some(prompt) = prompts.get(&inference.prompt).copied() else { continue };
                let Some(marks) = marks.get_mut(prompt) else { continue };
                if marks.requests > 0.0 || !inference.outcome.is_answered() {
                    continue;
                }

                sample.filled.insert(prompt);
                if evaluations.graded.contains(prompt) {
                    let tasks = evaluations.tasks.get(&window.id.variant);
                    let found = tasks.and_then(|tasks| tasks.of((run, prompt, inference.repetition)));
                    let score = score(inference, found);
                    marks.graded += 1.0;
                    marks.worst += score.worst;
                    marks.best += score.best;
                }
            }
        }
    }
}

/// Requests of one prompt, counted.
#[derive(Debug, Clone, Copy, Default)]
struct PromptMarks {
    requests: f64,
    answers: f64,
    /// Requests with a grade, or that should have one.
    graded: f64,
    worst: f64,
    best: f64,
}

impl PromptMarks {
    /// The mean score; `None` where the prompt is not graded.
    fn score(&self) -> Option<PromptScore> {
        let n = self.graded;
        (n > 0.0).then(|| PromptScore { worst: self.worst / n, best: self.best / n })
    }
}

/// Where each request stands, those of a prompt side by side and in the order in which they were asked.
fn places_by_prompt(sample: &VariantSample<'_>) -> Vec<Place> {
    let mut places: Vec<Place> = sample.askings.iter().map(|asking| asking.place).collect();
    places.sort_by_key(|place| place.prompt);
    places
}

/// Adds a prompt's score. A cost per right answer needs the scores of a block beside its costs: each asking has its
/// part.
fn add_score(
    prompt: usize,
    score: PromptScore,
    marks: &PromptMarks,
    places: &[Place],
    columns: &mut Columns<'_>,
) {
    // a prompt that was answered on another machine alone
    let answered_share = if marks.requests > 0.0 { marks.answers / marks.requests } else { 1.0 };
    columns.add(prompt, Own::Score, score.worst);
    columns.add(prompt, Own::ScoredAnswers, answered_share);
    columns.mark(prompt, Own::Scored);

    let first = places.partition_point(|place| place.prompt() < prompt);
    let end = places.partition_point(|place| place.prompt() <= prompt);
    let own = places.get(first..end).unwrap_or_default();
    let part = 1.0 / own.len() as f64;

    for place in own {
        columns.add_to_block(place.block(), Own::Score, score.worst * part);
        columns.add_to_block(place.block(), Own::ScoredAnswers, answered_share * part);
        columns.add_to_block(place.block(), Own::Scored, part);
    }
}

/// Worst and best reading of one inference's score. A failure is 0 for certain.
fn score(inference: &InferenceRecord, found: Option<&Evaluation>) -> PromptScore {
    match (&inference.outcome, found) {
        (Outcome::Failed { .. }, _) => PromptScore { worst: 0.0, best: 0.0 },
        (_, Some(Evaluation::Task(task))) => {
            let score = if task.score.is_nan() { 0.0 } else { task.score.clamp(0.0, 1.0) };
            PromptScore { worst: score, best: score }
        }
        _ => PromptScore { worst: 0.0, best: 1.0 },
    }
}

/// Adds time, tokens and energy of a window; gives its unattributed joules.
fn add_window<'a>(
    run: usize,
    window: &'a WindowRecord,
    prompts: &Indices<'_>,
    sample: &mut VariantSample<'a>,
    columns: &mut Columns<'_>,
) -> f64 {
    let shares = time_shares(window);

    let attribution = if window.interrupted {
        None
    } else {
        attribute_weighted(window, sample.powers.unwrap_or(PhasePowers::EQUAL))
    };

    for (index, (inference, share)) in window.inferences.iter().zip(shares).enumerate() {
        let Some(prompt) = prompts.get(&inference.prompt).copied() else { continue };
        let Some(block) = columns.run_blocks.block(run, inference.repetition, prompt) else { continue };
        let Some(place) = Place::of(prompt, block) else { continue };
        let outcome = &inference.outcome;
        let answers = f64::from(u8::from(outcome.is_answered()));

        columns.mark_both(place, Own::Asked);
        columns.add_both(place, Own::Answers, answers);
        columns.add_both(place, Own::Busy, share.busy());

        let joules = attribution.as_ref().and_then(|attribution| attribution.per_inference.get(index));
        if let Some(joules) = joules {
            columns.add_both(place, Own::MeteredAnswers, answers);
            columns.add_both(place, Own::Joules, joules.get());
        }

        let paid = tokens_cost(sample.header, inference);
        if outcome.is_answered() {
            columns.add_both(place, Own::Input, inference.input_tokens.map_or(0.0, f64::from));
            columns.add_both(place, Own::TokensCost, paid);
        }

        sample.askings.push(Asking {
            place,
            outcome,
            busy: share.busy(),
            joules: joules.map(|joules| joules.get()),
            tokens_cost: paid,
        });

        add_speed(inference, place, columns);
    }

    attribution.map_or(0.0, |attribution| attribution.unattributed.get())
}

/// What the tokens of an answer cost; 0 where the machine is paid, and of what was not answered.
pub(crate) fn tokens_cost(variant: &VariantHeader, inference: &InferenceRecord) -> f64 {
    match &variant.token_price {
        Some(price) if inference.outcome.is_answered() => cost_of_tokens(price, &tokens_of(inference)),
        _ => 0.0,
    }
}

/// The tokens that an inference is paid for.
fn tokens_of(inference: &InferenceRecord) -> TokenUsage {
    TokenUsage {
        input: inference.input_tokens.map_or(0.0, f64::from),
        cached: inference.cached_input_tokens.map_or(0.0, f64::from),
        output: f64::from(inference.outcome.output_tokens()),
    }
}

fn add_speed(inference: &InferenceRecord, at: Place, columns: &mut Columns<'_>) {
    let outcome = &inference.outcome;
    let output = outcome.output_tokens();
    columns.add_both(at, Own::Output, f64::from(output));
    let Some(first) = outcome.time_to_first_token() else { return };

    // Tokens from a prefix cache were not computed.
    let cached = inference.cached_input_tokens.unwrap_or(0);
    let computed = inference.input_tokens.map_or(0, |input| input.saturating_sub(cached));
    if let Some(prefill) = outcome.prefill_time().filter(|prefill| computed > 0 && !prefill.is_zero()) {
        columns.mark_both(at, Own::Prefilled);
        columns.add_both(at, Own::PrefillTokens, f64::from(computed));
        columns.add_both(at, Own::PrefillTime, prefill.as_secs_f64());
    }

    let decoded = outcome.tokens_after_first();
    if decoded > 0 {
        columns.mark_both(at, Own::Decoded);
        columns.add_both(at, Own::DecodeTokens, f64::from(decoded));
        columns.add_both(at, Own::DecodeTime, outcome.latency().saturating_sub(first).as_secs_f64());
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
                columns.mark(prompt, Own::Compared);
                columns.add(prompt, Own::Divergence, divergence.kld.iter().sum());
                columns.add(prompt, Own::Positions, divergence.kld.len() as f64);
                columns.square_divergence(prompt);
                let matches = f64::from(divergence.top1_matches).min(divergence.kld.len() as f64);
                columns.add(prompt, Own::Matches, matches);
                match divergence.candidate_nll {
                    Some(nll) => columns.add(prompt, Own::NllChange, nll - divergence.baseline_nll),
                    None => sample.likelihoods_not_reported = true,
                }
                sample.bounded |= divergence.at_least;
                sample.klds.push(&divergence.kld);
            }
        }
        Evaluation::Impossible { reason, .. } => {
            sample.incomparable.insert(prompt);
            sample.divergence_reason.get_or_insert(reason);
        }
        Evaluation::Task(_) => {}
    }
}

/// What a variant's requests for one prompt, or one of them, took.
#[derive(Debug, Clone, Copy)]
struct Took {
    answers: f64,
    busy_s: f64,
    joules: f64,
    metered_answers: f64,
    tokens_cost: f64,
}

impl Took {
    fn of_prompt(table: &Table, layout: Layout, variant: usize, prompt: usize) -> Self {
        let columns = [Own::Answers, Own::Busy, Own::Joules, Own::MeteredAnswers, Own::TokensCost];
        let [answers, busy_s, joules, metered_answers, tokens_cost] =
            columns.map(|column| table.get(prompt, layout.own(variant, column)));
        Self { answers, busy_s, joules, metered_answers, tokens_cost }
    }

    fn of_asking(asking: &Asking<'_>) -> Self {
        let answers = f64::from(u8::from(asking.outcome.is_answered()));
        Self {
            answers,
            busy_s: asking.busy,
            joules: asking.joules.unwrap_or(0.0),
            metered_answers: if asking.joules.is_some() { answers } else { 0.0 },
            tokens_cost: asking.tokens_cost,
        }
    }

    /// Adds it to the columns from `first` on, in the order in which [`Pair`] has them.
    fn add(self, table: &mut Table, row: usize, first: usize) {
        let Self { answers, busy_s, joules, metered_answers, tokens_cost } = self;
        for (offset, value) in [answers, busy_s, joules, metered_answers, tokens_cost].into_iter().enumerate()
        {
            table.add(row, first + offset, value);
        }
    }
}

/// Does a variant's time on a prompt bear on a comparison with another's? Where both answered it, and where the variant
/// itself only failed on it: what that took is billed to its answers. An answer to what the other failed on has nothing
/// to stand against.
fn bears(variant: &VariantSample<'_>, other: &VariantSample<'_>, prompt: usize) -> bool {
    other.asked.contains(prompt) && (other.answered.contains(prompt) || !variant.answered.contains(prompt))
}

/// Copies what bears on a comparison with the baseline to the pair columns, prompt by prompt.
pub(super) fn pair_up(variants: &[VariantSample<'_>], index: usize, layout: Layout, table: &mut Table) {
    let (Some(baseline), Some(variant)) = (variants.first(), variants.get(index)) else { return };
    let column = |column| layout.pair(index, column);

    for prompt in baseline.asked.both(&variant.asked) {
        for (one, other, place, first) in
            [(baseline, variant, 0, Pair::BaselineAnswers), (variant, baseline, index, Pair::Answers)]
        {
            if bears(one, other, prompt) {
                Took::of_prompt(table, layout, place, prompt).add(table, prompt, column(first));
                mark(table, prompt, column(Pair::Shared));
            }
        }

        let failed = [baseline, variant].map(|sample| sample.failed(prompt));
        if let [Some(reference), Some(failed)] = failed {
            table.add(prompt, column(Pair::BaselineFailed), reference);
            table.add(prompt, column(Pair::Failed), failed);
            table.add(prompt, column(Pair::BothAsked), 1.0);
        }
    }

    for (prompt, reference, score) in variant.score_pairs(baseline) {
        table.add(prompt, column(Pair::BaselineScore), reference.worst);
        table.add(prompt, column(Pair::Score), score.worst);
        table.add(prompt, column(Pair::BestScore), score.best);
        table.add(prompt, column(Pair::Scored), 1.0);
    }
}

/// The same by block: time and joules.
pub(super) fn pair_up_blocks(
    variants: &[VariantSample<'_>],
    index: usize,
    layout: Layout,
    table: &mut Table,
) {
    let (Some(baseline), Some(variant)) = (variants.first(), variants.get(index)) else { return };

    for (one, other, first) in
        [(baseline, variant, Pair::BaselineAnswers), (variant, baseline, Pair::Answers)]
    {
        for asking in one.askings.iter().filter(|asking| bears(one, other, asking.place.prompt())) {
            let block = asking.place.block();
            mark(table, block, layout.pair(index, Pair::Shared));
            Took::of_asking(asking).add(table, block, layout.pair(index, first));
        }
    }
}
