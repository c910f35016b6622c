//! Evaluations, below the inference that they judge.
//!
//! A result that is not a finite number cannot be written: whoever evaluates records it as
//! [`Evaluation::Impossible`] with the reason, which counts as not good, and not as a gap.

use infercost_core::{
    ChoiceLikelihoods, Divergence, Evaluation, EvaluationKind, EvaluationRecord, Judgment, TaskScore,
};

use super::{EVALUATOR, RunSpans, record, stretch};
use crate::attributes::{
    CHOICE_BYTES, CHOICE_LOG_LIKELIHOOD, DIVERGENCE_AT_LEAST, DIVERGENCE_BASELINE_NLL,
    DIVERGENCE_CANDIDATE_NLL, DIVERGENCE_KLD, DIVERGENCE_TOP1, EVALUATION_GRADER, EVALUATION_KIND,
    GEN_AI_EVALUATION_EXPLANATION, GEN_AI_EVALUATION_NAME, GEN_AI_EVALUATION_SCORE_LABEL,
    GEN_AI_EVALUATION_SCORE_VALUE, PROMPT, REPETITION, VARIANT,
};
use crate::error::MappingError;
use crate::names::Names;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::{Span, SpanDraft, SpanPlace};
use crate::span_ids::SpanId;

const TASK: &str = "task";
const DIVERGENCE: &str = "divergence";
const IMPOSSIBLE: &str = "impossible";

/// What an evaluation judges: with variant, prompt and repetition, its identity.
pub(crate) fn name(result: &Evaluation) -> &str {
    match result {
        Evaluation::Task(_) => TASK,
        Evaluation::Divergence(_) => DIVERGENCE,
        Evaluation::Impossible { what, .. } => what.name(),
    }
}

impl RunSpans {
    /// The span of an evaluation, below `parent`.
    pub(crate) fn evaluation(
        &self,
        evaluation: &EvaluationRecord,
        parent: SpanId,
    ) -> Result<Span, MappingError> {
        let (start, end) = stretch(evaluation.evaluated_at, evaluation.duration)?;
        let what = name(&evaluation.result);
        let id = self.ids.evaluation(&evaluation.variant, &evaluation.prompt, evaluation.repetition, what);
        let place = SpanPlace { id, parent: Some(parent), start, end };
        let mut draft =
            SpanDraft::new(&self.ids, place, format!("evaluate {what}"), record::EVALUATION, EVALUATOR);
        draft.text(VARIANT, evaluation.variant.as_str());
        draft.text(PROMPT, evaluation.prompt.as_str());
        draft.int(REPETITION, evaluation.repetition);
        draft.text(GEN_AI_EVALUATION_NAME, what);

        match &evaluation.result {
            Evaluation::Task(score) => write_task(&mut draft, score),
            Evaluation::Divergence(divergence) => write_divergence(&mut draft, divergence),
            Evaluation::Impossible { what: _, reason } => {
                draft.text(EVALUATION_KIND, IMPOSSIBLE);
                draft.text(GEN_AI_EVALUATION_EXPLANATION, reason.as_str());
            }
        }

        draft.finish()
    }
}

/// The kind of that name.
fn kind(name: &str) -> Result<EvaluationKind, MappingError> {
    EvaluationKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| invalid(GEN_AI_EVALUATION_NAME, &format!("names no evaluation: {name:?}")))
}

/// The judgment of that label.
fn judgment(label: &str) -> Result<Judgment, MappingError> {
    Judgment::ALL
        .into_iter()
        .find(|judgment| judgment.label() == label)
        .ok_or_else(|| invalid(GEN_AI_EVALUATION_SCORE_LABEL, &format!("names no judgment: {label:?}")))
}

/// Reads an evaluation back.
pub(crate) fn read(span: &ReadSpan<'_>, names: &mut Names) -> Result<EvaluationRecord, MappingError> {
    let result = match span.text(EVALUATION_KIND)? {
        TASK => Evaluation::Task(read_task(span, names)?),
        DIVERGENCE => Evaluation::Divergence(Divergence {
            kld: span.numbers(DIVERGENCE_KLD)?.ok_or(MappingError::Missing { attribute: DIVERGENCE_KLD })?,
            top1_matches: span.int(DIVERGENCE_TOP1)?,
            baseline_nll: span.number(DIVERGENCE_BASELINE_NLL)?,
            candidate_nll: span.number_if(DIVERGENCE_CANDIDATE_NLL)?,
            at_least: span.truth(DIVERGENCE_AT_LEAST)?,
        }),
        IMPOSSIBLE => Evaluation::Impossible {
            what: kind(span.text(GEN_AI_EVALUATION_NAME)?)?,
            reason: span.text(GEN_AI_EVALUATION_EXPLANATION)?.to_owned(),
        },
        other => return Err(invalid(EVALUATION_KIND, &format!("names no kind: {other:?}"))),
    };

    Ok(EvaluationRecord {
        variant: names.of(span.text(VARIANT)?),
        prompt: names.of(span.text(PROMPT)?),
        repetition: span.int(REPETITION)?,
        evaluated_at: span.started_at(),
        duration: span.duration()?,
        result,
    })
}

fn write_task(draft: &mut SpanDraft, score: &TaskScore) {
    draft.text(EVALUATION_KIND, TASK);
    draft.text(EVALUATION_GRADER, score.grader.as_str());
    draft.number(GEN_AI_EVALUATION_SCORE_VALUE, score.score);
    draft.text(GEN_AI_EVALUATION_SCORE_LABEL, score.judgment.label());
    if let Some(choices) = &score.choices {
        draft.numbers(CHOICE_LOG_LIKELIHOOD, &choices.log_likelihood);
        draft.ints(CHOICE_BYTES, choices.bytes.iter().map(|bytes| i64::from(*bytes)));
    }
}

fn read_task(span: &ReadSpan<'_>, names: &mut Names) -> Result<TaskScore, MappingError> {
    let choices = match span.numbers(CHOICE_LOG_LIKELIHOOD)? {
        None => None,
        Some(log_likelihood) => Some(Box::new(ChoiceLikelihoods {
            log_likelihood,
            bytes: span.ints(CHOICE_BYTES)?.ok_or(MappingError::Missing { attribute: CHOICE_BYTES })?,
        })),
    };
    Ok(TaskScore {
        grader: names.of(span.text(EVALUATION_GRADER)?),
        score: span.number(GEN_AI_EVALUATION_SCORE_VALUE)?,
        judgment: judgment(span.text(GEN_AI_EVALUATION_SCORE_LABEL)?)?,
        choices,
    })
}

fn write_divergence(draft: &mut SpanDraft, divergence: &Divergence) {
    draft.text(EVALUATION_KIND, DIVERGENCE);
    draft.numbers(DIVERGENCE_KLD, &divergence.kld);
    draft.int(DIVERGENCE_TOP1, divergence.top1_matches);
    draft.number(DIVERGENCE_BASELINE_NLL, divergence.baseline_nll);
    draft.number_if(DIVERGENCE_CANDIDATE_NLL, divergence.candidate_nll);
    if divergence.at_least {
        draft.truth(DIVERGENCE_AT_LEAST, true);
    }
}
