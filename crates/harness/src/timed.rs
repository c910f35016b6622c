//! One inference, stamped with the one clock.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use infercost_core::thinking::{SplitText, split};
use infercost_core::{
    Chunk, ChunkArrival, Engine, EngineError, Generation, GenerationRequest, InferenceRecord, Outcome,
    Prompt, PromptBody, Sampling, Thinking,
};

/// Runs one inference and records when each chunk arrived.
///
/// TTFT is the first chunk with text, or the end-of-turn token of an empty answer. Chunks before it (a character
/// still incomplete) count their tokens toward it.
pub fn infer(
    engine: &mut dyn Engine,
    prompt: &Prompt,
    repetition: u32,
    sampling: &Sampling,
) -> (InferenceRecord, Option<Generation>) {
    let request = GenerationRequest { prompt: &prompt.body, max_tokens: prompt.max_tokens, sampling };
    let mut stamps = Stamps::start();
    let result = engine.generate(&request, &mut |chunk| stamps.chunk(chunk));
    let stamped = stamps.stop();
    let record = record(prompt, repetition, sampling, stamped, &result);
    (record, result.ok())
}

/// The clock of one inference, started when it is issued.
#[derive(Debug)]
pub(crate) struct Stamps {
    issued_at: SystemTime,
    clock: Instant,
    arrivals: Vec<Arrival>,
    /// Tokens that came before any text.
    waiting: u32,
    /// Bytes of the answer's text so far.
    text: usize,
}

/// A chunk as it arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) tokens: u32,
    /// Bytes of the answer's text up to and with this chunk.
    text: usize,
    /// True where the engine itself calls it thinking.
    thinking: bool,
}

/// What a [`Stamps`] saw.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) issued_at: SystemTime,
    pub(crate) latency: Duration,
    pub(crate) arrivals: Vec<Arrival>,
}

impl Stamps {
    /// Starts the clock. Room for arrivals is made first.
    pub(crate) fn start() -> Self {
        let arrivals = Vec::with_capacity(64);
        Self { issued_at: SystemTime::now(), clock: Instant::now(), arrivals, waiting: 0, text: 0 }
    }

    /// When the clock started.
    pub(crate) fn begun(&self) -> Instant {
        self.clock
    }

    /// A chunk is there.
    pub(crate) fn chunk(&mut self, chunk: Chunk<'_>) {
        let tokens = self.waiting.saturating_add(chunk.tokens);
        if !chunk.thinking {
            self.text = self.text.saturating_add(chunk.text.len());
        }
        if chunk.text.is_empty() && self.arrivals.is_empty() {
            self.waiting = tokens;
        } else {
            let at = self.clock.elapsed();
            self.arrivals.push(Arrival { at, tokens, text: self.text, thinking: chunk.thinking });
            self.waiting = 0;
        }
    }

    /// The answer is whole, or has failed.
    pub(crate) fn stop(mut self) -> Stamped {
        let latency = self.clock.elapsed();
        if self.waiting > 0 {
            let tokens = self.waiting;
            self.arrivals.push(Arrival { at: latency, tokens, text: self.text, thinking: false });
        }
        Stamped { issued_at: self.issued_at, latency, arrivals: self.arrivals }
    }
}

/// The record of an inference from what was stamped and what came of it.
pub(crate) fn record(
    prompt: &Prompt,
    repetition: u32,
    sampling: &Sampling,
    stamped: Stamped,
    result: &Result<Generation, EngineError>,
) -> InferenceRecord {
    let Stamped { issued_at, latency, arrivals } = stamped;
    let generation = result.as_ref().ok();

    let outcome = match result {
        Ok(generation) => completed(generation, &arrivals, latency),
        Err(error) => Outcome::Failed { kind: error.kind(), message: error.to_string(), latency },
    };

    InferenceRecord {
        prompt: prompt.id.clone(),
        repetition,
        issued_at,
        input_text: Some(transcript(&prompt.body)),
        input_tokens: generation.and_then(|generation| generation.input_tokens),
        cached_input_tokens: generation.and_then(|generation| generation.cached_input_tokens),
        max_tokens: prompt.max_tokens,
        sampling: Arc::new(sampling.clone()),
        served: match result {
            Ok(generation) => generation.served.clone(),
            Err(error) => error.served_facts().cloned(),
        }
        .map(Box::new),
        outcome,
    }
}

fn completed(generation: &Generation, arrivals: &[Arrival], latency: Duration) -> Outcome {
    let cut = split(&generation.text, generation.opens_thinking);
    Outcome::Completed {
        text: Some(cut.answer.to_owned()),
        finish: generation.finish,
        output_tokens: generation.output_tokens,
        thinking: thinking(generation, &cut, arrivals),
        arrivals: arrivals.iter().map(|one| ChunkArrival { at: one.at, tokens: one.tokens }).collect(),
        latency,
    }
}

/// What the model thought, wherever it stands: beside the text, in it, or in the server's counts alone. `None` where it
/// did not think.
fn thinking(generation: &Generation, cut: &SplitText<'_>, arrivals: &[Arrival]) -> Option<Box<Thinking>> {
    let reported = generation.thinking_tokens.filter(|tokens| *tokens > 0);
    let is_beside = generation.thinking.is_some() || arrivals.iter().any(|one| one.thinking);
    if !is_beside && cut.thinking.is_empty() && reported.is_none() {
        return None;
    }

    let texts: Vec<String> = generation.thinking.iter().cloned().chain(cut.thinking_text()).collect();
    let counted = counted_thinking(cut, arrivals);
    let first_answer =
        arrivals.iter().find(|one| !one.thinking && cut.answer_from.is_some_and(|from| one.text > from));
    Some(Box::new(Thinking {
        text: (!texts.is_empty()).then(|| texts.join("\n")),
        tokens: reported.or_else(|| believed(counted, generation)),
        is_hidden: counted == 0 && reported.is_some(),
        first_answer: first_answer.map(|one| one.at),
    }))
}

