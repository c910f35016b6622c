//! Requests of a variant by what came of them, and the tokens of their prompts.

use std::collections::BTreeMap;

use infercost_core::{InferenceRecord, Outcome, Reason};

use crate::sample::VariantSample;

/// Requests, counted by what came of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FailureCounts {
    /// All of them.
    pub(crate) requests: u64,
    /// Answers of at least one token.
    pub(crate) answers: u64,
    /// Failures; what was neither answered nor failed ended without a token.
    pub(crate) failures: u64,
    /// Failures by kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    pub(crate) output_tokens: u64,
}

impl FailureCounts {
    pub(crate) fn of<'i>(inferences: impl IntoIterator<Item = &'i InferenceRecord>) -> Self {
        let mut counts = Self::default();
        for inference in inferences {
            counts.requests += 1;
            counts.answers += u64::from(inference.outcome.is_answered());
            counts.output_tokens += u64::from(inference.outcome.output_tokens());
            if let Outcome::Failed { kind, .. } = &inference.outcome {
                counts.failures += 1;
                *counts.kinds.entry(kind.name().to_owned()).or_default() += 1;
            }
        }

        counts
    }
}

/// Prompt tokens of all answers; a failure has none that count.
pub(crate) fn input_tokens(variant: &VariantSample<'_>) -> Result<u64, Reason> {
    let (mut sum, mut answers, mut without) = (0, 0, 0);

    for inference in variant.first_inferences().filter(|one| matches!(one.outcome, Outcome::Completed { .. }))
    {
        answers += 1;
        match inference.input_tokens {
            Some(tokens) => sum += u64::from(tokens),
            None => without += 1,
        }
    }

    if without > 0 { Err(Reason::TokensNotReported { without, answers }) } else { Ok(sum) }
}
