//! What of a run that was cut off need not be done again.

use std::collections::HashSet;

use infercost_core::{EvaluationKind, EvaluationRecord, Prompt, PromptId, RunRecord, VariantId};
use infercost_harness::Completed;
use infercost_harness::remeasure::RemeasureDone;

/// What of a run need not be done again.
pub(super) fn completed(run: &RunRecord, prompts: &[Prompt]) -> Completed {
    let mut completed = Completed::default();
    for window in &run.windows {
        completed.load.note(window);
        completed.next_window = completed.next_window.max(window.id.index.saturating_add(1));
        for inference in window.inferences.iter().filter(|_| window.load.is_none()) {
            let key = (window.id.variant.clone(), inference.prompt.clone(), inference.repetition);
            completed.inferences.insert(key);
        }
    }

    completed.remeasured = RemeasureDone::of(&run.windows, run.header.repetitions);

    let evaluated: HashSet<EvaluationKey> = run.evaluations.iter().map(EvaluationKey::of).collect();
    for variant in &run.header.variants {
        for prompt in prompts {
            let task = EvaluationKey::first(&variant.id, &prompt.id, true);
            let divergence = EvaluationKey::first(&variant.id, &prompt.id, false);
            let is_choice = prompt.grader.as_deref().is_some_and(|grader| !grader.choices().is_empty());
            let is_baseline = variant.id == run.header.baseline;
            if (is_baseline || evaluated.contains(&divergence)) && (!is_choice || evaluated.contains(&task)) {
                completed.scorings.insert((variant.id.clone(), prompt.id.clone()));
            }
        }
    }

    completed
}

/// What an evaluation is of; a run holds each once.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct EvaluationKey {
    variant: VariantId,
    prompt: PromptId,
    repetition: u32,
    is_task: bool,
}

impl EvaluationKey {
    /// The evaluation of a prompt's first inference.
    fn first(variant: &VariantId, prompt: &PromptId, is_task: bool) -> Self {
        Self { variant: variant.clone(), prompt: prompt.clone(), repetition: 0, is_task }
    }

    pub(super) fn of(record: &EvaluationRecord) -> Self {
        let is_task = record.result.kind() == EvaluationKind::Task;
        let EvaluationRecord { variant, prompt, repetition, .. } = record;
        Self { variant: variant.clone(), prompt: prompt.clone(), repetition: *repetition, is_task }
    }
}
