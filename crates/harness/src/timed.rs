//! One inference, stamped with the one clock.

use std::time::{Duration, Instant, SystemTime};

use infercost_engine::{Engine, Generation, GenerationRequest};
use infercost_schema::{ChunkArrival, InferenceRecord, Outcome, Prompt, PromptBody, Sampling};

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
    let mut arrivals: Vec<ChunkArrival> = Vec::with_capacity(64);
    let mut waiting = 0_u32;
    let issued_at = SystemTime::now();
    let clock = Instant::now();
    let result = engine.generate(&request, &mut |chunk| {
        let tokens = waiting.saturating_add(chunk.tokens);
        if chunk.text.is_empty() && arrivals.is_empty() {
            waiting = tokens;
        } else {
            arrivals.push(ChunkArrival { at: clock.elapsed(), tokens });
            waiting = 0;
        }
    });
    let latency = clock.elapsed();
    if waiting > 0 {
        arrivals.push(ChunkArrival { at: latency, tokens: waiting });
    }
    let (outcome, generation) = match result {
        Ok(generation) => (completed(&generation, arrivals, latency), Some(generation)),
        Err(error) => {
            let failed = Outcome::Failed { kind: error.kind(), message: error.to_string(), latency };
            (failed, None)
        }
    };
    let record = InferenceRecord {
        prompt: prompt.id.clone(),
        repetition,
        issued_at,
        input_text: Some(transcript(&prompt.body)),
        input_tokens: generation.as_ref().map_or(0, |generation| generation.input_tokens),
        cached_input_tokens: generation.as_ref().and_then(|generation| generation.cached_input_tokens),
        max_tokens: prompt.max_tokens,
        sampling: sampling.clone(),
        outcome,
    };
    (record, generation)
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
