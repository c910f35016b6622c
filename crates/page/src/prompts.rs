//! The table of prompts: what the baseline and each candidate answered, and what the grader said.

use std::collections::BTreeMap;

use infercost_core::{Evaluation, Outcome, PromptId, RunRecord, VariantId};
use serde::Serialize;

use crate::samples::single_request_windows;

/// Characters of prompts and answers that a page may carry, all together.
const TEXT_BUDGET: usize = 3_500_000;

/// Lengths at which texts are cut, tried in turn until all of them fit the budget.
const CUTS: [usize; 6] = [20_000, 4_000, 1_000, 400, 160, 60];

/// One prompt with an answer of each variant that was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PromptRow {
    pub(crate) id: String,
    /// `None` where content is kept out.
    pub(crate) input: Option<String>,
    /// By the variant's place in the report.
    pub(crate) answers: BTreeMap<usize, AnswerCell>,
}

/// One variant's first answer to one prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct AnswerCell {
    /// The answer, or the failure in words; `None` where content is kept out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The task score, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<f64>,
    /// `correct`, `incorrect`, `unparsable` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// Mean KL divergence from the baseline, in nats per token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kld: Option<f64>,
    /// From issue to end, in milliseconds.
    pub(crate) ms: f64,
    /// Output tokens.
    pub(crate) tokens: u32,
}

/// The rows in the order of the run, and the length at which texts were cut, where any was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PromptTable {
    pub(crate) rows: Vec<PromptRow>,
    pub(crate) cut_at: Option<usize>,
}

/// Gathers the first answer of each variant of `variants` to each prompt.
pub(crate) fn table(runs: &[RunRecord], variants: &[VariantId], with_texts: bool) -> PromptTable {
    let places: BTreeMap<&VariantId, usize> =
        variants.iter().enumerate().map(|(place, variant)| (variant, place)).collect();
    let mut rows: Vec<PromptRow> = Vec::new();
    let mut by_prompt: BTreeMap<PromptId, usize> = BTreeMap::new();

    for window in single_request_windows(runs) {
        let Some(place) = places.get(&window.id.variant) else { continue };
        for inference in &window.inferences {
            let row = *by_prompt.entry(inference.prompt.clone()).or_insert_with(|| {
                rows.push(PromptRow {
                    id: inference.prompt.to_string(),
                    input: None,
                    answers: BTreeMap::new(),
                });
                rows.len() - 1
            });
            let Some(row) = rows.get_mut(row) else { continue };

            if with_texts && row.input.is_none() {
                row.input.clone_from(&inference.input_text);
            }
            // The first answer stands for the prompt: divergences are taken on it, and later ones repeat it.
            row.answers.entry(*place).or_insert_with(|| answer(&inference.outcome, with_texts));
        }
    }

    add_evaluations(runs, &places, &by_prompt, &mut rows);
    let cut_at = cut(&mut rows);
    PromptTable { rows, cut_at }
}

fn answer(outcome: &Outcome, with_texts: bool) -> AnswerCell {
    let text = match outcome {
        Outcome::Completed { text, .. } => text.clone(),
        Outcome::Failed { message, .. } => Some(format!("failed: {message}")),
    };

    AnswerCell {
        text: text.filter(|_| with_texts),
        ms: outcome.latency().as_secs_f64() * 1e3,
        tokens: outcome.output_tokens(),
        ..AnswerCell::default()
    }
}

fn add_evaluations(
    runs: &[RunRecord],
    places: &BTreeMap<&VariantId, usize>,
    by_prompt: &BTreeMap<PromptId, usize>,
    rows: &mut [PromptRow],
) {
    for evaluation in runs.iter().flat_map(|run| &run.evaluations) {
        if evaluation.repetition > 0 {
            continue;
        }
        let Some(place) = places.get(&evaluation.variant) else { continue };
        let Some(row) = by_prompt.get(&evaluation.prompt).and_then(|row| rows.get_mut(*row)) else {
            continue;
        };
        let Some(cell) = row.answers.get_mut(place) else { continue };

        match &evaluation.result {
            Evaluation::Task(score) => {
                cell.score = Some(score.score);
                cell.label = Some(score.judgment.label().to_owned());
            }
            Evaluation::Divergence(divergence) if !divergence.kld.is_empty() => {
                cell.kld = Some(divergence.kld.iter().sum::<f64>() / divergence.kld.len() as f64);
            }
            Evaluation::Divergence(_) | Evaluation::Impossible { .. } => {}
        }
    }
}

/// Cuts texts so that all of them fit the budget; the length at which they were cut, where any was.
fn cut(rows: &mut [PromptRow]) -> Option<usize> {
    let limit = CUTS.into_iter().find(|limit| {
        let lengths = rows.iter().flat_map(texts).map(|text| text.len().min(*limit));
        lengths.sum::<usize>() <= TEXT_BUDGET
    });
    let limit = limit.unwrap_or(0);

    let mut any = false;
    for row in rows {
        let answers = row.answers.values_mut().filter_map(|cell| cell.text.as_mut());
        for text in row.input.iter_mut().chain(answers) {
            if text.len() > limit {
                let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
                text.truncate(end);
                text.push('…');
                any = true;
            }
        }
    }
    any.then_some(limit)
}

fn texts(row: &PromptRow) -> impl Iterator<Item = &String> {
    row.input.iter().chain(row.answers.values().filter_map(|cell| cell.text.as_ref()))
}
