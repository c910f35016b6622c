//! What must be read with the numbers of a model that thinks before it answers.

use std::collections::BTreeMap;

use infercost_core::text::{count, percent};
use infercost_core::{FinishReason, InferenceRecord, Outcome, Thinking, VariantId};

use super::Noted;

/// Notes on every variant that thought, each with the limit that its thinking used up.
pub(super) fn notes(noted: &Noted<'_>) -> Vec<String> {
    let mut variants: BTreeMap<&VariantId, Thought> = BTreeMap::new();
    for window in noted.analysis.runs.iter().flat_map(|run| &run.windows) {
        let thought = variants.entry(&window.id.variant).or_default();
        window.inferences.iter().for_each(|inference| thought.add(inference));
    }

    let thinking = variants.into_iter().filter(|(_, thought)| thought.answers_with > 0);
    thinking.flat_map(|(variant, thought)| thought.notes(variant.variant_name())).collect()
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
        let Some(Thinking { tokens, first_answer, .. }) = thinking else { return };

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

    fn notes(&self, name: &str) -> Vec<String> {
        let all = count(self.answers, "answer");
        let share = self.thinking_tokens as f64 / self.output_tokens.max(1) as f64;
        let share = if self.is_partial {
            "how many tokens that took is not known of all of them".to_owned()
        } else {
            format!("{} of the output tokens are thinking", percent(share))
        };
        let mut notes = vec![format!(
            "{name} thought before {} of {all}: {share}. Thinking is billed and timed, and never graded.",
            self.answers_with
        )];

        if let Some((least, most)) = self.limits {
            let limits = if least == most { least.to_string() } else { format!("{least} to {most}") };
            notes.push(format!(
                "{} of {all} of {name} never began: thinking used up max_tokens ({limits}), and they count as wrong. \
                 Raise `max_tokens` in the prompt set, or say there how much `thinking` is allowed.",
                self.never_began
            ));
        }
        notes
    }
}
