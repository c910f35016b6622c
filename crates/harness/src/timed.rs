//! One inference, stamped with the one clock.

use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    Chunk, ChunkArrival, Engine, EngineError, Generation, GenerationRequest, InferenceRecord, Outcome,
    Prompt, PromptBody, Sampling,
};

/// Runs one inference and records when each chunk arrived.
///
/// TTFT is the first chunk with text, or the end-of-turn token of an empty answer. Chunks before it (a character
/// still incomplete) count their tokens towards it.
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
    arrivals: Vec<ChunkArrival>,
    /// Tokens that came before any text.
    waiting: u32,
}

/// What a [`Stamps`] saw.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) issued_at: SystemTime,
    pub(crate) latency: Duration,
    pub(crate) arrivals: Vec<ChunkArrival>,
}

impl Stamps {
    /// Starts the clock. Room for arrivals is made first.
    pub(crate) fn start() -> Self {
        let arrivals = Vec::with_capacity(64);
        Self { issued_at: SystemTime::now(), clock: Instant::now(), arrivals, waiting: 0 }
    }

    /// When the clock started.
    pub(crate) fn begun(&self) -> Instant {
        self.clock
    }

    /// A chunk is there.
    pub(crate) fn chunk(&mut self, chunk: Chunk<'_>) {
        let tokens = self.waiting.saturating_add(chunk.tokens);
        if chunk.text.is_empty() && self.arrivals.is_empty() {
            self.waiting = tokens;
        } else {
            self.arrivals.push(ChunkArrival { at: self.clock.elapsed(), tokens });
            self.waiting = 0;
        }
    }

    /// The answer is whole, or has failed.
    pub(crate) fn stop(mut self) -> Stamped {
        let latency = self.clock.elapsed();
        if self.waiting > 0 {
            self.arrivals.push(ChunkArrival { at: latency, tokens: self.waiting });
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
        Ok(generation) => completed(generation, arrivals, latency),
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
        sampling: sampling.clone(),
        served: match result {
            Ok(generation) => generation.served.clone(),
            Err(error) => error.served_facts().cloned(),
        },
        outcome,
    }
}

fn completed(generation: &Generation, arrivals: Vec<ChunkArrival>, latency: Duration) -> Outcome {
    Outcome::Completed {
        text: Some(generation.text.clone()),
        finish: generation.finish,
        output_tokens: generation.output_tokens,
        arrivals,
        latency,
    }
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
