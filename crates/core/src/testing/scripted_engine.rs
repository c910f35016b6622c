//! The scripted twin: an engine that does as it is told, for tests that need no weights.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use crate::{EngineIdentity, FinishReason, PromptBody};

use crate::{
    Chunk, Continuation, Distribution, Engine, EngineError, Generation, GenerationRequest, ScoreRequest,
    TokenScores,
};

/// What a [`ScriptedEngine`] does.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The answer to a conversation whose last turn has this text; others are answered `ok`.
    pub answers: HashMap<String, String>,
    /// Last turns that end in [`EngineError::Compute`].
    pub failures: Vec<String>,
    /// Pause before the first chunk.
    pub prefill: Duration,
    /// Pause before each further chunk.
    pub decode: Duration,
    /// Probability given to the right token, in (0, 1); the rest is spread evenly.
    pub certainty: f32,
}

/// Answers from a [`Script`]. Tokens are the bytes of the text; the vocabulary has 256 of them.
#[derive(Debug)]
pub struct ScriptedEngine {
    identity: EngineIdentity,
    script: Script,
}

const VOCABULARY: usize = 256;

impl ScriptedEngine {
    /// An engine that follows the script.
    pub fn new(script: Script) -> Self {
        let identity = EngineIdentity {
            engine: "scripted".into(),
            version: "1".into(),
            device: "none".into(),
            tokenizer_sha256: Some("bytes".into()),
            ..EngineIdentity::default()
        };
        Self { identity, script }
    }

    fn last_turn(prompt: &PromptBody) -> &str {
        let PromptBody::Chat(turns) = prompt;
        turns.last().map_or("", |turn| turn.content.as_str())
    }

    fn input_tokens(prompt: &PromptBody) -> u32 {
        let PromptBody::Chat(turns) = prompt;
        turns.iter().map(|turn| u32::try_from(turn.content.len()).unwrap_or(u32::MAX)).sum()
    }
}

impl Engine for ScriptedEngine {
    fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        Ok(Some(Self::input_tokens(prompt)))
    }

    fn input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<Vec<u32>>, EngineError> {
        let PromptBody::Chat(turns) = prompt;
        Ok(Some(turns.iter().flat_map(|turn| turn.content.bytes().map(u32::from)).collect()))
    }

    fn vocabulary_sha256(&self) -> Option<&str> {
        Some("bytes")
    }

    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        let asked = Self::last_turn(request.prompt);
        if self.script.failures.iter().any(|failing| failing == asked) {
            return Err(EngineError::Compute("the script says so".into()));
        }

        let answer = self.script.answers.get(asked).map_or("ok", String::as_str);
        let limit = usize::try_from(request.max_tokens).unwrap_or(usize::MAX);
        let mut text = String::new();
        let mut token_ids = Vec::new();
        for (index, character) in answer.chars().take(limit).enumerate() {
            sleep(if index == 0 { self.script.prefill } else { self.script.decode });
            let mut buffer = [0; 4];
            let piece: &str = character.encode_utf8(&mut buffer);
            on_chunk(Chunk { text: piece, tokens: 1, thinking: false });
            text.push(character);
            token_ids.extend(piece.bytes().map(u32::from));
        }

        let output_tokens = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let finish = if text.len() < answer.len() { FinishReason::Length } else { FinishReason::Stop };
        let input_tokens = Self::input_tokens(request.prompt);

        Ok(Generation {
            text,
            thinking: None,
            thinking_tokens: None,
            opens_thinking: false,
            token_ids,
            output_tokens,
            input_tokens: Some(input_tokens),
            cached_input_tokens: Some(0),
            finish,
            served: None,
        })
    }

    fn token_of_bytes(&self, bytes: &[u8]) -> Option<u32> {
        match bytes {
            [byte] => Some(u32::from(*byte)),
            _ => None,
        }
    }

    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        let targets: Vec<u32> = match request.continuation {
            Continuation::Tokens(ids) => ids.to_vec(),
            Continuation::Text(text) => text.bytes().map(u32::from).collect(),
        };
        let expected = self.script.answers.get(Self::last_turn(request.prompt)).map_or("ok", String::as_str);
        let certain = self.script.certainty.clamp(0.01, 0.99).ln();
        let other = ((1.0 - certain.exp()) / (VOCABULARY as f32 - 1.0)).ln();
        let mut rows = vec![other; VOCABULARY * targets.len()];
        let mut log_probabilities = Vec::with_capacity(targets.len());
        for (row, (target, right)) in rows
            .chunks_exact_mut(VOCABULARY)
            .zip(targets.iter().zip(expected.bytes().chain(std::iter::repeat(0))))
        {
            if let Some(likeliest) = row.get_mut(usize::from(right)) {
                *likeliest = certain;
            }
            let target = usize::try_from(*target).ok().and_then(|target| row.get(target));
            log_probabilities.push(f64::from(*target.ok_or(EngineError::NotFinite { position: 0 })?));
        }
        let distribution = request.distribution.then_some(Distribution { vocabulary: VOCABULARY, rows });

        Ok(TokenScores { targets, log_probabilities, distribution })
    }
}