/// Tokens of the chunks that hold nothing of the answer. An end of turn behind thinking is none of it.
fn counted_thinking(cut: &SplitText<'_>, arrivals: &[Arrival]) -> u32 {
    let mut before = 0;
    let mut counted: u32 = 0;
    for arrival in arrivals {
        let adds_text = arrival.thinking || arrival.text > before;
        before = arrival.text;
        let is_marked =
            !cut.thinking.is_empty() && cut.answer_from.map_or(adds_text, |from| arrival.text <= from);
        if arrival.thinking || is_marked {
            counted = counted.saturating_add(arrival.tokens);
        }
    }
    counted
}

/// A count from chunks, where chunks are tokens; `None` where the server's count shows that they are not.
fn believed(counted: u32, generation: &Generation) -> Option<u32> {
    let is_mismatch = generation.served.as_ref().is_some_and(|served| served.count_mismatch);
    (!is_mismatch && counted <= generation.output_tokens).then_some(counted)
}

/// The prompt as a person reads it: a lone user turn is its text, other conversations name the speakers.
fn transcript(body: &PromptBody) -> String {
    let PromptBody::Chat(turns) = body;
    match turns.as_slice() {
        [only] => only.content.clone(),
        turns => turns
            .iter()
            .map(|turn| format!("{}: {}", turn.role.name(), turn.content))
            .collect::<Vec<_>>()
            .join("\n\n"),
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::FinishReason;

    use super::*;

    /// Chunks of text or, in parentheses, of thinking that the engine keeps apart; one token each.
    fn outcome(chunks: &[&str], generation: Generation) -> Outcome {
        let mut stamps = Stamps::start();
        for chunk in chunks {
            let inner = chunk.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            stamps.chunk(Chunk { text: inner.unwrap_or(chunk), tokens: 1, thinking: inner.is_some() });
        }
        let stamped = stamps.stop();
        completed(&generation, &stamped.arrivals, stamped.latency)
    }

    fn generation(text: &str, output_tokens: u32) -> Generation {
        Generation {
            text: text.to_owned(),
            thinking: None,
            thinking_tokens: None,
            opens_thinking: false,
            token_ids: Vec::new(),
            output_tokens,
            input_tokens: None,
            cached_input_tokens: None,
            finish: FinishReason::Stop,
            served: None,
        }
    }

    /// The answer, the thinking, its tokens, and which chunk is the first of the answer.
    #[track_caller]
    fn check(
        chunks: &[&str],
        generation: Generation,
        answer: &str,
        expected: Option<(Option<&str>, Option<u32>)>,
        first: Option<usize>,
    ) {
        let outcome = outcome(chunks, generation);
        let first_token = outcome.time_to_first_answer_token();
        let Outcome::Completed { text, thinking, arrivals, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(text.as_deref(), Some(answer));
        let found = thinking.as_ref().map(|thinking| (thinking.text.as_deref(), thinking.tokens));
        assert_eq!(found, expected, "{chunks:?}");
        assert_eq!(
            first_token,
            first.and_then(|first| arrivals.iter().nth(first)).map(|one| one.at),
            "{chunks:?}"
        );
    }

    #[test]
    fn answers_without_thinking_stay_as_they_are() {
        check(&[" a", "b", ""], generation(" ab", 3), " ab", None, Some(0));
    }

    #[test]
    fn thinking_in_the_text_is_cut_off_and_counted() {
        let chunks = ["<think>", "\n", "hm", "\n", "</think>", "\n\n", "Pa", "ris", ""];
        let text = chunks.concat();
        check(&chunks, generation(&text, 9), "Paris", Some((Some("hm"), Some(6))), Some(6));
        // The prompt had opened it.
        let chunks = ["hm", "</think>", "Paris", ""];
        check(&chunks, generation("hm</think>Paris", 4), "Paris", Some((Some("hm"), Some(2))), Some(2));
    }

    #[test]
    fn thinking_beside_the_text_is_counted() {
        let beside = Generation { thinking: Some("hm".into()), ..generation("Paris", 4) };
        check(&["(h)", "(m)", "Paris", ""], beside, "Paris", Some((Some("hm"), Some(2))), Some(2));
    }

    #[test]
    fn thinking_that_only_the_server_counts_is_kept() {
        let hidden = Generation { thinking_tokens: Some(317), ..generation("Paris", 319) };
        check(&["Paris", ""], hidden, "Paris", Some((None, Some(317))), Some(0));
    }

    #[test]
    fn an_answer_that_never_began_has_no_first_token() {
        let chunks = ["<think>", "and", " so"];
        let cut = Generation { finish: FinishReason::Length, ..generation("<think>and so", 3) };
        check(&chunks, cut, "", Some((Some("and so"), Some(3))), None);

        let opened = Generation { opens_thinking: true, ..generation("and so", 2) };
        check(&["and", " so"], opened, "", Some((Some("and so"), Some(2))), None);

        let beside = Generation { thinking: Some("hm".into()), ..generation("", 2) };
        check(&["(hm)", ""], beside, "", Some((Some("hm"), Some(1))), None);
    }

    #[test]
    fn chunks_that_hold_several_tokens_count_none() {
        let served = infercost_core::ServedFacts { count_mismatch: true, ..Default::default() };
        let coarse = Generation { served: Some(served), ..generation("<think>hm</think>a", 9) };
        check(&["<think>hm</think>", "a"], coarse, "a", Some((Some("hm"), None)), Some(1));
    }
}
