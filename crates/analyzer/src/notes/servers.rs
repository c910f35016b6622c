//! What must be known with the numbers of a server: what it does not tell.

use infercost_core::run::VariantHeader;
use infercost_core::{Fact, InferenceRecord, OtherEnd, Outcome, ServerFact, TokenCount};

use super::{Noted, claims, windows};
use crate::load::cached_share;

/// Findings about every variant that a server answers for; nothing where there is none.
pub(super) fn facts(noted: &Noted<'_>) -> Vec<Fact> {
    let mut known: Vec<&VariantHeader> = Vec::new();
    for header in noted.analysis.runs.iter().flat_map(|run| &run.header.variants) {
        if header.is_served() && !known.iter().any(|one| one.id == header.id) {
            known.push(header);
        }
    }

    let mut facts = Vec::new();
    for header in known {
        let answers: Vec<&InferenceRecord> = windows(noted)
            .filter(|window| window.id.variant == header.id)
            .flat_map(|window| &window.inferences)
            .filter(|one| matches!(one.outcome, Outcome::Completed { .. }))
            .collect();

        let mut found = Vec::new();
        found.extend(claims::parameters(header));
        found.extend(claims::counts(&answers));

        let server = Server { header, answers };
        found.extend(server.counted_by_chunks());
        found.extend(server.prompt_tokens());
        found.extend(server.tokenizer());
        found.extend(server.several_in_a_chunk());
        found.extend(server.other_ends());
        found.extend(server.cache(noted));

        for server in found {
            facts.push(Fact::Server { variant: header.id.variant_name().to_owned(), server });
        }
    }
    facts
}

/// A server and its answers to single requests.
struct Server<'a> {
    header: &'a VariantHeader,
    answers: Vec<&'a InferenceRecord>,
}

impl Server<'_> {
    /// In how many answers something holds; `None` for none.
    fn having(&self, test: impl Fn(&InferenceRecord) -> bool) -> Option<u64> {
        let number = self.answers.iter().filter(|one| test(one)).count() as u64;
        (number > 0).then_some(number)
    }

    fn of(&self) -> u64 {
        self.answers.len() as u64
    }

    fn counted_by_chunks(&self) -> Option<ServerFact> {
        let answers = self.having(|one| {
            one.served.as_ref().is_some_and(|served| {
                let is_reported = served.usage_faults.iter().any(|fault| fault.is_disbelieved());
                served.counted_by == TokenCount::Chunks && !is_reported
            })
        })?;
        Some(ServerFact::CountedByChunks { answers, of: self.of() })
    }

    /// The trial answer's count against the server's own tokenizer. Text may split into other tokens than it was
    /// generated in, so this is a doubt and no proof.
    fn tokenizer(&self) -> Option<ServerFact> {
        let trial = self.header.engine.habits.as_ref()?.trial.as_ref()?;
        let (counted, tokenized) =
            trial.counted_and_tokenized.filter(|_| trial.tokenizer_agrees() == Some(false))?;
        Some(ServerFact::TokenizerDisagrees { counted, by_usage: trial.sends_usage, tokenized })
    }

    fn several_in_a_chunk(&self) -> Option<ServerFact> {
        let answers = self.having(|one| one.served.as_ref().is_some_and(|served| served.count_mismatch))?;
        Some(ServerFact::SeveralInAChunk { answers, of: self.of() })
    }

    fn other_ends(&self) -> Option<ServerFact> {
        let ended_by = |end| {
            self.having(|one| one.served.as_ref().is_some_and(|served| served.other_end == Some(end)))
                .unwrap_or(0)
        };
        let tool_calls = ended_by(OtherEnd::ToolCall);
        let filtered = ended_by(OtherEnd::ContentFilter);
        (tool_calls + filtered > 0).then_some(ServerFact::OtherEnds { tool_calls, filtered, of: self.of() })
    }

    fn prompt_tokens(&self) -> Option<ServerFact> {
        let answers = self.having(|one| one.input_tokens.is_none())?;
        Some(ServerFact::PromptTokensUnreported { answers, of: self.of() })
    }

    /// Prompts that are asked again look free to a server that remembers them: what it took from its cache is said, and
    /// so is that nobody knows. Under load the points say themselves what was taken.
    fn cache(&self, noted: &Noted<'_>) -> Option<ServerFact> {
        if let Some(share) = cached_share(&self.answers) {
            return (share > 0.0).then_some(ServerFact::FromCache { share });
        }

        let is_off = self.header.engine.habits.as_ref().is_some_and(|habits| habits.cache_off);
        if is_off || self.answers.is_empty() {
            return None;
        }

        let mut headers = noted.analysis.runs.iter().map(|run| &run.header);
        let warm_ups = headers.clone().any(|header| header.warm_ups > 0);
        let repetitions = headers.any(|header| header.repetitions > 1);
        let under_load = noted.is_loaded;
        (warm_ups || repetitions || under_load).then_some(ServerFact::CacheUnknown {
            warm_ups,
            repetitions,
            under_load,
        })
    }
}
