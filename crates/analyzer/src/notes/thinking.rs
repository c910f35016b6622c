//! What must be known with the numbers of a model that thinks before it answers.

use std::collections::BTreeMap;

use infercost_core::{Fact, FinishReason, InferenceRecord, Outcome, Thinking, VariantId};

use super::{Noted, windows};

/// Findings about every variant that thought, each with the limit that its thinking used up.
pub(super) fn facts(noted: &Noted<'_>) -> Vec<Fact> {
    let mut variants: BTreeMap<&VariantId, Thought> = BTreeMap::new();
    for window in windows(noted) {
        let thought = variants.entry(&window.id.variant).or_default();
        window.inferences.iter().for_each(|inference| thought.add(inference));
    }

    let thinking = variants.into_iter().filter(|(_, thought)| thought.answers_with > 0);
    thinking.flat_map(|(variant, thought)| thought.facts(variant.variant_name())).collect()
}

/// Thinking in the answers of one variant.
#[derive(Default)]
struct Thought {
    answers: u64,
    answers_with: u64,
    /// Answers of which nothing came but thinking, up to the limit.
    never_began: u64,
    /// The lowest and the highest limit of those.
    limits: Option<(u32, u32)>,
    output_tokens: u64,
    thinking_tokens: u64,
    /// True where the tokens of some thinking are unknown.
    is_partial: bool,
}

impl Thought {
    fn add(&mut self, inference: &InferenceRecord) {
        let Outcome::Completed { finish, output_tokens, thinking, .. } = &inference.outcome else { return };
        self.answers += 1;
        self.output_tokens += u64::from(*output_tokens);
        let Some(Thinking { tokens, first_answer, .. }) = thinking.as_deref() else { return };

        self.answers_with += 1;
        self.thinking_tokens += u64::from(tokens.unwrap_or(0));
        self.is_partial |= tokens.is_none();
        if first_answer.is_none() && *finish == FinishReason::Length {
            self.never_began += 1;
            let limit = inference.max_tokens;
            let (least, most) = self.limits.unwrap_or((limit, limit));
            self.limits = Some((least.min(limit), most.max(limit)));
        }
    }

    fn facts(&self, name: &str) -> Vec<Fact> {
        let share = self.thinking_tokens as f64 / self.output_tokens.max(1) as f64;
        let mut facts = vec![Fact::Thought {
            variant: name.to_owned(),
            answers: self.answers_with,
            of: self.answers,
            share: (!self.is_partial).then_some(share),
        }];

        if let Some((least, most)) = self.limits {
            facts.push(Fact::ThinkingUsedUp {
                variant: name.to_owned(),
                answers: self.never_began,
                of: self.answers,
                least,
                most,
            });
        }
        facts
    }
}
