//! The contract between the harness and whatever runs a model.

use infercost_schema::{EngineIdentity, FailureKind, FinishReason, PromptBody, Sampling};
use thiserror::Error;

/// Runs one model.
///
/// An engine never times itself: the harness stamps the clock in `on_chunk`, so that every engine is timed by
/// the same code.
pub trait Engine: Send {
    /// What runs, and how it was built. Fixed while the engine lives.
    fn identity(&self) -> &EngineIdentity;

    /// Tokens of the rendered prompt, or `None` where the engine cannot tell beforehand.
    ///
    /// # Errors
    /// [`EngineError::Template`] where the prompt cannot be rendered.
    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError>;

    /// Generates one answer. Each new piece of output goes to `on_chunk` as soon as it is there; the end-of-turn
    /// token counts as output (it took a decode step) and arrives as a chunk without text.
    ///
    /// No state is carried from one call to the next: equal requests do equal work.
    ///
    /// # Errors
    /// [`EngineError`]; chunks that arrived before it are void.
    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError>;

    /// Teacher-forced log-probabilities of a given continuation.
    ///
    /// # Errors
    /// [`EngineError::CannotScore`] where the engine has no access to log-probabilities, and all others.
    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError>;
}

/// One answer to ask for.
#[derive(Debug, Clone, Copy)]
pub struct GenerationRequest<'a> {
    /// The conversation.
    pub prompt: &'a PromptBody,
    /// Output limit, in tokens.
    pub max_tokens: u32,
    /// How tokens are chosen.
    pub sampling: &'a Sampling,
}

/// A piece of output, as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// New text; empty while a character is incomplete, and for the end-of-turn token.
    pub text: &'a str,
    /// Tokens behind it.
    pub tokens: u32,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The whole text, without special tokens.
    pub text: String,
    /// Output token ids, end-of-turn included; empty where the engine does not show them.
    pub token_ids: Vec<u32>,
    /// Output tokens.
    pub output_tokens: u32,
    /// Tokens of the rendered prompt.
    pub input_tokens: u32,
    /// Of those, tokens served from a prefix cache; `None` where unknown.
    pub cached_input_tokens: Option<u32>,
    /// Why it ended.
    pub finish: FinishReason,
}

/// A continuation to score.
#[derive(Debug, Clone, Copy)]
pub struct ScoreRequest<'a> {
    /// The conversation that comes before.
    pub prompt: &'a PromptBody,
    /// What follows it.
    pub continuation: Continuation<'a>,
    /// True where the whole distribution at each position is wanted, not only its value at the target.
    pub distribution: bool,
}

/// What follows the prompt in a [`ScoreRequest`].
#[derive(Debug, Clone, Copy)]
pub enum Continuation<'a> {
    /// Token ids, as another engine with the same tokenizer generated them.
    Tokens(&'a [u32]),
    /// Text, tokenized by this engine.
    Text(&'a str),
}

/// Log-probabilities of a continuation, in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScores {
    /// The continuation's tokens.
    pub targets: Vec<u32>,
    /// ln p of each target given all before it.
    pub log_probabilities: Vec<f64>,
    /// The distribution at each target's position, where asked for.
    pub distribution: Option<Distribution>,
}

/// ln-probabilities over the whole vocabulary, one row a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Row length.
    pub vocabulary: usize,
    /// Rows, one after the other.
    pub rows: Vec<f32>,
}

/// Why an engine could not do what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Prompt and output do not fit.
    #[error(
        "the prompt has {input} tokens and may be answered with {output}, but the model's context is {context}; shorten the prompt or lower max_tokens"
    )]
    ContextExceeded {
        /// Tokens of the prompt.
        input: usize,
        /// Tokens wanted behind it.
        output: usize,
        /// The model's limit.
        context: usize,
    },
    /// A logit was NaN or infinite.
    #[error(
        "the model's logits are not finite at position {position}: the weights are damaged, or the arithmetic overflowed"
    )]
    NotFinite {
        /// Position in the sequence, from 0.
        position: usize,
    },
    /// The chat template could not render the prompt.
    #[error("the model's chat template cannot render this prompt: {0}")]
    Template(String),
    /// The engine has no log-probabilities to give.
    #[error("this engine gives no log-probabilities: {0}")]
    CannotScore(String),
    /// The model's files cannot be used.
    #[error("{path}: {reason}")]
    Load {
        /// The file or folder.
        path: String,
        /// What is wrong, and what to try.
        reason: String,
    },
    /// The engine failed while computing.
    #[error("{0}")]
    Compute(String),
}

impl EngineError {
    /// The kind under which a failed inference is counted.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::ContextExceeded { .. } => FailureKind::ContextExceeded,
            Self::NotFinite { .. } => FailureKind::NotFinite,
            Self::Template(_) => FailureKind::Template,
            Self::CannotScore(_) | Self::Load { .. } | Self::Compute(_) => FailureKind::Engine,
        }
    }
}
