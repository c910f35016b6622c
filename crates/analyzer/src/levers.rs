//! What could be left out of a run's work, computed from its own records: shared prefixes, long answers.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use infercost_core::{
    EconomicsReason, Estimate, Evaluation, InferenceRecord, Outcome, PromptId, RunRecord, VariantId,
};

use crate::workload::ratio_by_prompt;

/// What a prefix cache would save.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedPrefix {
    /// Share of the time of all inferences that it would save.
    pub time_saved: Estimate,
    /// Share of the prompts' text that is a prefix of an earlier prompt's.
    pub text_share: f64,
}

/// Time until the first token is taken to fall with the share of a prompt's text that an earlier, different prompt
/// began with. Characters stand for tokens, and what a chat template puts before the text is not counted.
///
/// # Errors
/// [`EconomicsReason`], where prompts were kept out of the trace or too few were answered.
pub fn shared_prefix(
    run: &RunRecord,
    variant: &VariantId,
    confidence: f64,
) -> Result<SharedPrefix, EconomicsReason> {
    let inferences = first_answers(run, variant);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let (mut shares, mut shared, mut all) = (Vec::new(), 0_usize, 0_usize);

    for inference in &inferences {
        let text = inference.input_text.as_deref().ok_or(EconomicsReason::NoPrompts)?;
        let common = longest_prefix(&seen, text);
        shares.push(common as f64 / text.len().max(1) as f64);
        shared += common;
        all += text.len();
        seen.insert(text);
    }

    let cached = inferences.iter().any(|one| one.cached_input_tokens.unwrap_or(0) > 0);
    if cached {
        return Err(EconomicsReason::CacheAtWork);
    }

    let time_saved = ratio_by_prompt(&inferences, run.header.seed, confidence, |index, inference| {
        let first = inference.outcome.prefill_time().map_or(0.0, |first| first.as_secs_f64());
        let share = shares.get(index).copied().unwrap_or(0.0);
        (first * share, inference.outcome.latency().as_secs_f64())
    });
    Ok(SharedPrefix {
        time_saved: time_saved.ok_or(EconomicsReason::FewAnswers)?,
        text_share: shared as f64 / all.max(1) as f64,
    })
}

/// Bytes that a text shares, from its beginning, with the closest other of a set: its neighbors in order.
fn longest_prefix(seen: &BTreeSet<&str>, text: &str) -> usize {
    let before = seen.range::<str, _>((Bound::Unbounded, Bound::Excluded(text))).next_back();
    let after = seen.range::<str, _>((Bound::Excluded(text), Bound::Unbounded)).next();
    let neighbors = [before, after].into_iter().flatten();
    let common = neighbors.map(|other| text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count());
    common.max().unwrap_or(0)
}

/// What a lower limit of output tokens would save, and cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputLimit {
    /// The limit: nine of ten answers are no longer.
    pub limit: u32,
    /// Share of the time of all inferences that it would save.
    pub time_saved: Estimate,
    /// Share of answers that it would cut.
    pub cut: f64,
    /// Share of graded answers that are right and would be cut: what the task score could lose at most; `None`
    /// where nothing was graded.
    pub right_and_cut: Option<f64>,
}

/// The time behind the limit, from the arrival of each chunk.
///
/// # Errors
/// [`EconomicsReason`], where too few prompts were answered or all answers are equally long.
pub fn output_limit(
    run: &RunRecord,
    variant: &VariantId,
    confidence: f64,
) -> Result<OutputLimit, EconomicsReason> {
    let inferences = first_answers(run, variant);
    let mut lengths: Vec<u32> = inferences.iter().map(|one| one.outcome.output_tokens()).collect();
    lengths.sort_unstable();
    let at = (lengths.len() * 9).div_ceil(10).saturating_sub(1);
    let limit = lengths.get(at).copied().filter(|limit| *limit > 0).ok_or(EconomicsReason::NoAnswer)?;
    if lengths.last().is_none_or(|longest| *longest <= limit) {
        return Err(EconomicsReason::AnswersAlike { tokens: limit });
    }

    let time_saved = ratio_by_prompt(&inferences, run.header.seed, confidence, |_, inference| {
        (behind(inference, limit), inference.outcome.latency().as_secs_f64())
    });

    let right = right(run, variant);
    let (mut cut, mut graded, mut lost) = (0, 0, 0);
    for inference in &inferences {
        let is_cut = inference.outcome.output_tokens() > limit;
        cut += u64::from(is_cut);
        if let Some(is_right) = right.get(&inference.prompt) {
            graded += 1;
            lost += u64::from(*is_right && is_cut);
        }
    }

    Ok(OutputLimit {
        limit,
        time_saved: time_saved.ok_or(EconomicsReason::FewAnswers)?,
        cut: cut as f64 / inferences.len().max(1) as f64,
        right_and_cut: (graded > 0).then(|| lost as f64 / f64::from(graded)),
    })
}

/// Seconds from the chunk that reaches the limit to the end.
fn behind(inference: &InferenceRecord, limit: u32) -> f64 {
    let Outcome::Completed { arrivals, latency, .. } = &inference.outcome else { return 0.0 };
    let mut tokens = 0_u32;
    for chunk in arrivals {
        tokens = tokens.saturating_add(chunk.tokens);
        if tokens >= limit {
            return latency.saturating_sub(chunk.at).as_secs_f64();
        }
    }

    0.0
}

/// The first answer of a variant to each prompt, in order.
fn first_answers<'a>(run: &'a RunRecord, variant: &VariantId) -> Vec<&'a InferenceRecord> {
    let of_variant = run.windows.iter().filter(|window| window.id.variant == *variant);
    of_variant.flat_map(|window| &window.inferences).filter(|inference| inference.repetition == 0).collect()
}

/// Whether the first answer to each graded prompt was right.
fn right<'a>(run: &'a RunRecord, variant: &VariantId) -> HashMap<&'a PromptId, bool> {
    let mine = run.evaluations.iter().filter(|one| one.variant == *variant && one.repetition == 0);
    mine.filter_map(|one| match &one.result {
        Evaluation::Task(task) => Some((&one.prompt, task.score > 0.5)),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_neighbors() {
        let check = |seen: &[&str], text: &str, wanted: usize| {
            assert_eq!(longest_prefix(&seen.iter().copied().collect(), text), wanted, "{text} in {seen:?}");
        };
        check(&[], "abc", 0);
        check(&["abd", "xyz"], "abc", 2);
        check(&["abd", "abb", "a"], "abc", 2);
        check(&["abc"], "abc", 0); // a repetition is no shared prefix
        check(&["abcdef"], "abc", 3);
        check(&["ab", "abcd"], "abcde", 4);
    }
}
