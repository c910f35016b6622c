//! What must be read with the numbers of a server: what it does not tell.

use infercost_core::run::VariantHeader;
use infercost_core::{InferenceRecord, Outcome, TokenCount};

use super::{Noted, claims};
use crate::load::cached_share;
use infercost_core::text::{count, percent};

/// Notes on every variant that a server answers for; nothing where there is none.
pub(super) fn notes(noted: &Noted<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut known: Vec<&VariantHeader> = Vec::new();
    for header in noted.analysis.runs.iter().flat_map(|run| &run.header.variants) {
        if header.is_served() && !known.iter().any(|one| one.id == header.id) {
            known.push(header);
        }
    }
    for header in known {
        let windows = noted.analysis.runs.iter().flat_map(|run| &run.windows);
        let windows = windows.filter(|window| window.id.variant == header.id);
        let answers: Vec<&InferenceRecord> = windows
            .flat_map(|window| &window.inferences)
            .filter(|one| matches!(one.outcome, Outcome::Completed { .. }))
            .collect();
        notes.extend(claims::parameters(header));
        notes.extend(claims::counts(header.id.variant_name(), &answers));
        let server = Server { header, answers };
        notes.extend(server.counted_by_chunks());
        notes.extend(server.prompt_tokens());
        notes.extend(server.tokenizer());
        notes.extend(server.several_in_a_chunk());
        notes.extend(server.cache(noted));
    }
    notes
}

/// A server and its answers to single requests.
struct Server<'a> {
    header: &'a VariantHeader,
    answers: Vec<&'a InferenceRecord>,
}

impl Server<'_> {
    fn name(&self) -> &str {
        self.header.id.variant_name()
    }

    /// In how many answers something holds, in words; `None` for none.
    fn having(&self, test: impl Fn(&InferenceRecord) -> bool) -> Option<String> {
        let number = self.answers.iter().filter(|one| test(one)).count();
        let all = self.answers.len() as u64;
        (number > 0).then(|| format!("{number} of {}", count(all, "answer")))
    }

    fn counted_by_chunks(&self) -> Option<String> {
        let counted = |one: &InferenceRecord| {
            one.served.as_ref().is_some_and(|served| {
                let is_told = served.usage_faults.iter().any(|fault| fault.is_disbelieved());
                served.counted_by == TokenCount::Chunks && !is_told
            })
        };
        let unreported = self.having(counted)?;
        Some(format!(
            "{} sent no `usage` with {unreported}: output tokens are the chunks of the stream there, and a chunk may hold \
             several.",
            self.name()
        ))
    }

    /// The trial answer's count against the server's own tokenizer. Text may split into other tokens than it was
    /// generated in, so this is a doubt and no proof.
    fn tokenizer(&self) -> Option<String> {
        let trial = self.header.engine.habits.as_ref()?.trial.as_ref()?;
        let (counted, tokenized) =
            trial.counted_and_tokenized.filter(|_| trial.tokenizer_agrees() == Some(false))?;
        let by = if trial.sends_usage { "`usage`" } else { "the stream" };
        Some(format!(
            "{} counted {counted} tokens of a trial answer by {by}, and its own tokenizer finds {tokenized} in the \
             text: speed and cost by the token may be off as much.",
            self.name()
        ))
    }

    fn several_in_a_chunk(&self) -> Option<String> {
        let several = self.having(|one| one.served.as_ref().is_some_and(|served| served.count_mismatch))?;
        Some(format!(
            "{} sent several tokens in a chunk, or some that were not shown, in {several}: gaps between chunks are not \
             gaps between tokens.",
            self.name()
        ))
    }

    fn prompt_tokens(&self) -> Option<String> {
        let unreported = self.having(|one| one.input_tokens.is_none())?;
        Some(format!(
            "{} did not report the prompt tokens of {unreported}: they are unknown, and so are speed and cost by the prompt \
             token.",
            self.name()
        ))
    }

    /// Prompts that are asked again look free to a server that remembers them: what it took from its cache is said, and
    /// so is that nobody knows. Under load the points say themselves what was taken.
    fn cache(&self, noted: &Noted<'_>) -> Option<String> {
        let name = self.name();
        if let Some(share) = cached_share(&self.answers) {
            return (share > 0.0).then(|| {
                format!(
                    "{} of the prompt tokens of {name} came from a prompt cache in single requests: TTFT and cost are \
                     those of prompts that it had seen.",
                    percent(share)
                )
            });
        }
        let is_off = self.header.engine.habits.as_ref().is_some_and(|habits| habits.cache_off);
        let run = noted.analysis.runs.iter().map(|run| &run.header);
        let again: Vec<&str> = [
            (run.clone().any(|header| header.warm_ups > 0), "in warm-ups"),
            (run.clone().any(|header| header.repetitions > 1), "in repetitions"),
            (noted.is_loaded, "under load"),
        ]
        .into_iter()
        .filter_map(|(is_so, what)| is_so.then_some(what))
        .collect();
        (!is_off && !self.answers.is_empty() && !again.is_empty()).then(|| {
            format!(
                "{name} does not tell what it takes from a prompt cache, and infercost knows no switch for it: prompts \
                 that were asked more than once ({}) may look faster and cheaper than new ones. Start it without \
                 one, where it can.",
                again.join(", ")
            )
        })
    }
}
